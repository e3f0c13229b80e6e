"""Before the first iteration, find mistakes that would stop a run hours later.

A run validates one sample before it trains, because its first real validation comes after hours. A
training step is not tried in advance: the first iteration follows at once, and its errors are
described in the same way. ``depthda train CONFIG --check`` tries both and stops.
"""

import copy
import inspect
import logging
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import nn

from depthda.engine.checks import config_check, data_check, schedule_check, value_check
from depthda.engine.checks.build_mistakes import build_mistakes, nearest, reason
from depthda.engine.checks.checkpoint_check import class_warning, resume_warning
from depthda.engine.checks.sample_check import tile_warnings
from depthda.engine.resume import Start, check_resumed
from depthda.engine.run_end import FirstIterationHook, remove_outputs_on_mistake
from depthda.errors import UserError, few
from depthda.models.tensors import unwrapped
from depthda.randomness import seeded

# Raised by torch, mmseg and readers of files when parts of a config do not fit together.
_ERRORS = (
    RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError,
    OSError, ImportError,
)  # fmt: skip


def check_config(cfg: Config, start: Start) -> list[str]:
    """Refuse a config that cannot be trained, before anything is built; return warnings."""
    for check in (
        config_check.check_training, schedule_check.check_units, schedule_check.check_validation,
        config_check.check_optimizers, config_check.check_backends, value_check.check_model,
        value_check.check_evaluation, value_check.check_crops, value_check.check_scores,
    ):  # fmt: skip
        check(cfg)
    if not start.resumed:
        value_check.check_pretrained(cfg)
    with build_mistakes(cfg):
        data_check.check_test_set(cfg)
        data_check.check_test_headline(cfg)
        data_check.check_depth_images(cfg)
        lines = [
            *data_check.data_warnings(cfg), *schedule_check.schedule_warnings(cfg),
            *value_check.loss_warnings(cfg), *tile_warnings(cfg),
        ]  # fmt: skip
    if start.checkpoint:
        compare = resume_warning if start.resumed else class_warning
        lines.append(compare(cfg, start.checkpoint))
    # The note about the start is last, where it is seen best. It may say that a run starts from
    # the beginning although --resume was passed.
    return [line for line in (*lines, start.note) if line]


class StartCheck(FirstIterationHook):
    """Validate one sample before the first iteration.

    The state of the run stays as it is: the weights, the buffers of batch norm, the state of each
    random generator, and the position of the sampler. With ``only``, it also takes one training
    step, and ends the run before its first iteration.
    """

    # Run after the other hooks, because they may change the model.
    priority = 'VERY_LOW'

    def __init__(self, only: bool = False) -> None:
        self.only = only
        self.results: list[str] = []  # a line for each part that was tried
        self.notes: list[str] = []  # warnings of check_config
        self._model: nn.Module | None = None
        self._part = 'the start of the run'

    def before_train(self, runner: Runner) -> None:
        self._model = unwrapped(runner.model)
        value_check.check_loss_names(self._model)
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
        """Report an error before the end of the first iteration as one sentence.

        The files that the run has written by then are removed.
        """
        with remove_outputs_on_mistake(cfg, self):
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
    """Return one sentence: the part of a run that fails, in which module, and what to change."""
    module, names = '', {id(part): name for name, part in model.named_modules()} if model else {}
    for frame, _ in traceback.walk_tb(error.__traceback__):  # the innermost module is named
        module = names.get(id(frame.f_locals.get('self'))) or module
    where = f'{part} fails{f" in {module}" if module else ""}'
    text = reason(error)
    if match := re.search(r'to have (\d+) channels, but got (\d+) channels', text):
        return (
            f'{where}, which expects {match[1]} channels but receives {match[2]}: set in_channels '
            f'of model.{module.partition(".")[0]} to the channels of the module before it.'
        )
    if 'Expected more than 1 value per channel' in text:
        size = cfg.train_dataloader.get('batch_size')
        return (
            f'{where}, because batch norm computes statistics over a batch, and '
            f'train_dataloader.batch_size={size} gives it only one value per channel: set a batch '
            'size of 2 or more.'
        )
    if 'out of memory' in text.lower() or "can't allocate memory" in text:
        return (
            f'{where}, because it does not fit into memory: reduce the batch size or the crop, or '
            'train with --amp.'
        )
    if isinstance(error, KeyError) and error.args == ('inputs',):
        return f'{where}, because samples have no inputs: end the pipeline with PackSegInputs.'
    return f"{where}: {text}. Set log_level='DEBUG' to see the traceback."


