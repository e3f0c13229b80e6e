"""Containers that carry features of optical bands and depth through a model."""

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
    """A tuple of fused feature maps, with the feature maps of the depth encoder as ``.depth``.

    mmseg's heads read it as a plain tuple. The depth features are an attribute rather than further
    elements, so that a head with ``in_index=-1`` cannot read them by accident.
    """

    depth: tuple[Tensor, ...]

    def __new__(cls, fused: Iterable[Tensor], depth: Iterable[Tensor]) -> 'GuidedFeatures':
        features = super().__new__(cls, fused)
        features.depth = tuple(depth)
        return features

    def __getnewargs__(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        return tuple(self), self.depth
