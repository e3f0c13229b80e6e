"""Random numbers for each sample, the same on any number of processes and on any device."""

from collections.abc import Callable
from functools import cached_property, partial

import torch
from mmseg.utils import SampleList
from torch import Tensor

from depthda.randomness import derive_seed

# A function of ``*size`` that returns random numbers (N, *size) in [0, 1) for N samples. The
# numbers are on the CPU, so that reading a value does not wait for the device.
Draw = Callable[..., Tensor]


class SampleDraws:
    """Draw random numbers for each sample of a batch from its seed and a name for their purpose.

    Samples have a ``sample_seed`` when ``RunSampler`` is used. Otherwise the seeds come from
    torch's generator, which is seeded by iteration and process.
    """

    def __init__(self, samples: SampleList) -> None:
        self.samples = samples

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds of the samples, determined when they are first needed."""
        seeds = [sample.metainfo.get('sample_seed') for sample in self.samples]
        return torch.randint(2**31, (len(seeds),)).tolist() if None in seeds else seeds

    def named(self, name: str) -> Draw:
        """Return the function that draws for one purpose; equal calls return equal numbers."""
        return partial(self._draw, name)

    def _draw(self, name: str, *size: int) -> Tensor:
        return torch.stack(
            [
                torch.rand(size, generator=torch.Generator().manual_seed(derive_seed(seed, name)))
                for seed in self.seeds
            ]
        )


def draw_or_default(draw: Draw | None, count: int) -> Draw:
    """Return ``draw``; if it is None, draw for ``count`` samples from torch's generator."""
    return draw or partial(torch.rand, count)
