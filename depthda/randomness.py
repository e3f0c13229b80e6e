"""Randomness as a function, not a state.

A sample's augmentation depends on (seed, position in the run) and an iteration's dropout on
(seed, rank, iteration). Nothing else is remembered, so the number of workers changes nothing and a
resumed run continues the interrupted one without any random state in the checkpoint.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*parts: int | str) -> int:
    """Return a 32-bit seed that depends on every part and on nothing else.

    ``hash()`` differs between processes and adding numbers collides (seed 0, position 1 would be
    seed 1, position 0), hence a digest of the parts.
    """
    text = '/'.join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), 'little')


class SampleKey(int):
    """A dataset index that carries the seed of the sample drawn at it.

    Everything else treats it as an ``int``, and it is sent to worker processes like one.
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> 'SampleKey':
        key = super().__new__(cls, index)
        key.seed = seed
        return key

    def __getnewargs__(self) -> tuple[int, int]:
        return int(self), self.seed


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed ``random``, ``numpy.random`` and torch's CPU generator inside; restore them after."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
