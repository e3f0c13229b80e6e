"""DepthSeg's adapter: trained layers on top of the frozen encoder."""

from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.models.tensors import NORM


@MODELS.register_module()
class LightweightAdapter(BaseModule):
    """Apply a 1×1 convolution, batch norm and ReLU to each feature map; shapes do not change.

    Args:
        channels: Channels of each feature map of the encoder.
        norm_cfg: Norm after each convolution.
    """

    def __init__(
        self, channels: Sequence[int], norm_cfg: ConfigType = NORM, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.blocks = nn.ModuleList(
            ConvModule(width, width, kernel_size=1, norm_cfg=norm_cfg) for width in channels
        )

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Adapt feature maps (N, C_i, H_i, W_i)."""
        return tuple(block(maps) for block, maps in zip(self.blocks, features, strict=True))
