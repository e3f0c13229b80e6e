"""Make dropout, drop-path and every other draw on the device a function of the iteration."""

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from depthda.engine.run_sampler import RunSampler
from depthda.randomness import derive_seed


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seed torch before each training iteration from (seed, rank, iteration).

    Together with :class:`RunSampler` it makes a resumed run equal to an uninterrupted one, although
    no random state is saved.
    """

    # Before every other hook, so that none of them draws from an unseeded generator.
    priority = 'HIGHEST'

    def before_train(self, runner) -> None:
        sampler = runner.train_dataloader.sampler
        if isinstance(sampler, RunSampler):
            # A run without a fixed seed takes the interrupted run's seed on resume, but only
            # after its sampler has been built.
            sampler.seed = runner.seed
        else:
            runner.logger.warning(
                f'{type(sampler).__name__} does not seed its samples: the number of workers and '
                "a resume change this run; use sampler=dict(type='RunSampler')."
            )

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        torch.manual_seed(derive_seed(runner.seed, 'iteration', get_rank(), runner.iter))
