"""What several models share: small operations on tensors, and a norm."""

import torch
from torch import Tensor
from torch.nn import functional as F

NORM = dict(type='SyncBN', requires_grad=True)  # plain BN where one process trains


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return half-precision tensors as float32, and others unchanged."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps (N, C, H, W) bilinearly to ``size``; return them unchanged if they have it."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    return F.interpolate(maps, tuple(size), mode='bilinear', align_corners=False)
