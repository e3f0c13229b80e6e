"""Compute losses and statistics in single precision or better."""

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return half-precision tensors as float32, and others unchanged."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
