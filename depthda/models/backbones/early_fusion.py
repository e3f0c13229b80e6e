"""One encoder for optical bands and depth together: the stem has a channel more."""

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.errors import UserError


@MODELS.register_module()
class EarlyFusionBackbone(BaseModule):
    """Any backbone, whose first convolution sees depth as a further band.

    A convolution of four channels is one of three plus one of one, so the backbone keeps its own
    stem (and pretrained weights), and a stem for depth is added to its output. It starts at zero:
    the backbone starts as the RGB-only one. Where there is no depth (NaN) it sees 0, the mean.

    Args:
        backbone: Config of a backbone for the optical bands.
        optical_bands: Number of optical bands; depth is the channel after them.
    """

    def __init__(
        self, backbone: ConfigType, optical_bands: int = 3, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.optical_bands = optical_bands
        stem = next((m for m in self.backbone.modules() if isinstance(m, nn.Conv2d)), None)
        if stem is None or stem.in_channels != optical_bands:
            raise UserError(
                f'{type(self.backbone).__name__} does not begin with a convolution of '
                f'{optical_bands} bands, so depth cannot be fused early.'
            )
        self.depth_stem = nn.Conv2d(
            1,
            stem.out_channels,
            stem.kernel_size,
            stem.stride,
            stem.padding,
            stem.dilation,
            bias=False,
        )
        nn.init.zeros_(self.depth_stem.weight)
        self._depth: Tensor | None = None
        stem.register_forward_hook(self._add_depth)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, optical_bands + 1, H, W) with depth last."""
        depth = inputs[:, -1:]
        self._depth = torch.where(depth.isfinite(), depth, 0)
        try:
            return tuple(self.backbone(inputs[:, : self.optical_bands]))
        finally:
            self._depth = None

    def _add_depth(self, stem: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        return output + self.depth_stem(self._depth)
