"""What becomes of pixels without depth (NaN) when a model encodes or resizes depth."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def fill_missing(depth: Tensor, channels: int = 1) -> Tensor:
    """Replace missing depth (N, 1, H, W) by 0, the mean, and repeat the result ``channels`` times.

    An encoder that was pretrained on colour images takes three channels.
    """
    return torch.where(depth.isfinite(), depth, 0).expand(-1, channels, -1, -1)


def resize_depth(
    depth: Tensor, size: tuple[int, int], mode: Literal['bilinear', 'nearest']
) -> tuple[Tensor, Tensor]:
    """Resize depth (N, 1, H, W), NaN where it is missing, and mark where the result is valid.

    A resized value is valid if all values that were blended into it are.
    """
    valid = depth.isfinite()
    depth = depth.masked_fill(~valid, 0)
    if tuple(depth.shape[2:]) == tuple(size):
        return depth, valid
    corners = None if mode == 'nearest' else False
    # The holes are resized, not the valid pixels: the smallest part of a hole is above 0, whatever
    # is rounded.
    both = torch.cat([depth, (~valid).to(depth.dtype)], dim=1)
    depth, holes = F.interpolate(both, size, mode=mode, align_corners=corners).split(1, dim=1)
    return depth, holes == 0
