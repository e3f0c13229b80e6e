"""Backbones that wrap other backbones, to read depth or to add a neck."""

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.features import PairedFeatures
from depthda.models.missing_depth import fill_missing


@MODELS.register_module()
class DualBackbone(BaseModule):
    """Split the optical bands from depth and encode each with its own backbone.

    Any two registered backbones can be combined, including mmseg's. Where depth is missing (NaN)
    the depth encoder receives 0, the mean of normalised depth.

    Args:
        rgb: Config of the backbone for the optical bands.
        depth: Config of the backbone for depth.
        optical_bands: Number of optical bands; depth is the channel after them.
        depth_in_channels: Input channels of the depth backbone; depth is repeated to fill them. A
            backbone pretrained on colour images has three.
    """

    def __init__(
        self,
        rgb: ConfigType,
        depth: ConfigType,
        optical_bands: int = 3,
        depth_in_channels: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.rgb = MODELS.build(rgb)
        self.depth = MODELS.build(depth)
        self.optical_bands = optical_bands
        self.depth_in_channels = depth_in_channels

    def forward(self, inputs: Tensor) -> PairedFeatures:
        """Encode images (N, optical_bands + 1, H, W) with depth last."""
        if inputs.shape[1] != self.optical_bands + 1:
            raise UserError(
                f'DualBackbone got images with {inputs.shape[1]} channels, but it needs '
                f'{self.optical_bands} optical bands followed by depth: set a depth folder for the '
                "dataset, add LoadDepth to the pipeline, and keep data_preprocessor.depth='input'."
            )
        depth = fill_missing(inputs[:, -1:], self.depth_in_channels)
        return PairedFeatures(tuple(self.rgb(inputs[:, :-1])), tuple(self.depth(depth)))


@MODELS.register_module()
class DepthBackbone(BaseModule):
    """Feed any backbone only with depth, the last channel of an image.

    Args:
        backbone: Config of the backbone.
        in_channels: Input channels of the backbone; depth is repeated to fill them.
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
                f'{type(self.backbone).__name__} does not begin with a convolution over '
                f'{optical_bands} bands, so EarlyFusionBackbone cannot add depth: use another '
                'backbone, or set optical_bands.'
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


@MODELS.register_module()
class NeckedBackbone(BaseModule):
    """Use ``neck(backbone(x))`` as one backbone, for example inside a ``DualBackbone``.

    A plain ViT returns feature maps of one stride, but fusion and heads need four strides (4 to
    32). For patches of 16, this neck builds them:
    ``neck=dict(type='Feature2Pyramid', embed_dim=384, rescales=[4, 2, 1, 0.5])``.
    """

    def __init__(
        self, backbone: ConfigType, neck: ConfigType, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, C, H, W)."""
        return tuple(self.neck(self.backbone(inputs)))
