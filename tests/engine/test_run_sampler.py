from itertools import islice

import pytest

from depthda.engine import run_sampler
from depthda.engine.run_sampler import RunSampler


def take(sampler: RunSampler, count: int) -> list[tuple[int, int]]:
    return [(int(key), key.seed) for key in islice(sampler, count)]


def test_each_epoch_is_a_permutation_and_no_two_are_alike():
    indices = [index for index, _ in take(RunSampler(range(10), seed=0), 30)]
    epochs = [indices[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_seeds_of_samples_never_repeat_and_depend_on_the_run():
    samples = take(RunSampler(range(4), seed=0), 40)
    assert len({seed for _, seed in samples}) == 40
    assert take(RunSampler(range(4), seed=0), 40) == samples
    assert take(RunSampler(range(4), seed=1), 40) != samples


def test_without_shuffling_the_order_is_kept():
    assert [i for i, _ in take(RunSampler(range(3), shuffle=False, seed=0), 7)] == [
        0, 1, 2, 0, 1, 2, 0,
    ]  # fmt: skip


@pytest.mark.parametrize('skipped', [0, 1, 9, 10, 25])
def test_skipping_equals_drawing_and_forgetting(skipped):
    sampler = RunSampler(range(10), seed=3)
    expected = take(sampler, 40)[skipped:]
    sampler.skip(skipped)
    assert take(sampler, 40 - skipped) == expected


def test_ranks_share_the_stream_of_one_process(monkeypatch):
    alone = take(RunSampler(range(7), seed=2), 24)
    shared = []
    for rank in range(3):
        monkeypatch.setattr(run_sampler, 'get_dist_info', lambda rank=rank: (rank, 3))
        sampler = RunSampler(range(7), seed=2)
        sampler.skip(2)
        shared.append(take(sampler, 6))
    # Sample k of rank r, counted with the skipped ones, is at position 3k + r.
    assert [shared[p % 3][p // 3 - 2] for p in range(6, 24)] == alone[6:]
