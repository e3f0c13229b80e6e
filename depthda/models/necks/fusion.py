"""Fuse optical and depth features, stage by stage."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.features import GuidedFeatures, PairedFeatures


class PairedFusion(BaseModule, metaclass=ABCMeta):
    """Base class that fuses the paired features of ``DualBackbone`` into one tuple for mmseg heads.

    All fusions have the same arguments, so a config only changes ``type`` to use another fusion.

    Args:
        rgb_channels: Channels of the optical features, one value per stage.
        depth_channels: Channels of the depth features, one value per stage.
    """

    out_channels: list[int]  # of the fused features, which a head's in_channels must equal

    def __init__(
        self,
        rgb_channels: Sequence[int],
        depth_channels: Sequence[int],
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        for key, channels in dict(rgb=rgb_channels, depth=depth_channels).items():
            is_list = isinstance(channels, list | tuple)
            if not (is_list and all(isinstance(count, int) and count > 0 for count in channels)):
                raise UserError(
                    f'{key}_channels={channels!r} of {type(self).__name__} must be a list of '
                    f'integers: the channels of the {key} backbone, one value per stage.'
                )
        if len(rgb_channels) != len(depth_channels):
            raise UserError(
                f'{type(self).__name__} has {len(rgb_channels)} rgb_channels but '
                f'{len(depth_channels)} depth_channels: set one value per stage in both.'
            )
        self.rgb_channels = list(rgb_channels)
        self.depth_channels = list(depth_channels)
        self.out_channels = list(rgb_channels)

    @abstractmethod
    def fuse(self, stage: int, rgb: Tensor, depth: Tensor) -> Tensor:
        """Fuse the (N, C, H, W) features of one stage."""

    def forward(self, features: PairedFeatures) -> GuidedFeatures:
        """Fuse every stage, and keep the depth features as ``.depth`` of the result."""
        self._check(features)
        pairs = zip(features.rgb, features.depth, strict=True)
        fused = [self.fuse(stage, rgb, depth) for stage, (rgb, depth) in enumerate(pairs)]
        return GuidedFeatures(fused, features.depth)

    def _check(self, features: PairedFeatures) -> None:
        name = type(self).__name__
        rgb = [tuple(feature.shape[1:]) for feature in features.rgb]
        depth = [tuple(feature.shape[1:]) for feature in features.depth]
        if [shape[1:] for shape in rgb] != [shape[1:] for shape in depth]:
            raise UserError(
                f'{name} cannot pair optical features {rgb} with depth features {depth} '
                '(channels, height, width): use the same strides and out_indices in both backbones.'
            )
        actual = [shape[0] for shape in rgb], [shape[0] for shape in depth]
        if actual != (self.rgb_channels, self.depth_channels):
            raise UserError(
                f'{name} got features with {actual[0]} (rgb) and {actual[1]} (depth) channels, but '
                f'its config has {self.rgb_channels} and {self.depth_channels}: set rgb_channels '
                'and depth_channels to the channels of the features.'
            )


@MODELS.register_module()
class ConcatFusion(PairedFusion):
    """Concatenate optical and depth features along the channels, without parameters."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        pairs = zip(self.rgb_channels, self.depth_channels, strict=True)
        self.out_channels = [rgb + depth for rgb, depth in pairs]

    def fuse(self, stage: int, rgb: Tensor, depth: Tensor) -> Tensor:
        return torch.cat([rgb, depth], dim=1)


@MODELS.register_module()
class AddFusion(PairedFusion):
    """Compute rgb + P(depth), where the 1x1 convolution P has as many output channels as rgb."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        pairs = zip(self.rgb_channels, self.depth_channels, strict=True)
        self.projections = nn.ModuleList(nn.Conv2d(depth, rgb, 1) for rgb, depth in pairs)

    def fuse(self, stage: int, rgb: Tensor, depth: Tensor) -> Tensor:
        return rgb + self.projections[stage](depth)


@MODELS.register_module()
class GatedFusion(PairedFusion):
    """Compute rgb + MLP(depth * sigmoid(G(concat(rgb, depth)))).

    G is a 1x1 convolution whose output has as many channels as depth. The MLP is two 1x1
    convolutions with a GELU between them, whose outputs both have as many channels as rgb.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        pairs = zip(self.rgb_channels, self.depth_channels, strict=True)
        gates, mlps = zip(*(self._layers(rgb, depth) for rgb, depth in pairs), strict=True)
        self.gates, self.mlps = nn.ModuleList(gates), nn.ModuleList(mlps)

    @staticmethod
    def _layers(rgb: int, depth: int) -> tuple[nn.Module, nn.Module]:
        """Build the gate and the MLP of one stage."""
        mlp = nn.Sequential(nn.Conv2d(depth, rgb, 1), nn.GELU(), nn.Conv2d(rgb, rgb, 1))
        return nn.Conv2d(rgb + depth, depth, 1), mlp

    def fuse(self, stage: int, rgb: Tensor, depth: Tensor) -> Tensor:
        gate = self.gates[stage](torch.cat([rgb, depth], dim=1)).sigmoid()
        return rgb + self.mlps[stage](depth * gate)


@MODELS.register_module()
class SpatialGatedFusion(GatedFusion):
    """The gated fusion of the released code: one gate per position, shared by all channels.

    G is a 1x1 convolution without bias, whose output has one channel. The MLP is two 1x1
    convolutions with a GELU between them: the first output has as many channels as depth, the
    second as many as rgb.
    """

    @staticmethod
    def _layers(rgb: int, depth: int) -> tuple[nn.Module, nn.Module]:
        """Build the gate and the MLP of one stage."""
        mlp = nn.Sequential(nn.Conv2d(depth, depth, 1), nn.GELU(), nn.Conv2d(depth, rgb, 1))
        return nn.Conv2d(rgb + depth, 1, 1, bias=False), mlp
