import pickle
import random

import numpy as np
import torch

from depthda.randomness import SampleKey, derive_seed, seeded


def test_derived_seeds_differ_where_sums_collide_and_are_equal_on_every_machine():
    assert derive_seed(0, 1) != derive_seed(1, 0)
    assert derive_seed(1, 12) != derive_seed(11, 2)
    seeds = {derive_seed(seed, position) for seed in range(20) for position in range(500)}
    assert len(seeds) > 9_990  # 32 bits: 10,000 seeds collide with a chance of about 1 %
    # A change of this value would alter all published runs.
    assert derive_seed(0, 'sample', 0) == 2210374190
    # A key is an index, and keeps its seed when it is sent to another process.
    key = pickle.loads(pickle.dumps(SampleKey(3, seed=17)))
    assert (key, key.seed, [10, 11, 12, 13][key]) == (3, 17, 13)


def test_seeded_repeats_its_draws_and_does_not_change_those_outside():
    def draws():
        return random.random(), np.random.rand(), torch.rand(1).item()

    def start():
        torch.manual_seed(1), np.random.seed(1), random.seed(1)
        return [draws()]

    undisturbed = start() + [draws()]
    disturbed = start()
    with seeded(5):
        first = draws()
    with seeded(5):
        assert draws() == first
    with seeded(6):
        assert draws() != first
    disturbed.append(draws())
    assert disturbed == undisturbed
