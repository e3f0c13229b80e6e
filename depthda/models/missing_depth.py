"""Handle pixels without depth (NaN) when a model encodes or resizes depth."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def fill_missing(depth: Tensor, channels: int = 1) -> Tensor:
    """Replace missing values of depth (N, 1, H, W) by 0 and repeat the channel.

    0 is the mean of normalised depth. An encoder pretrained on colour images needs three channels.
    """
    return torch.where(depth.isfinite(), depth, 0).expand(-1, channels, -1, -1)


def resize_depth(
    depth: Tensor, size: tuple[int, int], mode: Literal['bilinear', 'nearest']
) -> tuple[Tensor, Tensor]:
    """Resize depth (N, 1, H, W); return it with 0 instead of NaN, and a mask of valid values.

    A resized value is valid if all values that contributed to it are valid.
    """
    valid = depth.isfinite()
    depth = depth.masked_fill(~valid, 0)
    if tuple(depth.shape[2:]) == tuple(size):
        return depth, valid
    corners = None if mode == 'nearest' else False
    # Resize the mask of missing pixels rather than that of valid ones. A missing pixel that
    # contributes always gives a value above 0. In a mask of valid pixels, rounding may give a value
    # below 1 even if all contributing pixels are valid.
    both = torch.cat([depth, (~valid).to(depth.dtype)], dim=1)
    resized = F.interpolate(both, size, mode=mode, align_corners=corners)
    depth, missing = resized.split(1, dim=1)
    return depth, missing == 0
