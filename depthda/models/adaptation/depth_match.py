"""Bring relative depth of one image to the scale of another."""

import torch
from torch import Tensor

_LEAST = 1e-6  # spread of a map that counts as flat


def match_depth(depth: Tensor, other: Tensor) -> Tensor:
    """Give each map of ``depth`` (N, H, W) the median and quartile range of its partner.

    Missing values (NaN) stay missing. A map that is flat, or whose partner has no value, keeps its
    own.
    """
    return torch.stack([_match(*pair) for pair in zip(depth, other, strict=True)])


def _match(depth: Tensor, other: Tensor) -> Tensor:
    own, theirs = (values[values.isfinite()] for values in (depth, other))
    if not len(own) or not len(theirs):
        return depth
    low, middle, high = own.quantile(own.new_tensor([0.25, 0.5, 0.75]))
    other_low, other_middle, other_high = theirs.quantile(theirs.new_tensor([0.25, 0.5, 0.75]))
    if high - low < _LEAST:
        return depth
    return (depth - middle) * (other_high - other_low) / (high - low) + other_middle
