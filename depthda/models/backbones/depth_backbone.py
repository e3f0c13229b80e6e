"""An encoder that sees depth alone."""

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor


@MODELS.register_module()
class DepthBackbone(BaseModule):
    """Any backbone fed with depth, the last channel, and no optical band.

    Args:
        backbone: Config of the backbone.
        in_channels: Its input channels; depth is replicated to that many.
    """

    def __init__(
        self, backbone: ConfigType, in_channels: int = 3, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.in_channels = in_channels

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, C, H, W) by their last channel; no depth (NaN) is 0, the mean."""
        depth = inputs[:, -1:]
        depth = torch.where(depth.isfinite(), depth, 0).expand(-1, self.in_channels, -1, -1)
        return tuple(self.backbone(depth))
