"""Lower learning rates when the training loss of an epoch stops falling."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.registry import HOOKS

from depthda.console import show
from depthda.errors import UserError


@HOOKS.register_module()
@dataclass(eq=False)
class PlateauHook(Hook):
    """torch's ``ReduceLROnPlateau`` for the training loss of each epoch.

    mmengine's scheduler of that name steps only after a validation, and the training of a
    translation has none.
    The state is saved with the checkpoint. Several hooks must monitor different losses.
    """

    # Run before checkpoints are written, so that the state in them includes the last iteration.
    priority = 'NORMAL'

    monitor: str = 'loss'  # key of a loss that the model logs
    factor: float = 0.5  # by which the rates are multiplied
    patience: int = 25  # epochs to wait without a new lowest loss
    epoch_length: int | None = None  # iterations of an epoch; None for one pass through the data
    of_epoch: Literal['mean', 'last'] = 'mean'  # loss of an epoch: mean or last batch
    min_lr: float = 0.0  # lower limit of the rates
    part: str | None = None  # name of the optimiser whose rates fall; None for all optimisers

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1 or self.patience < 0 or (self.epoch_length or 1) < 1:
            raise UserError(
                f'PlateauHook(factor={self.factor}, patience={self.patience}, '
                f'epoch_length={self.epoch_length}): factor must be between 0 and 1, patience must '
                'be 0 or more, and epoch_length must be 1 or more.'
            )
        if self.of_epoch not in ('mean', 'last') or self.min_lr < 0:
            raise UserError(
                f'PlateauHook(of_epoch={self.of_epoch!r}, min_lr={self.min_lr}): of_epoch must be '
                "'mean' or 'last', and min_lr must be 0 or more."
            )
        self._sum: torch.Tensor | float = 0.0
        self._count = 0
        self._lowest: float | None = None
        self._waited = 0

    @property
    def _key(self) -> str:
        """The key of the state in a checkpoint; it differs between hooks of different losses."""
        return 'plateau' if self.monitor == 'loss' else f'plateau_{self.monitor}'

    def before_train(self, runner) -> None:
        self._wrappers(runner)
        if self.epoch_length is None:
            # The sampler is endless: an epoch is one pass through the dataset.
            loader = runner.train_dataloader
            images = loader.batch_size * runner.world_size
            self.epoch_length = max(len(loader.dataset) // images, 1)

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if outputs and self.monitor in outputs:
            if self.of_epoch == 'last':
                self._sum, self._count = 0.0, 0
            # Summed on the device, because reading the value would wait for the device.
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
        # A new training that starts from weights alone has a new state.
        if runner._resume and self._key in checkpoint:
            state = checkpoint[self._key]
            self._sum, self._count = state['sum'], state['count']
            self._lowest, self._waited = state['lowest'], state['waited']

    def _end_epoch(self, runner) -> None:
        if not self._count:
            raise UserError(
                f'PlateauHook: the model logged no {self.monitor!r} in {self.epoch_length} '
                'iterations: set monitor to a loss that it logs, or set a longer epoch_length.'
            )
        mean = torch.as_tensor(self._sum, dtype=torch.float64) / self._count
        # The processes must agree, or their weights would drift apart.
        all_reduce(mean, 'mean')
        mean = float(mean)
        self._sum, self._count = 0.0, 0
        # A new lowest loss is lower by at least a ten-thousandth, as in torch. Here the rule also
        # works for negative losses.
        if self._lowest is None or mean < self._lowest - 1e-4 * abs(self._lowest):
            self._lowest, self._waited = mean, 0
            return
        self._waited += 1
        if self._waited <= self.patience:
            return
        self._waited = 0
        for wrapper in self._wrappers(runner):
            for group in wrapper.param_groups:
                # As in torch, a rate that began below the limit stays where it is.
                group['lr'] = min(group['lr'], max(group['lr'] * self.factor, self.min_lr))
        show(
            f'no lower {self.monitor} in {self.patience + 1} epochs: learning rates × {self.factor}'
        )

    def _wrappers(self, runner) -> list[Any]:
        """Return the optimisers whose rates fall."""
        wrapper = runner.optim_wrapper
        named = dict(wrapper.items()) if isinstance(wrapper, OptimWrapperDict) else {'': wrapper}
        if self.part is None:
            return list(named.values())
        if self.part not in named:
            names = ', '.join(filter(None, named))
            advice = f'set part to one of {names}' if names else 'leave out part'
            raise UserError(f'PlateauHook: no optimiser is named {self.part!r}: {advice}.')
        return [named[self.part]]
