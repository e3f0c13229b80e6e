"""Operations on tensors and modules that several models share, and their default norm."""

import torch
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.nn import functional as F

NORM = dict(type='SyncBN', requires_grad=True)  # acts as plain BN in a single process


def unwrapped(model: nn.Module) -> nn.Module:
    """Return a model without the wrapper of a distributed training."""
    return model.module if is_model_wrapper(model) else model


def at_least_float32(tensor: Tensor) -> Tensor:
    """Convert a half-precision tensor to float32; return any other tensor unchanged."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def weighted(losses: dict[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Multiply the losses by ``weight``, but not the values that are only logged."""
    if weight == 1:
        return losses

    def scaled(value):
        return [weight * item for item in value] if isinstance(value, list) else weight * value

    return {name: scaled(value) if 'loss' in name else value for name, value in losses.items()}


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps (N, C, H, W) bilinearly, unless they already have ``size``."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    return F.interpolate(maps, tuple(size), mode='bilinear', align_corners=False)
