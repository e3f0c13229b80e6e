import math

import cv2
import numpy as np
import pytest

from depthda.errors import UserError
from depthda.pictures.curves import (
    describe_missing_keys,
    draw_curves,
    read_runs,
    short_names,
    smooth,
)

BLUE, ORANGE = (31, 119, 180), (255, 127, 14)  # matplotlib's first two colours


@pytest.mark.parametrize(
    ('runs', 'names'),
    [
        (['w/a'], ['a']),
        (['w/a', 'w/b'], ['a', 'b']),
        (['w/t/rgb/seed-0', 'w/t/dual/seed-0'], ['rgb', 'dual']),
        (['w/t/rgb/seed-0', 'w/t/dual/seed-1'], ['rgb/seed-0', 'dual/seed-1']),
        (['w/a', 'w/a/b'], ['a', 'b']),
        (['a/b/x', 'b/a/x'], ['a/b/x', 'b/a/x']),
    ],
)
def test_names_are_the_parts_that_differ(runs, names):
    assert short_names(runs) == names


def test_a_run_listed_twice_is_refused():
    with pytest.raises(UserError, match='the run w/a is listed twice: list each run once'):
        short_names(['w/a', 'w/x/../a'])


def test_folders_without_a_log_are_refused(tmp_path):
    (tmp_path / 'run').mkdir()
    with pytest.raises(UserError, match='run contains no log'):
        read_runs([tmp_path / 'run'])
    with pytest.raises(UserError, match='the folder .*none does not exist'):
        read_runs([tmp_path / 'none'])


def test_missing_keys_are_reported_with_the_most_similar_key():
    runs = {'a': {'loss': [(1, 2.0)]}, 'b': {'loss': [(1, 1.0)], 'IoU.road': [(1, 3.0)]}}
    assert describe_missing_keys(runs, ['loss']) == []
    assert describe_missing_keys(runs, ['loss', 'IoU.roads']) == [
        'a has no IoU.roads (choose from loss).',
        'b has no IoU.roads (did you mean IoU.road?).',
    ]
    with pytest.raises(UserError, match='nothing to draw: a has no mIoU'):
        describe_missing_keys(runs, ['mIoU'])


def test_smoothing_is_the_weighted_mean_of_earlier_values():
    values = np.random.default_rng(0).normal(size=20)
    weights = 0.7 ** np.arange(20)
    expected = [np.average(values[: t + 1][::-1], weights=weights[: t + 1]) for t in range(20)]
    np.testing.assert_allclose(smooth(values, 0.7), expected)
    np.testing.assert_array_equal(smooth(values, 0), values)
    broken = smooth([1.0, math.nan, 3.0], 0.5)
    assert broken[0] == 1 and math.isnan(broken[1]) and broken[2] == pytest.approx((0.5 + 3) / 1.5)


def rows_of(path, colour):
    """Return the positions (row, column) of a colour in the picture, without the legend below."""
    picture = cv2.imread(str(path))[..., ::-1].astype(int)
    picture = picture[: int(0.8 * len(picture))]
    return np.argwhere((np.abs(picture - colour) < 8).all(-1))


def test_the_picture_shows_each_run_in_its_colour(tmp_path):
    steps = range(1, 101)
    runs = {
        'high': {'loss': [(i, 10.0) for i in steps]},
        'falling': {'loss': [(i, 100.0 / i) for i in steps], 'mIoU': [(50, 40.0), (100, 60.0)]},
    }
    draw_curves(tmp_path / 'a.png', runs, ['loss'])
    high, falling = (rows_of(tmp_path / 'a.png', colour) for colour in (BLUE, ORANGE))
    assert np.ptp(high[:, 0]) < 5 < np.ptp(falling[:, 0])
    # It falls from left to right: its lower end is to the right of its upper end.
    assert falling[falling[:, 0].argmax(), 1] > falling[falling[:, 0].argmin(), 1] + 300
    # With two logarithmic axes, 100 / i is a straight line and 10 the middle of its range.
    draw_curves(tmp_path / 'b.png', runs, ['loss'], log_axes='xy')
    high, falling = (rows_of(tmp_path / 'b.png', colour) for colour in (BLUE, ORANGE))
    slope = np.polyfit(falling[:, 1], falling[:, 0], 1)
    assert np.abs(np.polyval(slope, falling[:, 1]) - falling[:, 0]).mean() < 3
    assert abs(np.mean(high[:, 0]) - np.ptp(falling[:, 0]) / 2 - falling[:, 0].min()) < 6


def test_a_run_without_the_key_keeps_its_colour_in_the_other_panel(tmp_path):
    runs = {'a': {'loss': [(1, 1.0), (9, 2.0)]}, 'b': {'mIoU': [(1, 1.0), (9, 2.0)]}}
    draw_curves(tmp_path / 'a.png', runs, ['loss', 'mIoU'])
    first, second = (rows_of(tmp_path / 'a.png', colour)[:, 0] for colour in (BLUE, ORANGE))
    assert len(first) and len(second) and first.max() < second.min()


def test_smoothing_flattens_the_curve_and_draws_the_raw_curve_pale(tmp_path):
    noise = np.random.default_rng(0).normal(size=200)
    runs = {'noise': {'loss': list(enumerate(noise.tolist()))}}
    spans = []
    for factor in (0.0, 0.95):
        draw_curves(tmp_path / 'a.png', runs, ['loss'], factor)
        spans.append(np.ptp(rows_of(tmp_path / 'a.png', BLUE)[:, 0]))
    assert spans[1] < 0.7 * spans[0]
    pale = 255 - 0.25 * (255 - np.array(BLUE))
    assert np.ptp(rows_of(tmp_path / 'a.png', pale)[:, 0]) > 0.8 * spans[0]
