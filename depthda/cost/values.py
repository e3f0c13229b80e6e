"""Operations that need the values of their tensors: what a GPU makes the CPU wait for.

Fake tensors have no values, so these operations get made-up answers. The answers are chosen so that
a program continues as it does with valid data.
"""

from typing import Any

import torch
from torch import Tensor

_NEEDS_VALUES = ('_local_scalar_dense', 'is_nonzero', 'equal')
_OF_UNKNOWN_SIZE = ('nonzero', 'masked_select', '_unique2', 'unique_dim', 'repeat_interleave')
_INDEXING = ('index', 'index_put', 'index_put_', '_unsafe_index')


def waits_for(name: str, args: tuple) -> str | None:
    """Return what makes the CPU wait in an operation on the device, or None."""
    if name in _NEEDS_VALUES:
        return 'value'
    if name in (*_OF_UNKNOWN_SIZE, 'bincount'):
        return name
    if name in _INDEXING and any(_is_mask(index) for index in args[1]):
        return 'boolean mask'
    return None


def transfer(name: str, args: tuple, kwargs: dict, result: Any) -> str | None:
    """Return ``'to the CPU'`` or ``'to the GPU'`` for a copy for which the CPU waits, or None.

    A copy to the GPU waits unless it is asynchronous.
    """
    if name not in ('_to_copy', 'copy_'):
        return None
    origin, target = (args[0], result) if name == '_to_copy' else (args[1], args[0])
    devices = origin.device.type, target.device.type
    if devices == ('cuda', 'cpu'):
        return 'to the CPU'
    is_asynchronous = kwargs.get('non_blocking') or (name == 'copy_' and len(args) > 2 and args[2])
    if devices == ('cpu', 'cuda') and not is_asynchronous:
        return 'to the GPU'
    return None


def answer(name: str, func: Any, args: tuple, kwargs: dict) -> Any:
    """Return a made-up result of an operation for which :func:`waits_for` returns a reason."""
    first = args[0]
    if name == '_local_scalar_dense':
        return scalar(first)
    if name in ('is_nonzero', 'equal'):
        return True
    if name == 'bincount':
        count = kwargs.get('minlength') or (args[2] if len(args) > 2 else 0) or 1
        return first.new_empty(count, dtype=torch.long)
    half = max(first.numel() // 2, 1)
    if name == 'nonzero':
        return first.new_empty(half, first.ndim, dtype=torch.long)
    if name == 'masked_select':
        return first.new_empty(half)
    if name == '_unique2':
        values, inverse = first.new_empty(2), first.new_empty(first.shape, dtype=torch.long)
        return values, inverse, first.new_empty(2, dtype=torch.long)
    if name in _INDEXING:
        return _with_indices(func, args, kwargs)
    return func(*args, **kwargs)


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)


def scalar(tensor: Tensor) -> bool | int | float:
    """Return a value of a tensor with one element: ``all`` is true, and ``any`` is false."""
    if tensor.dtype == torch.bool:
        return getattr(tensor, 'made_by', '') != 'any'
    return 1.0 if tensor.dtype.is_floating_point else 0


def _with_indices(func: Any, args: tuple, kwargs: dict) -> Any:
    """Index as if half of each boolean mask were true."""
    indices = []
    for index in args[1]:
        if _is_mask(index):
            count = max(index.numel() // 2, 1)
            indices += [index.new_empty(count, dtype=torch.long) for _ in range(index.ndim)]
        else:
            indices.append(index)
    rest = args[2:]
    if func._schema.name.startswith('aten::index_put') and rest[0].ndim:
        rest = (rest[0].reshape(-1)[0], *rest[1:])
    return func(args[0], indices, *rest, **kwargs)
