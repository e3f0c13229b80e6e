"""Find before the first iteration what would stop a run hours later.

A run validates one sample before it trains, because its first real validation comes after hours. A
training step is not tried in advance: the first iteration follows at once and is that step, and
what fails in it gets the same sentence. ``depthda train CONFIG --check`` does both and stops.
"""

import copy
import inspect
import logging
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from depthda.engine.checks.build_mistakes import build_mistakes, nearest, reason
from depthda.engine.checks.checkpoint_check import resume_warning
from depthda.engine.checks.config_check import (
    check_backends,
    check_layers,
    check_optimizers,
    check_pretrained,
    check_training,
)
from depthda.engine.checks.data_check import (
    check_depth_images,
    check_headline,
    check_test_headline,
    check_test_set,
    class_warning,
    data_warnings,
)
from depthda.engine.checks.sample_check import tile_warnings
from depthda.engine.checks.schedule_check import check_units, check_validation, schedule_warnings
from depthda.engine.checks.value_check import (
    check_backbone,
    check_crops,
    check_evaluation,
    check_losses,
    check_scores,
    loss_warnings,
)
from depthda.engine.resume import Start, check_resumed
from depthda.engine.run_end import BegunHook, left_as_it_was
from depthda.errors import UserError
from depthda.randomness import seeded

# What torch, mmseg and the readers of files raise when parts of a config do not fit together.
_ERRORS = (
    RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError,
    OSError, ImportError,
)  # fmt: skip


def check_config(cfg: Config, start: Start) -> list[str]:
    """Refuse what cannot be trained before anything is built; returns warnings."""
    check_training(cfg)
    check_units(cfg)
    check_validation(cfg)
    check_optimizers(cfg)
    check_backends(cfg)
    check_layers(cfg)
    for check in (check_evaluation, check_crops, check_losses, check_backbone, check_scores):
        check(cfg)
    if not start.resumed:
        check_pretrained(cfg)
    with build_mistakes(cfg):
        check_test_set(cfg)
        check_test_headline(cfg)
        check_depth_images(cfg)
        found = (data_warnings, schedule_warnings, loss_warnings, tile_warnings)
        lines = [line for warnings in found for line in warnings(cfg)]
    if start.checkpoint:
        compare = resume_warning if start.resumed else class_warning
        lines.append(compare(cfg, start.checkpoint))
    # Last, where it is seen best: a run that was to be resumed and begins anew.
    return [line for line in (*lines, start.note) if line]


class StartCheck(BegunHook):
    """Validate one sample before the first iteration.

    Nothing that the run depends on is changed: not the weights, the buffers of batch norm, the
    state of any random generator, nor the position of the sampler.

    Args:
        only: Take one training step, too, and end the run before its first iteration.

    Attributes:
        results: One line for each part that was tried.
        notes: Warnings of :func:`check_config`.
    """

    # After the other hooks, so that the model is as they leave it.
    priority = 'VERY_LOW'

    def __init__(self, only: bool = False) -> None:
        self.only = only
        self.results: list[str] = []
        self._model: nn.Module | None = None
        self._part = 'the start of the run'
        self.notes: list[str] = []

    def before_train(self, runner: Runner) -> None:
        self._model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if self.only:
            self._part = 'the training step'
            self.results.append(f'training step: {_train_once(runner, self._model)}')
            runner.train_loop.stop_training = True
        if runner.val_loop is not None:
            self._part = 'the validation sample'
            self.results.append(f'validation sample: {_validate_one(runner)}')
        self._part = 'the first training step'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if runner._resume:
            check_resumed(runner, checkpoint)

    @contextmanager
    def watch(self, cfg: Config) -> Iterator['StartCheck']:
        """Give one sentence to what fails up to the end of the first iteration, and tidy up."""
        with left_as_it_was(cfg, self):
            try:
                with build_mistakes(cfg):
                    yield self
            except UserError:
                raise
            except _ERRORS as error:
                if self.begun:
                    raise
                print_log(traceback.format_exc(), 'current', logging.DEBUG)
                raise UserError(describe_failure(self._part, error, self._model, cfg)) from error


def describe_failure(part: str, error: Exception, model: nn.Module | None, cfg: Config) -> str:
    """One sentence on what part of a run fails, in which module, and what to change."""
    module = _failing_module(error, model)
    where = f'{part} fails{f" in {module}" if module else ""}'
    text = reason(error)
    if found := re.search(r'to have (\d+) channels, but got (\d+) channels', text):
        return (
            f'{where}, which takes {found[1]} channels and receives {found[2]}: make in_channels '
            f'of model.{module.partition(".")[0]} agree with what comes before it.'
        )
    if 'Expected more than 1 value per channel' in text:
        size = cfg.train_dataloader.get('batch_size')
        return (
            f'{where}: batch norm computes statistics over a batch, and with '
            f'train_dataloader.batch_size={size} it gets one value per channel: set a batch size '
            'of 2 or more.'
        )
    if 'out of memory' in text.lower() or "can't allocate memory" in text:
        return (
            f'{where}: it does not fit into memory: lower the batch size or the crop, or train '
            'with --amp.'
        )
    if isinstance(error, KeyError) and error.args == ('inputs',):
        return f'{where}: the samples have no inputs: end the pipeline with PackSegInputs.'
    return f"{where}: {text}; log_level='DEBUG' shows the traceback."


