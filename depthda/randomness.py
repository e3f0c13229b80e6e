"""Random numbers that depend only on a seed and a position.

The augmentation of a sample depends on (seed, position in the run), dropout on (seed, rank,
iteration). So results do not depend on the number of workers, and a resumed run continues as
if it had not stopped, although its checkpoint has no random state.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*parts: int | str) -> int:
    """Return a 32-bit seed that depends only on the parts.

    It is a digest, because ``hash()`` differs between processes and sums would collide (seed 0 at
    position 1 with seed 1 at position 0).
    """
    text = '/'.join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), 'little')


class SampleKey(int):
    """A dataset index with the seed of its sample.

    It works like an ``int``, and keeps its seed when it is sent to worker processes.
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
    """Seed ``random``, ``numpy.random`` and torch's CPU generator; restore their states on exit."""
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
