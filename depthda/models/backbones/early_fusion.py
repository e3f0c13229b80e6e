"""One encoder for optical bands and depth together, whose stem has one more channel."""

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.missing_depth import fill_missing


@MODELS.register_module()
class EarlyFusionBackbone(BaseModule):
    """Add depth as another input band to the first convolution (the stem) of any backbone.

    A convolution over four channels is the sum of one over three channels and one over the fourth.
    So the backbone keeps its own stem and pretrained weights, and the output of a second stem for
    depth is added to that of the first. The weights of the second stem start at zero, so training
    starts from the RGB-only backbone. Missing depth (NaN) becomes 0, the mean.

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
        shape = stem.kernel_size, stem.stride, stem.padding, stem.dilation
        self.depth_stem = nn.Conv2d(1, stem.out_channels, *shape, bias=False)
        nn.init.zeros_(self.depth_stem.weight)
        self._depth: Tensor | None = None
        stem.register_forward_hook(self._add_depth)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, optical_bands + 1, H, W) with depth last."""
        self._depth = fill_missing(inputs[:, -1:])
        try:
            return tuple(self.backbone(inputs[:, : self.optical_bands]))
        finally:
            self._depth = None

    def _add_depth(self, stem: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        return output + self.depth_stem(self._depth)
