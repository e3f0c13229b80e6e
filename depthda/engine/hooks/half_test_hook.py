"""Test a model in bfloat16."""

from contextlib import ExitStack

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import nn

from depthda.console import show
from depthda.engine.optimizers.half_weights import HalfWeights
from depthda.models.tensors import unwrapped

_PARTS = ('backbone', 'neck', 'decode_head')


@HOOKS.register_module()
class HalfTestHook(Hook):
    """Compute predictions in bfloat16, with weights that are cast once (``depthda test --amp``).

    Encoders, necks and heads compute in bfloat16 throughout. The logits are resized and blended in
    fp32. ``devices`` are the types of devices with mixed precision, as in ``AutocastOptimWrapper``.
    """

    # Run before other hooks, which may use the model.
    priority = 'HIGH'

    def __init__(self, devices: tuple[str, ...] = ('cuda',)) -> None:
        self.devices = devices
        self._contexts = ExitStack()

    def before_test(self, runner) -> None:
        model = unwrapped(runner.model)
        model = getattr(model, 'module', model)  # inside test-time augmentation
        device = next(model.parameters()).device.type
        if device not in self.devices:
            show(f'testing in fp32: no mixed precision on {device}')
            return
        parts = [name for name in _PARTS if isinstance(getattr(model, name, None), nn.Module)]
        with torch.no_grad():
            self._contexts.enter_context(HalfWeights(parts).used_by(model))
        self._contexts.enter_context(torch.autocast(device, torch.bfloat16))

    def after_test(self, runner, metrics=None) -> None:
        self._contexts.close()
