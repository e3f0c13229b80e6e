"""The scores of a table are those of its runs, marked where they are not comparable."""

import numpy as np
import pytest
from scipy import stats
from small_tables import finish, tiny

from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.results import collect, figure
from depthda.experiments.tables.table import load_table
from depthda.io.files import write_json

COLUMNS = [
    dict(key='{target}/mIoU', title='target'),
    dict(key='{target}/mIoU', title='gain', gain=True),
]


@pytest.fixture
def filled(write_table, tmp_path):
    """Return a table on two worlds and three seeds, its runs, and their random scores."""
    rows = [
        tiny(),
        tiny('dual', 'depthda_tiny_u2r', baseline='rgb'),
        dict(name='again', title='Again', same_as='dual', target='Rural', baseline='rgb'),
        dict(name='x', title='X', absent='no data', paper=[30.0, None]),
    ]
    table = load_table(write_table(rows, columns=COLUMNS, worlds=(1, 2), seeds=(0, 1, 2)))
    runs = plan_runs(table, tmp_path / 'out')
    rng = np.random.default_rng(0)
    drawn = {}
    for run in runs:
        value = float(rng.uniform(20, 60))
        drawn[run.row.name, run.world, run.seed] = value
        finish(run, {'mIoU': value, 'Urban/mIoU': 1.0})
    return table, runs, drawn


def test_means_and_deviations_are_over_all_runs(filled):
    table, runs, drawn = filled
    line = collect(table, runs)[0]
    values = [value for (row, *_), value in drawn.items() if row == 'rgb']
    assert line.cells[0].mean == pytest.approx(np.mean(values))
    assert line.cells[0].std == pytest.approx(np.std(values, ddof=1))
    assert line.cells[0].count == 6 and line.state == ''


def test_a_gain_is_paired_and_its_interval_is_over_worlds(filled):
    table, runs, drawn = filled
    gain = collect(table, runs)[1].cells[1]
    worlds = [
        np.mean([drawn['dual', world, seed] - drawn['rgb', world, seed] for seed in range(3)])
        for world in (1, 2)
    ]
    low, high = stats.t.interval(0.95, 1, np.mean(worlds), stats.sem(worlds))
    assert gain.mean == pytest.approx(np.mean(worlds))
    assert gain.interval == pytest.approx((low, high))


def test_with_one_world_the_units_are_the_seeds(filled, tmp_path):
    table, _, drawn = filled
    gain = collect(table, plan_runs(table, tmp_path / 'out', worlds=[2]))[1].cells[1]
    seeds = [drawn['dual', 2, seed] - drawn['rgb', 2, seed] for seed in range(3)]
    assert gain.interval == pytest.approx(
        stats.t.interval(0.95, 2, np.mean(seeds), stats.sem(seeds))
    )


def test_a_row_can_show_the_scores_of_another(filled):
    table, runs, _ = filled
    lines = collect(table, runs)
    assert lines[2].cells == lines[1].cells and lines[2].row.name == 'again'


def test_a_row_that_cannot_be_run_has_a_reason(filled):
    table, runs, _ = filled
    line = collect(table, runs)[3]
    assert line.state == 'no data' and line.cells[0].mean is None and line.row.paper[0] == 30.0


def test_unfinished_failed_and_waiting_runs_are_counted(filled):
    table, runs, _ = filled
    first, second, *_ = (run for run in runs if run.row.name == 'rgb')
    (first.folder / 'result.json').unlink()
    write_json(first.folder / 'failed.json', {'error': 'x'})
    finish(second, {}, state='awaiting score')
    line = collect(table, runs)[0]
    assert line.state == '5 of 6 runs, 1 failed, 1 awaiting score' and line.cells[0].count == 4


def test_scores_of_another_protocol_are_not_shown(filled):
    table, runs, _ = filled
    for run in runs:
        if run.row.name == 'rgb':
            finish(run, {'mIoU': 99.0}, protocol='server')
    line = collect(table, runs)[0]
    assert line.cells[0].mean is None and line.state == '0 of 6 runs'


def test_a_recorded_score_fills_the_row(filled):
    table, runs, _ = filled
    for run in runs:
        finish(run, {}, state='awaiting score')
        scores = {'mIoU': 50.0 if run.row.name == 'dual' else 40.0}
        write_json(run.folder / 'score.json', {'scores': scores, 'recorded': {}})
    line = collect(table, runs)[1]
    assert (line.cells[0].mean, line.cells[1].mean, line.state) == (50.0, 10.0, '')


def test_a_score_selected_on_the_target_is_marked(filled):
    table, runs, _ = filled
    finish(runs[0], {'mIoU': 40.0}, target_selected=True)
    assert collect(table, runs)[0].marks == ('target-selected',)
    assert collect(table, runs)[1].marks == ()


def test_scores_of_the_headline_need_no_group_name():
    tested_on = {'domains': ['Rural', 'Urban']}
    result = {
        'scores': {'mIoU': 1.0, 'Urban/mIoU': 2.0},
        'headline': 'Rural',
        'tested_on': tested_on,
    }
    assert figure(result, 'mIoU') == figure(result, 'Rural/mIoU') == 1.0
    assert figure(result, 'Urban/mIoU') == 2.0
    assert figure(result, 'Val/mIoU') is None


def test_the_only_domain_needs_no_name():
    result = {'scores': {'mIoU': 1.0}, 'headline': 'all', 'tested_on': {'domains': ['Rural']}}
    assert figure(result, 'Rural/mIoU') == 1.0
    assert figure(result, 'Urban/mIoU') is None
