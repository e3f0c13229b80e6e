"""The classifier of DeepLabV2, and DeepLabV3's head as torchvision and others build it."""

from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads import ASPPHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class DeepLabV2Head(BaseDecodeHead):
    """Sum dilated 3 × 3 convolutions of one feature map, each with a channel per class.

    Citation: L.-C. Chen et al., "DeepLab", TPAMI 2018. AdaptSegNet and its successors use it.

    Args:
        dilations: Dilations of the convolutions.
        temperature: The logits are divided by this; FADA uses 1.8.
        **kwargs: Passed to mmseg's ``BaseDecodeHead``.
    """

    def __init__(
        self, dilations: Sequence[int] = (6, 12, 18, 24), temperature: float = 1.0, **kwargs
    ) -> None:
        # The convolutions return logits, so there are no hidden channels and no dropout after them.
        kwargs = dict(channels=1, dropout_ratio=0.0) | kwargs
        kwargs.setdefault('init_cfg', dict(type='Normal', layer='Conv2d', std=0.01))
        super().__init__(**kwargs)
        del self.conv_seg
        self.temperature = temperature
        self.branches = nn.ModuleList(
            nn.Conv2d(self.in_channels, self.out_channels, 3, padding=rate, dilation=rate)
            for rate in dilations
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits at the size of the feature map."""
        features = self._transform_inputs(inputs)
        return sum(branch(features) for branch in self.branches) / self.temperature


@MODELS.register_module()
class ProjectedASPPHead(ASPPHead):
    """``ASPPHead`` with a 1 × 1 convolution and dropout before its 3 × 3 convolution.

    Args:
        dropout_ratio: Rate of the element-wise dropout after the 1 × 1 convolution.
    """

    def __init__(self, dropout_ratio: float = 0.5, **kwargs) -> None:
        super().__init__(dropout_ratio=0.0, **kwargs)
        layers = dict(conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        self.bottleneck = nn.Sequential(
            ConvModule((len(self.dilations) + 1) * self.channels, self.channels, 1, **layers),
            nn.Dropout(dropout_ratio),
            ConvModule(self.channels, self.channels, 3, padding=1, **layers),
        )
