"""Stop a training whose losses or weights are no longer finite numbers."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, is_main_process
from mmengine.hooks import CheckpointHook, Hook, LoggerHook
from mmengine.registry import HOOKS
from torch import Tensor, nn

from depthda.engine.run_end import last_good_checkpoint
from depthda.errors import UserError, few
from depthda.models.tensors import unwrapped

_STATISTICS = ('running_mean', 'running_var')


@dataclass
class Step:
    """An iteration, kept for a later message; the losses stay on the device."""

    iteration: int
    names: list[str]
    losses: Tensor
    files: list[str]

    def describe(self) -> tuple[int, str, list[str]]:
        """Return the iteration, its non-finite losses, and the image files of its samples."""
        values = dict(zip(self.names, self.losses.tolist(), strict=True))
        bad = {name: value for name, value in values.items() if not abs(value) < float('inf')}
        if len(bad) > 1:
            bad.pop('loss', None)  # the sum of the other losses
        return self.iteration, ', '.join(f'{n} = {value}' for n, value in bad.items()), self.files


@HOOKS.register_module()
@dataclass(eq=False)
class NonFiniteHook(Hook):
    """Stop a training with non-finite losses or weights, and keep its last good checkpoint.

    The number of bad iterations in a row is counted on the device and read at each logging
    interval, so that no iteration waits for the device. Training stops when the count has reached
    ``patience``. It stops earlier if the weights are not finite either, because no later iteration
    can fix them. The weights are also checked before each checkpoint and each validation, so that
    bad weights are never written, never chosen as the best, and never replace good ones. All
    processes of a distributed run stop together.
    """

    # Run after the line of the iteration is logged and before its checkpoint is written.
    priority = 'LOW'

    # Bad iterations in a row before the stop. A single one does no harm if a loss scaler (fp16)
    # skips its update.
    patience: int = 10
    interval: int | None = None  # iterations between two readings; None: LoggerHook's interval

    def __post_init__(self) -> None:
        if min(self.patience, 1 if self.interval is None else self.interval) < 1:
            shown = f'patience={self.patience}, interval={self.interval}'
            raise UserError(f'NonFiniteHook({shown}): patience and interval must be 1 or more.')
        self._bad_in_a_row: Tensor | int = 0
        self._steps: deque[Step] = deque()
        self._checked = 0

    def before_train(self, runner) -> None:
        if self.interval is None:
            intervals = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
            self.interval = intervals[0] if intervals else 50
        # Long enough to hold the first bad iteration when the count is read.
        self._steps = deque(maxlen=self.interval + self.patience)
        if name := _first_bad(runner.model):
            origin = runner._load_from or 'the initialisation of the model'
            raise UserError(
                f'the weights of {origin} are not finite ({name}), so no training can start from '
                'them: set load_from to an earlier checkpoint (with resume=True to continue its '
                'run).'
            )

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if losses := _losses(outputs or {}):
            stacked = torch.stack(list(losses.values()))
            self._bad_in_a_row = (self._bad_in_a_row + 1) * ~stacked.isfinite().all()
            files = list(_files(data_batch))
            self._steps.append(Step(runner.iter + 1, list(losses), stacked, files))
        if self.every_n_train_iters(runner, self.interval):
            self._check_losses(runner)
        if any(_saves_now(hook, runner) for hook in runner.hooks):
            self._check_weights(runner)

    def after_train(self, runner) -> None:
        # Forget the steps, because a later validation of this runner may be of other weights.
        self._steps.clear()

    def _check_losses(self, runner) -> None:
        highest = torch.as_tensor(self._bad_in_a_row).clone()
        all_reduce(highest, 'max')
        count = int(highest)
        if count >= self.patience:
            self._stop(runner)
        if count:
            self._check_weights(runner)

    def _check_weights(self, runner) -> None:
        if not self._steps or self._checked == self._steps[-1].iteration:
            return
        self._checked = self._steps[-1].iteration
        name = _first_bad(runner.model)
        # Compare all processes, because their statistics of batch norm differ.
        if any(all_gather_object(name)):
            self._stop(runner, name)

    before_val = after_train_epoch = _check_weights

    def _stop(self, runner, name: str | None = None) -> None:
        """End all processes; the main one raises the error with the reason."""
        count = int(self._bad_in_a_row)
        step = self._steps[-max(count, 1)]
        gathered = all_gather_object((*step.describe(), name))
        reports = [report for report in gathered if report[1] or report[3]]
        if not is_main_process():
            raise SystemExit(2)
        iteration, losses, files, _ = min(reports, key=lambda report: (not report[1], report[0]))
        cause = f'{losses} in iteration {iteration}'
        if not losses:
            broken = next(report[3] for report in reports if report[3])
            cause = f'after iteration {iteration} the weights are not finite ({broken})'
        good = last_good_checkpoint(runner)
        advice = 'No checkpoint was written before: lower the learning rate, or correct the samples'
        if good:
            advice = (
                f'The last good checkpoint is {good}: start from its weights (load_from) with a '
                'lower learning rate, or correct the samples and add --resume'
            )
        raise UserError(
            f'training stopped at iteration {self._steps[-1].iteration}: {cause}, with the samples '
            f'{_by_folder(files) or "unknown"}. {advice}.'
        )


def _by_folder(files: list[str]) -> str:
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(str(Path(file).parent), []).append(Path(file).name)
    return ' and '.join(f'{few(names, 8)} of {folder}' for folder, names in folders.items())


def _losses(outputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the scalars with 'loss' in their name, on one device; without any, all scalars."""
    scalars = {n: value for n, value in outputs.items() if isinstance(value, (int, float, Tensor))}
    scalars = {n: value for n, value in scalars.items() if torch.as_tensor(value).numel() == 1}
    named = {name: value for name, value in scalars.items() if 'loss' in name} or scalars
    device = next((value.device for value in named.values() if isinstance(value, Tensor)), None)
    tensors = {name: torch.as_tensor(value, device=device) for name, value in named.items()}
    return {name: value.detach().reshape(()) for name, value in tensors.items()}


def _files(node: Any) -> Iterator[str]:
    """Yield the image files of a batch, however its samples are nested."""
    if path := getattr(node, 'metainfo', {}).get('img_path'):
        yield str(path)
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _files(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _files(value)


def _first_bad(model: nn.Module) -> str | None:
    """Return the name of the first weight or norm statistic that is not finite, or None.

    It waits for the device only once.
    """
    model = unwrapped(model)
    tensors = dict(model.named_parameters())
    tensors |= {n: value for n, value in model.named_buffers() if n.endswith(_STATISTICS)}
    if not tensors:
        return None
    finite = torch.stack([value.detach().isfinite().all() for value in tensors.values()])
    return next((n for n, good in zip(tensors, finite.tolist(), strict=True) if not good), None)


def _saves_now(hook: Hook, runner) -> bool:
    """Return whether a hook writes a checkpoint after this iteration."""
    if not isinstance(hook, CheckpointHook) or hook.by_epoch:
        return False
    last = hook.save_last and hook.is_last_train_iter(runner)
    return last or hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
