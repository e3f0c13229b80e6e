"""Count what a program would do on a GPU, from its operations on fake CUDA tensors."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from depthda.cost.cards import GraphicsCard
from depthda.cost.memory import Memory
from depthda.cost.values import answer, scalar, transfer, waits_for

# Operations without a kernel: they allocate, or change only the description of a tensor.
_NO_KERNEL = {
    'empty', 'empty_like', 'new_empty', 'empty_strided', 'new_empty_strided', 'detach', 'detach_',
    'lift_fresh', 'alias', 'set_', 'resize_', 'is_pinned', 'record_stream', 'unbind',
    '_has_compatible_shallow_copy_type',
}  # fmt: skip
_CONVOLUTIONS = ('convolution', 'convolution_backward')


class StepCounter(TorchDispatchMode):
    """Counts launches, casts, waits, FLOPs, bytes and memory of the operations on the device.

    A *launch* is an ATen operation that runs at least one kernel. A *wait* is an operation whose
    result the CPU needs before it can go on. Bytes are those of all inputs and outputs; operations
    that are fused, or that find their inputs in a cache, move fewer.
    """

    def __init__(self, cards: Sequence[GraphicsCard] = ()) -> None:
        super().__init__()
        self.cards = cards
        self.memory = Memory()
        self.reset()

    def reset(self) -> None:
        """Set the counts to zero; the peak becomes the memory that is in use now."""
        self.launches: Counter[tuple[str, str]] = Counter()  # (phase, operation)
        self.waits: Counter[tuple[str, str]] = Counter()  # (reason, place)
        self.casts: Counter[str] = Counter()  # by types
        self.flops = self.moved = 0
        self.seconds = dict.fromkeys((card.title for card in self.cards), 0.0)
        self.by_limit = {card.title: Counter[str]() for card in self.cards}
        self.memory.peak = self.memory.live

    def __enter__(self) -> 'StepCounter':
        # FakeTensor asks for one element after the other, but a GPU copies all of them at once.
        self._lists = patch.object(FakeTensor, 'tolist', lambda tensor: self._as_list(tensor))
        self._lists.start()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        self._lists.stop()
        super().__exit__(*error)

    def _as_list(self, tensor: FakeTensor) -> Any:
        if tensor.device.type == 'cuda':
            self.waits['value', place()] += 1
        return np.full(tuple(tensor.shape), scalar(tensor)).tolist()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        space, name = func._schema.name.split('::')
        if space == 'prim':
            return func(*args, **kwargs)
        inputs = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        on_device = any(t.device.type == 'cuda' for t in inputs)
        reason = waits_for(name, args) if on_device else None
        result = answer(name, func, args, kwargs) if reason else func(*args, **kwargs)
        result = _in_layout_of_inputs(name, inputs, result)
        reason = reason or transfer(name, args, kwargs, result)
        if reason:
            self.waits[reason, place()] += 1
        outputs = [t for t in tree_leaves(result) if isinstance(t, Tensor)]
        for tensor in outputs:
            self.memory.add(tensor)
            if name in ('any', 'all'):
                tensor.made_by = name
        on_device = on_device or any(t.device.type == 'cuda' for t in outputs)
        if on_device and name not in _NO_KERNEL and not _is_view(func, inputs, outputs):
            self._count(name, func, args, kwargs, result, inputs, outputs)
        return result

    def _count(self, name, func, args, kwargs, result, inputs, outputs) -> None:
        self.launches[_phase(name), name] += 1
        moved = sum(_bytes(t) for t in (*inputs, *outputs) if t.device.type == 'cuda')
        flops = _flops(name, func, args, kwargs, result)
        if name == '_to_copy' and inputs[0].dtype != outputs[0].dtype:
            self.casts[f'{_short(inputs[0].dtype)} > {_short(outputs[0].dtype)}'] += 1
        self.moved += moved
        self.flops += flops
        kind, dtype = _kind(name, flops, args), inputs[-1].dtype if inputs else torch.float32
        if name in _CONVOLUTIONS:
            dtype = args[1].dtype
        for card in self.cards:
            seconds = card.seconds(kind, dtype, flops, moved)
            self.seconds[card.title] += seconds
            by_bytes = card.seconds(kind, dtype, 0, moved)
            limit = 'bandwidth' if by_bytes >= seconds else 'computation'
            self.by_limit[card.title][limit] += seconds


def place() -> str:
    """Return the file and line of the innermost caller outside PyTorch."""
    frame: Any = sys._getframe(1)
    package = str(Path(torch.__file__).parent)
    own = str(Path(__file__).parent)
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith((package, own, '<')) and '/unittest/' not in path:
            parts = Path(path).parts
            start = parts.index('site-packages') + 1 if 'site-packages' in parts else -4
            return f'{"/".join(parts[start:])}:{frame.f_lineno}'
        frame = frame.f_back
    return 'torch'


def _phase(name: str) -> str:
    if torch._C._current_graph_task_id() != -1:
        return 'backward'
    return 'optimiser' if name.startswith(('_fused_', '_foreach_')) else 'forward'


def _is_view(func: Any, inputs: list[Tensor], outputs: list[Tensor]) -> bool:
    if func._schema.is_mutable or not outputs:
        return False
    storages = {t.untyped_storage()._cdata for t in inputs}
    return all(t.untyped_storage()._cdata in storages for t in outputs)


def _bytes(tensor: Tensor) -> int:
    """Return the bytes that a kernel reads or writes; expanded dimensions are read once."""
    if tensor.numel() and 0 in tensor.stride():
        return min(tensor.nbytes, tensor.untyped_storage().nbytes())
    return tensor.nbytes


def _flops(name: str, func: Any, args: tuple, kwargs: dict, result: Any) -> int:
    if name == 'convolution_backward':
        # torch's own count ignores groups. Each of the two gradients costs as much as the forward.
        grad, features, weight = args[:3]
        spread = features if args[7] else grad  # args[7]: transposed
        return 2 * spread.numel() * weight[0].numel() * sum(args[10][:2])
    if func._overloadpacket not in flop_registry:
        return 0
    return flop_registry[func._overloadpacket](*args, **kwargs, out_val=result)


def _kind(name: str, flops: int, args: tuple) -> str:
    """Return which units of a card compute an operation: see :meth:`GraphicsCard.seconds`."""
    if name in _CONVOLUTIONS:
        weight, groups = (args[1], args[8]) if name == 'convolution' else (args[2], args[9])
        return 'depthwise' if groups > 1 and weight.shape[1] == 1 else 'convolution'
    return 'matrix' if flops else 'plain'


def _in_layout_of_inputs(name: str, inputs: list[Tensor], result: Any) -> Any:
    """Give the results of a convolution the layout that cuDNN gives them.

    It keeps channels last if an input has them last. Fake tensors of a CPU build do not know that.
    """
    last = torch.channels_last
    if name not in _CONVOLUTIONS or not any(
        t.ndim == 4 and t.is_contiguous(memory_format=last) and not t.is_contiguous()
        for t in inputs[:3]
    ):
        return result

    def laid_out(tensor: Any) -> Any:
        if tensor is None or tensor.ndim != 4:
            return tensor
        return torch.empty_like(tensor, memory_format=last)

    return laid_out(result) if name == 'convolution' else tuple(map(laid_out, result))


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')