def _failing_module(error: Exception, model: nn.Module | None) -> str:
    """The name of the innermost part of the model that was at work."""
    names = {id(module): name for name, module in model.named_modules()} if model else {}
    found = ''
    for frame, _ in traceback.walk_tb(error.__traceback__):
        found = names.get(id(frame.f_locals.get('self')), '') or found
    return found


def _train_once(runner: Runner, model: nn.Module) -> str:
    started = time.time()
    batch = next(iter(runner.train_loop.dataloader))
    runner.model.train()
    # Of adversaries, the iteration that trains all of them.
    iteration = runner.message_hub.get_info('iter') + getattr(model, 'n_critic', 1) - 1
    runner.message_hub.update_info('iter', iteration)
    losses = runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
    values = {name: float(torch.as_tensor(value).detach()) for name, value in losses.items()}
    broken = [f'{name}={value}' for name, value in values.items() if not abs(value) < float('inf')]
    if broken:
        raise UserError(
            f'the training step gives {", ".join(broken)}: check the images, labels and depth of '
            'the training set, and the weights that it starts from.'
        )
    shown = ', '.join(f'{name} {value:.4g}' for name, value in list(values.items())[:3])
    return f'{shown} ({time.time() - started:.1f} s)'


def _validate_one(runner: Runner) -> str:
    """Predict the first validation sample and score it, with no trace of it left in the run."""
    started = time.time()
    loop, model = runner.val_loop, runner.model
    evaluator, training = copy.deepcopy(loop.evaluator), model.training
    with _undisturbed(runner), torch.no_grad():
        batch = loop.dataloader.collate_fn([loop.dataloader.dataset[0]])
        samples = model.eval().val_step(batch)
        evaluator.process(data_samples=samples, data_batch=batch)
        try:
            scores = evaluator.evaluate(get_world_size())
        except UserError:
            # One sample may have no label that counts, or lack the group to be scored.
            scores = {}
    model.train(training)
    _check_hook(runner, scores)
    dataset = loop.dataloader.dataset
    headlines = [getattr(metric, 'headline', None) for metric in evaluator.metrics]
    check_headline('val', headlines, map(dataset.get_data_info, range(len(dataset))))
    path = getattr(samples[0], 'img_path', None) or 'the first one'
    return f'{path} ({time.time() - started:.1f} s)'


@contextmanager
def _undisturbed(runner: Runner) -> Iterator[None]:
    """Keep every random state, and the scores of one sample out of the log."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    runner.logger.disabled = True
    try:
        with torch.random.fork_rng(devices), seeded(0):
            yield
    finally:
        runner.logger.disabled = False


def _check_hook(runner: Runner, scores: Mapping[str, Any]) -> None:
    """Refuse scores and arguments that a hook fails on later, or skips without an error."""
    hook = next((hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None)
    classes = (runner.val_loop.dataloader.dataset.metainfo or {}).get('classes') or ()
    # Those of a class that the sample does not show are undefined, and left out.
    known = [*scores, *(f'{score}.{name}' for score in ('IoU', 'F1') for name in classes)]
    last = {name.rsplit('/')[-1] for name in known}
    monitored = [
        ('custom_hooks: EarlyStoppingHook.monitor', each.monitor)
        for each in runner.hooks
        if isinstance(each, EarlyStoppingHook)
    ]
    if hook is not None:
        _check_arguments(runner, hook)
        monitored += [('default_hooks.checkpoint.save_best', key) for key in hook.save_best or ()]
    for option, key in monitored:
        if scores and key != 'auto' and key.rsplit('/')[-1] not in last:
            raise UserError(
                f'{option}={key!r} is no score of the validation, which '
                f'gives {", ".join(list(scores)[:6])}{", …" if len(scores) > 6 else ""}'
                f'{nearest(key, list(scores)) or "."}'
            )


def _check_arguments(runner: Runner, hook: CheckpointHook) -> None:
    # It takes any argument, and hands it on when it writes the first checkpoint.
    taken = inspect.signature(runner.save_checkpoint).parameters
    for name in hook.args.keys() - taken.keys():
        known = inspect.signature(CheckpointHook).parameters
        raise UserError(
            f"default_hooks.checkpoint takes no '{name}'{nearest(name, list(known)) or '.'}"
        )
