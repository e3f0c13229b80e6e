"""The classifier of DeepLabV2: parallel dilated convolutions straight to the classes."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class DeepLabV2Head(BaseDecodeHead):
    """Sum dilated 3 × 3 convolutions of one feature map, each with a channel per class.

    Citation: L.-C. Chen et al., "DeepLab", TPAMI 2018. AdaptSegNet and its successors use it.

    Args:
        dilations: Dilations of the convolutions.
        **kwargs: Passed to mmseg's ``BaseDecodeHead``.
    """

    def __init__(self, dilations: Sequence[int] = (6, 12, 18, 24), **kwargs) -> None:
        # The head has no hidden channels, and no dropout after them.
        kwargs = dict(channels=1, dropout_ratio=0.0) | kwargs
        kwargs.setdefault('init_cfg', dict(type='Normal', layer='Conv2d', std=0.01))
        super().__init__(**kwargs)
        del self.conv_seg
        self.branches = nn.ModuleList(
            nn.Conv2d(self.in_channels, self.out_channels, 3, padding=rate, dilation=rate)
            for rate in dilations
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits at the size of the feature map."""
        features = self._transform_inputs(inputs)
        return sum(branch(features) for branch in self.branches)
