"""Read the logged values of training iterations from the device only when they are needed."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.registry import HOOKS
from torch import Tensor


@HOOKS.register_module()
class DeferredInfoHook(RuntimeInfoHook):
    """mmengine's ``RuntimeInfoHook``, which does not make a GPU wait in each iteration.

    ``RuntimeInfoHook`` reads each loss in each iteration, and each reading waits until the device
    has computed everything before it. This hook copies the values of an iteration to one tensor on
    the device. It reads all of them at once: at each logging interval, at the end of an epoch,
    before a validation, before a checkpoint is written, and after the training. The values and
    their order are the same. To switch it off, set ``default_hooks.runtime_info`` to
    ``dict(type='RuntimeInfoHook')``.
    """

    def before_train(self, runner) -> None:
        super().before_train(runner)
        intervals = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        self._interval = min(intervals, default=1)
        self._unread: list[tuple[list[str], Tensor | None, dict[str, Any]]] = []

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if outputs:
            self._unread.append(_kept(outputs))
        is_last = self.end_of_epoch(runner.train_dataloader, batch_idx)
        if is_last or self.every_n_train_iters(runner, self._interval):
            self._read(runner)

    def before_val(self, runner) -> None:
        self._read(runner)
        super().before_val(runner)

    def after_train(self, runner) -> None:
        self._read(runner)
        super().after_train(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        self._read(runner)
        # mmengine has already put the state of the message hub into the checkpoint.
        checkpoint['message_hub'] = runner.message_hub.state_dict()

    def _read(self, runner) -> None:
        unread, self._unread = getattr(self, '_unread', []), []
        rows = [row for _, row, _ in unread if row is not None]
        values = iter(torch.cat(rows).tolist() if rows else [])
        for names, _, others in unread:
            for name in names:
                value = others[name] if name in others else next(values)
                runner.message_hub.update_scalar(f'train/{name}', value)


def _kept(outputs: Mapping[str, Any]) -> tuple[list[str], Tensor | None, dict[str, Any]]:
    """Return the names of the outputs, their float tensors in one copy, and all other values."""
    tensors, others = [], {}
    for name, value in outputs.items():
        if isinstance(value, Tensor) and value.numel() == 1 and value.dtype == torch.float32:
            tensors.append(value.detach().reshape(()))
        else:
            others[name] = value
    return list(outputs), torch.stack(tensors) if tensors else None, others
