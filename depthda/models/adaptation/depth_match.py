"""Bring relative depth of one image to the scale of another."""

import torch
from torch import Tensor

_MOST = 10.0  # by which a spread is multiplied or divided; mostly flat ground has hardly any


def match_depth(depth: Tensor, other: Tensor) -> Tensor:
    """Give each map of ``depth`` (N, H, W) the median and quartile range of its partner.

    Missing values (NaN) stay missing. A map whose partner has no value keeps its own.
    """
    return torch.stack([_match(*pair) for pair in zip(depth, other, strict=True)])


def _match(depth: Tensor, other: Tensor) -> Tensor:
    own, theirs = (values[values.isfinite()] for values in (depth, other))
    if not len(own) or not len(theirs):
        return depth
    low, middle, high = own.quantile(own.new_tensor([0.25, 0.5, 0.75]))
    other_low, other_middle, other_high = theirs.quantile(theirs.new_tensor([0.25, 0.5, 0.75]))
    ratio = (other_high - other_low) / (high - low).clamp(min=torch.finfo(depth.dtype).tiny)
    return (depth - middle) * ratio.clamp(1 / _MOST, _MOST) + other_middle
