"""Hooks of adaptations: warn of a collapse, and compute the class thresholds of pseudo-labels."""

from dataclasses import dataclass

import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.hooks import Hook, LoggerHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from depthda.console import warn
from depthda.errors import UserError
from depthda.models.adaptation.class_thresholds import ClassPortion
from depthda.models.adaptation.step import unpadded
from depthda.models.tensors import unwrapped
from depthda.randomness import SampleKey, derive_seed


@HOOKS.register_module()
@dataclass(eq=False)
class CollapseHook(Hook):
    """Watch the pseudo-labels of ``DomainAdaptation`` at each logging interval.

    When a teacher collapses, it labels nearly all pixels as one class, and training on these labels
    reinforces that. A single batch may really show one class only, so the hook warns after several
    consecutive checks with the same class.
    """

    # Run after the line of the iteration is logged.
    priority = 'LOW'

    share: float = 0.99  # a batch has collapsed if one class has more than this share of its labels
    patience: int = 5  # consecutive checks with a collapsed batch before the warning

    def __post_init__(self) -> None:
        self._collapsed_checks = 0  # in succession, with the same class
        self._last_class = -1

    def before_train(self, runner: Runner) -> None:
        intervals = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        self.interval = intervals[0] if intervals else 50

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        model = unwrapped(runner.model)
        if not self.every_n_train_iters(runner, self.interval) or model.last_labels is None:
            return
        labels = model.last_labels
        counts = torch.bincount(labels[labels < model.num_classes], minlength=model.num_classes)
        all_reduce(counts)
        largest = int(counts.argmax())
        collapsed = int(counts[largest]) > self.share * int(counts.sum())
        same_class = collapsed and largest == self._last_class
        self._collapsed_checks = self._collapsed_checks + 1 if same_class else int(collapsed)
        self._last_class = largest
        if self._collapsed_checks == self.patience:
            classes = runner.train_dataloader.dataset.metainfo['classes']
            warn(
                f'iteration {runner.iter + 1}: the teacher has collapsed. In {self.patience} '
                'consecutive checks (one batch per logging interval), it labelled nearly all '
                f'target pixels as {classes[largest]}: lower the learning rate, start '
                'the adaptation later (warm_up), or start from a checkpoint trained on the source '
                '(load_from).'
            )


@HOOKS.register_module()
class ClassThresholdHook(Hook):
    """Refresh the thresholds of ``ClassPortion`` when the ``SnapshotTeacher`` copies the student.

    The teacher predicts one crop of each target tile; the processes share the tiles. The thresholds
    are in the checkpoint, so a resumed run continues with them.
    """

    # Run before the iteration, and after the hook that seeds it.
    priority = 'NORMAL'

    def before_train(self, runner: Runner) -> None:
        model = unwrapped(runner.model)
        if not isinstance(getattr(model, 'pseudo', None), ClassPortion) or model.teacher is None:
            raise UserError(
                'ClassThresholdHook needs a DomainAdaptation with a SnapshotTeacher and '
                'ClassPortion: remove the hook from custom_hooks.'
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        model = unwrapped(runner.model)
        every = model.teacher.every
        if runner.iter < model.warm_up or runner.iter % every:
            return
        model.teacher.update(model.segmentor, runner.iter)
        target = runner.train_dataloader.dataset.sets['target']
        rank, world = get_dist_info()
        # Begin with empty counts, because a process may have no tile.
        no_tiles = model.pseudo.thresholds.new_zeros(0, model.num_classes, 1, 1)
        counts = model.pseudo.histogram(no_tiles)
        for index in range(rank, len(target), world):
            seed = derive_seed(runner.seed, 'thresholds', runner.iter, index)
            sample = target[SampleKey(index, seed)]
            batch = {key: [value] for key, value in sample.items()}
            prepared = model.data_preprocessor.target(batch, True)
            probabilities = model.probabilities(prepared['inputs'])
            height, width = unpadded(prepared['data_samples'][0], probabilities.shape[2:])
            counts += model.pseudo.histogram(probabilities[..., :height, :width])
        all_reduce(counts)
        model.pseudo.set_thresholds(counts)
