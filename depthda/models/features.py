"""The two containers in which features of optical bands and depth pass through a model."""

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor


class PairedFeatures(NamedTuple):
    """The feature maps of both encoders of ``DualBackbone``, fine to coarse.

    Each field is a tuple of maps (N, C_i, H_i, W_i), one per stage.
    """

    rgb: tuple[Tensor, ...]
    depth: tuple[Tensor, ...]


class GuidedFeatures(tuple):
    """Fused feature maps that also carry those of the depth encoder as ``.depth``.

    For mmseg's heads this is the plain tuple of fused maps. The depth maps are an attribute, not
    elements, so that a head with ``in_index=-1`` cannot read one by accident.
    """

    depth: tuple[Tensor, ...]

    def __new__(cls, fused: Iterable[Tensor], depth: Iterable[Tensor]) -> 'GuidedFeatures':
        features = super().__new__(cls, fused)
        features.depth = tuple(depth)
        return features

    def __getnewargs__(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        return tuple(self), self.depth
