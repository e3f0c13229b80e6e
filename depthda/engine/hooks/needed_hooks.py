"""Hooks that a training needs whether or not its config lists them."""

from collections.abc import Iterator

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from depthda.engine.hooks.class_threshold_hook import ClassThresholdHook
from depthda.engine.hooks.collapse_hook import CollapseHook
from depthda.engine.hooks.non_finite_hook import NonFiniteHook
from depthda.models.adaptation.class_portion import ClassPortion


def add_needed_hooks(runner: Runner, model: nn.Module) -> None:
    """Register the hooks that the runner does not have yet; ``model`` is without its wrapper."""
    for kind in _needed(model):
        if not any(isinstance(hook, kind) for hook in runner.hooks):
            runner.register_hook(kind())


def _needed(model: nn.Module) -> Iterator[type[Hook]]:
    yield NonFiniteHook
    pseudo = getattr(model, 'pseudo', None)
    if pseudo is not None:
        yield CollapseHook
    if isinstance(pseudo, ClassPortion):
        yield ClassThresholdHook