def _train_once(runner: Runner, model: nn.Module) -> str:
    started = time.time()
    batch = next(iter(runner.train_loop.dataloader))
    runner.model.train()
    # In adversarial training, take the iteration that trains all networks.
    iteration = runner.message_hub.get_info('iter') + getattr(model, 'n_critic', 1) - 1
    runner.message_hub.update_info('iter', iteration)
    losses = runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
    values = {name: float(torch.as_tensor(value).detach()) for name, value in losses.items()}
    broken = [f'{name}={value}' for name, value in values.items() if not abs(value) < float('inf')]
    if broken:
        raise UserError(
            f'the training step returns {", ".join(broken)}: check the images, labels and depth of '
            'the training dataset, and the weights that the model starts from.'
        )
    shown = ', '.join(f'{name} {value:.4g}' for name, value in list(values.items())[:3])
    return f'{shown} ({time.time() - started:.1f} s)'


def _validate_one(runner: Runner) -> str:
    """Predict and score the first validation sample, and leave no trace of it in the run."""
    started = time.time()
    loop, model = runner.val_loop, runner.model
    evaluator, training = copy.deepcopy(loop.evaluator), model.training
    devices, scores = [torch.cuda.current_device()] if torch.cuda.is_available() else [], {}
    runner.logger.disabled = True  # keeps the scores of one sample out of the log
    try:
        with torch.random.fork_rng(devices), seeded(0), torch.no_grad():
            batch = loop.dataloader.collate_fn([loop.dataloader.dataset[0]])
            samples = model.eval().val_step(batch)
            evaluator.process(data_samples=samples, data_batch=batch)
            # One sample may have only ignored labels, or may not belong to the headline group.
            with suppress(UserError):
                scores = evaluator.evaluate(get_world_size())
    finally:
        runner.logger.disabled = False
    model.train(training)
    _check_hook(runner, scores)
    dataset = loop.dataloader.dataset
    headlines = [getattr(metric, 'headline', None) for metric in evaluator.metrics]
    data_check.check_headline('val', headlines, map(dataset.get_data_info, range(len(dataset))))
    path = getattr(samples[0], 'img_path', None) or 'the first sample'
    return f'{path} ({time.time() - started:.1f} s)'


def _check_hook(runner: Runner, scores: Mapping[str, Any]) -> None:
    """Refuse hook settings that would fail later in the run, or be ignored."""
    hook = next((hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None)
    classes = (runner.val_loop.dataloader.dataset.metainfo or {}).get('classes') or ()
    # The sample may lack a class, and then its scores: add the scores of all classes.
    known = [*scores, *(f'{score}.{name}' for score in ('IoU', 'F1') for name in classes)]
    score_names = {name.rsplit('/')[-1] for name in known}
    stopping = (other for other in runner.hooks if isinstance(other, EarlyStoppingHook))
    monitored = [('custom_hooks: EarlyStoppingHook.monitor', other.monitor) for other in stopping]
    if hook is not None:
        # The hook accepts any argument, and passes it on when it writes the first checkpoint.
        accepted = inspect.signature(runner.save_checkpoint).parameters
        for name in hook.args.keys() - accepted.keys():
            advice = nearest(name, list(inspect.signature(CheckpointHook).parameters)) or '.'
            raise UserError(f"default_hooks.checkpoint has no argument '{name}'{advice}")
        monitored += [('default_hooks.checkpoint.save_best', key) for key in hook.save_best or ()]
    for option, key in monitored:
        if scores and key != 'auto' and key.rsplit('/')[-1] not in score_names:
            raise UserError(
                f'{option}={key!r} is not a score of the validation, which returns '
                f'{few(scores, 6)}{nearest(key, list(scores)) or "."}'
            )
