"""Weights in bfloat16 for one pass: all of them are cast together, and so are their gradients.

Autocast casts each weight when a layer needs it, and each gradient when it is ready. For a large
model these are a thousand launches per iteration. Here the layers get their weights from one
operation, which has the same values and the same gradients.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from mmengine.utils import is_list_of
from mmseg.models.segmentors.base import BaseSegmentor
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from depthda.errors import UserError
from depthda.models.tensors import unwrapped

# The layers whose weights autocast casts.
_LAYERS = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
    nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
Place = tuple[nn.Module, str]  # a module and the name of its parameter


class _CastTogether(torch.autograd.Function):
    """Cast tensors to bfloat16 in one operation, and their gradients back in another."""

    @staticmethod
    def forward(ctx: Any, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        return tuple(_cast(weights, torch.bfloat16))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        cast = iter(_cast([grad for grad in gradients if grad is not None], torch.float32))
        return tuple(None if grad is None else next(cast) for grad in gradients)


class HalfWeights:
    """Gives the layers of a model their weights in bfloat16, within a context.

    Args:
        parts: Names of modules, such as ``'backbone'``, that compute in bfloat16 throughout.
            Autocast would compute norms in fp32 and add residuals in fp32. These parts use less
            memory and time, but round more often. Batch norm stays in fp32.
    """

    def __init__(self, parts: Sequence[str] = ()) -> None:
        if not is_list_of(list(parts), str) or isinstance(parts, str):
            raise UserError(
                f'half_parts={parts!r} of optim_wrapper must be a list of names of modules, such '
                "as ['backbone']."
            )
        self.parts = tuple(parts)
        self._frozen: dict[int, tuple[int, Tensor]] = {}

    @contextmanager
    def used_by(self, model: nn.Module) -> Iterator[None]:
        """Let the modules of a segmentor compute with bfloat16 copies of their weights.

        At the end of the context, they get their own weights back. Other models are left to
        autocast: some of them update or freeze weights in their forward pass, or run a critic in
        fp32.
        """
        model = unwrapped(model)
        if not isinstance(model, BaseSegmentor):
            if self.parts:
                raise UserError(
                    f'half_parts of optim_wrapper is for segmentors, but the model is a '
                    f'{type(model).__name__}: remove half_parts.'
                )
            yield
            return
        halves = [self._part(model, name) for name in self.parts]
        places = _places(model, halves)
        weights = [module._parameters[name] for module, name in places]
        for (module, name), half in zip(places, self._cast(weights), strict=True):
            module._parameters[name] = half
        forwards = [half.__dict__.get('forward') for half in halves]
        for half in halves:
            half.forward = partial(_without_autocast, half.forward, weights[0].device.type)
        try:
            yield
        finally:
            for half, forward in zip(halves, forwards, strict=True):
                del half.forward  # that of the class is found again
                if forward is not None:  # a compiled one
                    half.forward = forward
            for (module, name), weight in zip(places, weights, strict=True):
                module._parameters[name] = weight

    def _part(self, model: nn.Module, name: str) -> nn.Module:
        try:
            part = model.get_submodule(name)
        except AttributeError as error:
            names = ', '.join(child for child, _ in model.named_children())
            raise UserError(
                f'half_parts of optim_wrapper names {name!r}, which {type(model).__name__} does '
                f'not have: choose from {names}, or a module inside one of them.'
            ) from error
        if any(type(module).__name__.startswith('Checkpointed') for module in part.modules()):
            raise UserError(
                f'half_parts of optim_wrapper: {name} computes its features again in the backward '
                'pass, which would then use other weights: remove gradient_checkpointing or '
                'half_parts.'
            )
        return part

    def _cast(self, weights: list[nn.Parameter]) -> list[Tensor]:
        """Return the weights in bfloat16; frozen ones are cast again only if they have changed."""
        learning = [weight for weight in weights if weight.requires_grad]
        cast = dict(zip(map(id, learning), _CastTogether.apply(*learning), strict=True))
        frozen = [weight for weight in weights if not weight.requires_grad]
        changed = [w for w in frozen if self._frozen.get(id(w), (None,))[0] != w._version]
        with torch.no_grad():
            new = _cast(changed, torch.bfloat16)
        for weight, half in zip(changed, new, strict=True):
            self._frozen[id(weight)] = weight._version, half
        cast |= {id(weight): self._frozen[id(weight)][1] for weight in frozen}
        return [cast[id(weight)] for weight in weights]


def _cast(tensors: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Return copies of another type, which one operation computes."""
    copies = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    if copies:
        torch._foreach_copy_(copies, list(tensors))
    return copies


def _places(model: nn.Module, halves: list[nn.Module]) -> list[Place]:
    """Return the parameters to be cast: those of layers, and all of ``halves`` but batch norm."""
    inside = {id(module) for half in halves for module in half.modules()}
    places = []
    for module in model.modules():
        is_inside = id(module) in inside and not isinstance(module, _BatchNorm)
        if is_inside or isinstance(module, _LAYERS):
            weights = module._parameters.items()
            places += [
                (module, n) for n, w in weights if w is not None and w.dtype == torch.float32
            ]
    return places


def _without_autocast(forward: Callable, device: str, *args: Any, **kwargs: Any) -> Any:
    """Call a forward pass with images or features in bfloat16, and without autocast."""
    halved = [
        value.bfloat16() if isinstance(value, Tensor) and value.is_floating_point() else value
        for value in args
    ]
    with torch.autocast(device, enabled=False):
        return forward(*halved, **kwargs)
