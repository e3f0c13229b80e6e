import re

import pytest

from depthda.experiments.page.curves import MAX_POINTS, _figure, ticks


@pytest.mark.parametrize(
    'low, high, count, expected',
    [
        (0, 300, 6, [0, 50, 100, 150, 200, 250, 300]),
        (0.52, 1.94, 5, [0.5, 1, 1.5, 2]),
        (56.9, 57.46, 5, [56.8, 57, 57.2, 57.4, 57.6]),
        (-3, 2, 5, [-3, -2, -1, 0, 1, 2]),
    ],
)
def test_ticks_are_round_and_enclose_the_values(low, high, count, expected):
    assert ticks(low, high, count) == pytest.approx(expected)


@pytest.mark.parametrize('value', [0.0, 5.0, -2.0, 1e-6])
def test_a_single_value_has_an_axis_as_well(value):
    first, *_, last = ticks(value, value, 5)
    assert first < value < last


def points(svg):
    return [
        [tuple(map(float, p.split(','))) for p in line.split()]
        for line in re.findall(r'<polyline points="([^"]*)"', svg)
    ]


def test_points_are_placed_in_proportion_to_their_values():
    svg = _figure('loss', ['a'], [[(0, 0.0), (50, 1.0), (100, 4.0)]])
    (line,) = points(svg)
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y2 == pytest.approx(4 * (y0 - y1), abs=0.5)  # the axis points upwards
    assert 'from 0.00 to 4.00 at step 100' in svg  # read aloud


def test_a_line_breaks_where_the_loss_was_not_finite():
    nan = float('nan')
    svg = _figure('loss', ['a'], [[(1, 1.0), (2, 2.0), (3, nan), (4, 1.0), (5, 2.0)]])
    assert [len(line) for line in points(svg)] == [2, 2]
    assert '[3, null]' in svg.replace('&quot;', '"') and 'nan' not in svg.lower()


def test_a_long_run_is_thinned_and_keeps_its_ends():
    curve = [(step, float(step)) for step in range(1, 40_001)]
    (line,) = points(_figure('loss', ['a'], [curve]))
    assert len(line) <= MAX_POINTS + 1
    (short,) = points(_figure('loss', ['a'], [[curve[0], curve[-1]]]))
    assert [line[0], line[-1]] == [short[0], short[-1]]
