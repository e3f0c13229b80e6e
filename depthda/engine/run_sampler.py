"""Make the samples of a run, and all random numbers on the device, depend on its seed alone."""

from collections.abc import Iterator, Sized

import torch
from mmengine.dist import get_dist_info, get_rank, sync_random_seed
from mmengine.hooks import Hook
from mmengine.registry import DATA_SAMPLERS, HOOKS
from torch.utils.data import Sampler

from depthda.randomness import SampleKey, derive_seed


@DATA_SAMPLERS.register_module()
class RunSampler(Sampler):
    """An endless stream of samples; each depends only on its position and the seed.

    Position ``p`` of the run draws element ``p mod N`` of the permutation of epoch ``p div N``. The
    seed of its augmentation is derived from ``(seed, p)``. Rank ``r`` of ``W`` takes the positions
    ``r, r + W, r + 2W, …``, so one optimiser step sees the same samples however many ranks share
    its batch. :meth:`skip` jumps to any position without drawing the samples before it. Without
    ``shuffle``, each epoch has the order of the dataset. ``seed`` is that of the runner.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.size = len(dataset)
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.start = 0

    def skip(self, num_samples: int) -> None:
        """Start after ``num_samples`` samples of this rank; mmengine calls this on resume."""
        self.start = num_samples

    def __iter__(self) -> Iterator[SampleKey]:
        position = self.start * self.world_size + self.rank
        epoch, order = -1, None
        while True:
            if position // self.size != epoch:
                epoch, order = position // self.size, range(self.size)
                if self.shuffle:
                    generator = torch.Generator()
                    generator.manual_seed(derive_seed(self.seed, 'order', epoch))
                    order = torch.randperm(self.size, generator=generator).tolist()
            yield SampleKey(order[position % self.size], derive_seed(self.seed, 'sample', position))
            position += self.world_size

    def __len__(self) -> int:
        """Return the size of the dataset; the stream itself has no end."""
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: mmengine calls this between epochs, but the position decides the epoch."""


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seed torch before each training iteration from (seed, rank, iteration).

    Together with :class:`RunSampler` it makes a resumed run equal to an uninterrupted one, although
    no random state is saved.
    """

    # Run before every other hook, so that none of them draws from an unseeded generator.
    priority = 'HIGHEST'

    def before_train(self, runner) -> None:
        sampler = runner.train_dataloader.sampler
        if isinstance(sampler, RunSampler):
            # A run without a fixed seed takes the interrupted run's seed on resume, but only
            # after its sampler has been built.
            sampler.seed = runner.seed
        else:
            runner.logger.warning(
                f'{type(sampler).__name__} does not seed its samples, so this run depends on the '
                "number of workers and on every resume: use sampler=dict(type='RunSampler')."
            )

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        torch.manual_seed(derive_seed(runner.seed, 'iteration', get_rank(), runner.iter))
