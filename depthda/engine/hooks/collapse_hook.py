"""Warn when self-training labels everything as one class."""

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook, LoggerHook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from depthda.console import warn


@HOOKS.register_module()
class CollapseHook(Hook):
    """Watch the pseudo-labels of ``DomainAdaptation`` at each logging interval.

    A teacher that has collapsed labels nearly all pixels as one class, and training on these labels
    confirms it. A single batch may show one class alone, so it takes several in a row.

    Args:
        share: Share of the labelled pixels from which one class counts as everything.
        patience: Batches in a row.
    """

    # After the line of the iteration is logged.
    priority = 'LOW'

    def __init__(self, share: float = 0.99, patience: int = 5) -> None:
        self.share = share
        self.patience = patience
        self._in_a_row = 0
        self._last = -1

    def before_train(self, runner: Runner) -> None:
        found = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        self.interval = found[0] if found else 50

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not self.every_n_train_iters(runner, self.interval) or model.last_labels is None:
            return
        labels = model.last_labels
        counts = torch.bincount(labels[labels < model.num_classes], minlength=model.num_classes)
        all_reduce(counts)
        largest = int(counts.argmax())
        collapsed = int(counts[largest]) > self.share * int(counts.sum())
        self._in_a_row = self._in_a_row + 1 if collapsed and largest == self._last else collapsed
        self._last = largest
        if self._in_a_row == self.patience:
            classes = runner.train_dataloader.dataset.metainfo['classes']
            warn(
                f'iteration {runner.iter + 1}: the teacher labels nearly all target pixels as '
                f'{classes[largest]}, and has done so in {self.patience} batches in a row: it has '
                'collapsed. Lower the learning rate, begin later (warm_up), or adapt from a '
                'checkpoint of the source (load_from).'
            )
