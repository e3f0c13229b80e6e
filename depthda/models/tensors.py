"""Operations on tensors and a norm that several models share."""

import torch
from torch import Tensor
from torch.nn import functional as F

NORM = dict(type='SyncBN', requires_grad=True)  # acts as plain BN in a single process


def at_least_float32(tensor: Tensor) -> Tensor:
    """Convert a half-precision tensor to float32; return others unchanged."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps (N, C, H, W) bilinearly, unless they already have ``size``."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    return F.interpolate(maps, tuple(size), mode='bilinear', align_corners=False)
