"""Compile the parts of a model with ``torch.compile``."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import nn

from depthda.console import show
from depthda.errors import UserError
from depthda.models.tensors import unwrapped

_PARTS = (
    'backbone', 'neck', 'decode_head', 'auxiliary_head',
    'segmentor.backbone', 'segmentor.neck', 'segmentor.decode_head', 'segmentor.auxiliary_head',
    'generator_s2t', 'generator_t2s',
)  # fmt: skip


@HOOKS.register_module()
class CompileHook(Hook):
    """Compile encoders, necks, heads and generators before a training or a test starts.

    The first iteration takes a minute or more for large models, and the first validation again. To
    use it, add ``default_hooks.compile=dict(type='CompileHook')``. Results differ by rounding,
    because the compiled code computes in another order. It draws the same random numbers.

    Args:
        parts: Names of modules to compile, such as ``'backbone'``. By default, all encoders, necks,
            heads and generators of the model.
        **options: For ``torch.compile``. Shapes are static unless ``dynamic=True`` is passed.
    """

    # Other hooks may copy the model, and a copy of a compiled module would have its weights.
    priority = 'LOWEST'

    def __init__(self, parts: Sequence[str] | None = None, **options: Any) -> None:
        self.parts = parts
        self.options = dict(dynamic=False) | options

    def before_train(self, runner) -> None:
        self._compile(unwrapped(runner.model))

    def before_test(self, runner) -> None:
        model = unwrapped(runner.model)
        self._compile(getattr(model, 'module', model))  # inside test-time augmentation

    def _compile(self, model: nn.Module) -> None:
        modules = dict(model.named_modules())
        parts = [name for name in _PARTS if name in modules] if self.parts is None else self.parts
        unknown = [name for name in parts if name not in modules]
        if unknown or not parts:
            names = ', '.join(name for name, _ in model.named_children())
            raise UserError(
                f'CompileHook: {type(model).__name__} has no {unknown[0] if unknown else "encoder"}'
                f': set parts to names of its modules, such as {names}.'
            )
        from torch._inductor import config  # slow to import

        config.fallback_random = True  # draw the random numbers that eager code draws
        for name in parts:
            part = modules[name]
            # Heads are called by their forward method, which module.compile() would not compile.
            part.forward = torch.compile(part.forward, **self.options)
        show(f'compiling {", ".join(parts)}: the first iteration takes longer')
