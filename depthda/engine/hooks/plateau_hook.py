"""Learning rates that fall when the training loss of an epoch stops falling."""

from typing import Any, Literal

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.registry import HOOKS

from depthda.console import show
from depthda.errors import UserError


@HOOKS.register_module()
class PlateauHook(Hook):
    """torch's ``ReduceLROnPlateau`` on the training loss of each epoch.

    mmengine's scheduler of that name steps after a validation alone, and a translation has none.
    Its state is saved with the checkpoint. Several hooks need different losses to monitor.

    Args:
        monitor: Key of the loss among what the model logs.
        factor: The rates are multiplied by it.
        patience: Epochs without a new lowest loss that are waited for.
        epoch_length: Iterations of an epoch; None: one pass through the data.
        of_epoch: The loss of an epoch is the ``'mean'`` of its batches or that of the ``'last'``.
        min_lr: No rate falls below it.
        part: Name of the optimiser whose rates fall; None: all of them fall together.
    """

    # Before checkpoints are written, so that they know the iteration that has just ended.
    priority = 'NORMAL'

    def __init__(
        self,
        monitor: str = 'loss',
        factor: float = 0.5,
        patience: int = 25,
        epoch_length: int | None = None,
        of_epoch: Literal['mean', 'last'] = 'mean',
        min_lr: float = 0.0,
        part: str | None = None,
    ) -> None:
        if not 0 < factor < 1 or patience < 0 or (epoch_length or 1) < 1:
            raise UserError(
                f'PlateauHook(factor={factor}, patience={patience}, epoch_length={epoch_length}): '
                'factor must be between 0 and 1, patience 0 or more, epoch_length 1 or more.'
            )
        if of_epoch not in ('mean', 'last') or min_lr < 0:
            raise UserError(
                f"PlateauHook(of_epoch={of_epoch!r}, min_lr={min_lr}): of_epoch is 'mean' or "
                "'last', min_lr 0 or more."
            )
        self.of_epoch = of_epoch
        self.min_lr = min_lr
        self.part = part
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.epoch_length = epoch_length
        self._sum: torch.Tensor | float = 0.0
        self._count = 0
        self._lowest: float | None = None
        self._waited = 0

    @property
    def _key(self) -> str:
        """Where a checkpoint holds the state: hooks of different losses have different places."""
        return 'plateau' if self.monitor == 'loss' else f'plateau_{self.monitor}'

    def before_train(self, runner) -> None:
        self._wrappers(runner)
        if self.epoch_length is None:
            # The sampler is endless: an epoch is what the data set holds.
            loader = runner.train_dataloader
            images = loader.batch_size * runner.world_size
            self.epoch_length = max(len(loader.dataset) // images, 1)

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if outputs and self.monitor in outputs:
            if self.of_epoch == 'last':
                self._sum, self._count = 0.0, 0
            # Added up where it is, for a look at it would wait for the device.
            self._sum = self._sum + outputs[self.monitor].detach().double()
            self._count += 1
        if self.every_n_train_iters(runner, self.epoch_length):
            self._end_epoch(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint[self._key] = {
            'sum': float(self._sum),
            'count': self._count,
            'lowest': self._lowest,
            'waited': self._waited,
        }

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        # Weights alone are another start; what was trained goes on.
        if runner._resume and self._key in checkpoint:
            state = checkpoint[self._key]
            self._sum, self._count = state['sum'], state['count']
            self._lowest, self._waited = state['lowest'], state['waited']

    def _end_epoch(self, runner) -> None:
        if not self._count:
            raise UserError(
                f'PlateauHook: in {self.epoch_length} iterations the model logged no '
                f'{self.monitor!r}: set monitor to a loss that it logs, or a longer epoch_length.'
            )
        mean = torch.as_tensor(self._sum, dtype=torch.float64) / self._count
        # The processes agree, or their weights would part.
        all_reduce(mean, 'mean')
        mean = float(mean)
        self._sum, self._count = 0.0, 0
        # Lower by a ten-thousandth at least, as torch has it; here for losses below 0, too.
        if self._lowest is None or mean < self._lowest - 1e-4 * abs(self._lowest):
            self._lowest, self._waited = mean, 0
            return
        self._waited += 1
        if self._waited > self.patience:
            self._waited = 0
            self._lower_rates(runner)

    def _wrappers(self, runner) -> list[Any]:
        """The optimisers whose rates fall."""
        wrapper = runner.optim_wrapper
        named = dict(wrapper.items()) if isinstance(wrapper, OptimWrapperDict) else {'': wrapper}
        if self.part is None:
            return list(named.values())
        if self.part not in named:
            raise UserError(
                f'PlateauHook: no optimiser is named {self.part!r}: part is one of '
                f'{", ".join(filter(None, named)) or "none, for there is one optimiser"}.'
            )
        return [named[self.part]]

    def _lower_rates(self, runner) -> None:
        for each in self._wrappers(runner):
            for group in each.param_groups:
                # As torch has it: a rate that began below the floor stays where it is.
                group['lr'] = min(group['lr'], max(group['lr'] * self.factor, self.min_lr))
        show(
            f'no lower {self.monitor} in {self.patience + 1} epochs: learning rates × {self.factor}'
        )
