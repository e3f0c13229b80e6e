import numpy as np
import pytest
import torch
from scipy import stats

from depthda.evaluation.confusion import scores
from depthda.experiments.comparison.intervals import (
    World,
    bootstrap,
    difference,
    iou,
    percentile_interval,
    resample_weights,
    t_interval,
)


def counts(*shape, classes=3, seed=0, absent=False):
    """Return random counts ``[*shape, C + 1, C]``; with ``absent``, many classes do not occur."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 50, (*shape, classes + 1, classes))
    if absent:
        kept = rng.random((*shape, classes)) < 0.4
        kept[..., 0] = True
        drawn[..., :-1, :] *= kept[..., :, None] & kept[..., None, :]
    return drawn


def world(seeds, tiles, seed=0, block=1, absent=False):
    first = counts(seeds, tiles, seed=seed, absent=absent)
    second = counts(seeds, tiles, seed=seed + 1, absent=absent)
    # All runs have the same labels: the pixels of each class are redistributed among predictions.
    for run in (*first, *second):
        run[:] = _redistribute(first[0], run)
    return World(first, second, np.arange(tiles) // block)


def _redistribute(labels, noise):
    total = labels.sum(-1, keepdims=True)
    share = np.floor(total * noise / np.maximum(noise.sum(-1, keepdims=True), 1)).astype(int)
    share[..., :1] += total - share.sum(-1, keepdims=True)
    return share


@pytest.mark.parametrize('count', [2, 3, 9, 200])
def test_t_intervals_match_scipy(count):
    values = np.random.default_rng(count).normal(2, 3, count)
    expected = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    mean, *interval = t_interval(values)
    assert mean == values.mean() and interval == pytest.approx(expected)
    assert t_interval(values[:1]) == (values[0], None, None)


@pytest.mark.parametrize('absent', [False, True])
def test_iou_matches_the_metric(absent):
    table = counts(6, absent=absent, seed=3)
    for row, matrix in zip(iou(table), table, strict=True):
        expected = scores(torch.from_numpy(matrix[:-1]))
        values = [expected.means()['mIoU'], *expected.iou]
        np.testing.assert_allclose(row, [np.nan if v is None else v for v in values])
    assert np.isnan(iou(table)).any() == absent
    assert np.isnan(iou(0 * table[0])).all()


def gains_by_loops(worlds, weights):
    """Return the gains of one resample, in which each block is repeated ``weights`` times."""
    per_world = []
    for world, repeats in zip(worlds, weights, strict=True):
        gains = []
        for first, second in zip(world.first, world.second, strict=True):
            before, after = (iou_by_loops(run, world.blocks, repeats) for run in (first, second))
            gains.append(np.subtract(after, before))
        per_world.append(np.nanmean(gains, 0))
    return np.nanmean(per_world, 0)


def iou_by_loops(run, blocks, repeats):
    """Add the matrices of the repeated tiles of a run, and return the scores of the metric."""
    total = np.zeros(run.shape[1:], int)
    for block, times in zip(np.unique(blocks), repeats, strict=True):
        for _ in range(int(times)):
            total += run[blocks == block].sum(0)
    result = scores(torch.from_numpy(total[:-1]))
    return [np.nan if value is None else value for value in (result.means()['mIoU'], *result.iou)]


@pytest.mark.filterwarnings('ignore:Mean of empty slice')
@pytest.mark.parametrize('absent', [False, True])
@pytest.mark.parametrize(
    'worlds',
    [
        pytest.param([(1, 4, 0, 1)], id='one run'),
        pytest.param([(3, 5, 0, 1)], id='seeds'),
        pytest.param([(2, 7, 0, 3)], id='blocks'),
        pytest.param([(2, 4, 0, 1), (1, 6, 9, 2)], id='worlds'),
    ],
)
def test_bootstrap_matches_a_computation_by_loops(worlds, absent):
    worlds = [world(*arguments, absent=absent) for arguments in worlds]
    streams = np.random.default_rng(5).spawn(len(worlds))
    weights = [
        np.concatenate(list(resample_weights(len(np.unique(w.blocks)), 300, rng)))
        for w, rng in zip(worlds, streams, strict=True)
    ]
    expected = [gains_by_loops(worlds, weight) for weight in zip(*weights, strict=True)]
    drawn = bootstrap(worlds, 300, seed=5)
    np.testing.assert_allclose(drawn, expected, atol=1e-9)
    low, high = percentile_interval(drawn[:, 0])
    # 2.5 % of 299 steps between 300 ranks: 0.475 of the way from the 8th to the 9th.
    ordered = np.sort(np.array(expected)[:, 0])
    assert low == pytest.approx(ordered[7] + 0.475 * (ordered[8] - ordered[7]))
    assert high == pytest.approx(ordered[292] - 0.475 * (ordered[292] - ordered[291]))
    unit_weights = [np.ones(len(np.unique(w.blocks))) for w in worlds]
    np.testing.assert_allclose(difference(worlds), gains_by_loops(worlds, unit_weights), atol=1e-9)


def test_unlabelled_tiles_do_not_change_the_bootstrap():
    one = world(2, 6)
    blank = np.zeros((2, 3, *one.first.shape[2:]), int)
    blank[..., -1, :] = 7
    more = [np.concatenate([blank, side], 1) for side in (one.first, one.second)]
    longer = World(*more, np.arange(9))
    np.testing.assert_array_equal(bootstrap([one], 40, seed=2), bootstrap([longer], 40, seed=2))
