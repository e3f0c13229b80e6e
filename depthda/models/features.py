"""The two shapes in which features of optical bands and depth travel through a model."""

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor


class PairedFeatures(NamedTuple):
    """What ``DualBackbone`` returns: the feature maps of both encoders, fine to coarse.

    Each field is a tuple of (N, C_i, H_i, W_i), one entry a stage.
    """

    rgb: tuple[Tensor, ...]
    depth: tuple[Tensor, ...]


class GuidedFeatures(tuple):
    """Fused feature maps that also carry the depth encoder's as ``.depth``.

    For a stock head it is the plain tuple of fused maps: the depth maps are an attribute, not
    elements, so that a head with ``in_index=-1`` cannot pick one up by accident.
    """

    depth: tuple[Tensor, ...]

    def __new__(cls, fused: Iterable[Tensor], depth: Iterable[Tensor]) -> 'GuidedFeatures':
        features = super().__new__(cls, fused)
        features.depth = tuple(depth)
        return features

    def __getnewargs__(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        return tuple(self), self.depth
