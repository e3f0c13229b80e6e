"""An encoder that receives depth only."""

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor

from depthda.models.missing_depth import fill_missing


@MODELS.register_module()
class DepthBackbone(BaseModule):
    """Feed any backbone with depth (the last channel of an image) and no optical bands.

    Args:
        backbone: Config of the backbone.
        in_channels: Input channels of the backbone, to which depth is replicated.
    """

    def __init__(
        self, backbone: ConfigType, in_channels: int = 3, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.in_channels = in_channels

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode the last channel of images (N, C, H, W); missing depth (NaN) becomes 0."""
        return tuple(self.backbone(fill_missing(inputs[:, -1:], self.in_channels)))
