import pytest
from matplotlib import pyplot as plt
from small_tables import finish, tiny

from depthda.errors import UserError
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.results import collect
from depthda.experiments.tables.table import load_table
from depthda.experiments.tables.text import draw_curve

KEY = '{target}/mIoU'
COLUMNS = [dict(key=KEY, title='mIoU'), dict(key=KEY, title='gain', gain=True)]
CURVE = dict(x='dose', column='gain', lines={'there': {1.0: 'much', 0.0: 'none', 0.5: 'some'}})


@pytest.fixture
def dosed(write_table):
    """Return a table of four rows on two worlds: RGB only, and three doses of depth."""
    rows = [tiny('rgb')]
    rows += [
        tiny(name, 'depthda_tiny_u2r', baseline='rgb', note=name)
        for name in ('none', 'some', 'much')
    ]
    for rate, row in enumerate(rows, 1):  # with equal options, the rows would share their runs
        row['options'] = row['options'] | {'optim_wrapper.optimizer.lr': rate}
    return load_table(write_table(rows, columns=COLUMNS, worlds=(1, 2), curve=CURVE))


@pytest.fixture
def drawn(monkeypatch):
    """Return a function that returns the drawn axes, which stay open."""
    monkeypatch.setattr(plt, 'close', lambda figure: None)
    yield lambda: plt.gcf().axes[0]
    monkeypatch.undo()
    plt.close('all')


def test_gains_are_drawn_over_the_quantity_with_their_intervals(dosed, tmp_path, drawn):
    runs = plan_runs(dosed, tmp_path)
    scores = dict(rgb=(40, 42), none=(40, 42), some=(43, 45), much=(46, 52))
    for run in runs:
        finish(run, {'Rural/mIoU': scores[run.row.name][run.world - 1]})
    lines = collect(dosed, runs)
    assert draw_curve(dosed, lines, tmp_path / 'curve.png')
    assert (tmp_path / 'curve.png').stat().st_size > 5000
    axis = drawn()
    (bars,) = axis.containers
    assert list(bars.lines[0].get_xdata()) == [0, 0.5, 1]
    assert list(bars.lines[0].get_ydata()) == pytest.approx([0, 3, 8])
    low, high = bars.lines[2][0].get_segments()[2][:, 1]
    much = next(line for line in lines if line.row.name == 'much').cells[1]
    assert (low, high) == pytest.approx(much.interval) and high - low > 1
    assert axis.get_xlabel() == 'dose' and axis.get_legend_handles_labels()[1] == ['there']


def test_rows_that_have_not_been_run_are_left_out(dosed, tmp_path, drawn):
    runs = plan_runs(dosed, tmp_path)
    assert not draw_curve(dosed, collect(dosed, runs), tmp_path / 'curve.png')
    assert not (tmp_path / 'curve.png').exists()
    for run in runs:
        if run.row.name in ('rgb', 'some'):
            finish(run, {'Rural/mIoU': 40})
    assert draw_curve(dosed, collect(dosed, runs), tmp_path / 'curve.png')
    assert list(drawn().containers[0].lines[0].get_xdata()) == [0.5]


@pytest.mark.parametrize(
    'wrong, message',
    [
        (dict(column='gains'), "unknown column 'gains': did you mean 'gain'"),
        (dict(lines={'there': {0.0: 'nome'}}), "unknown row 'nome': did you mean 'none'"),
    ],
)
def test_names_that_are_not_in_the_table_are_refused(write_table, wrong, message):
    rows = [tiny('none')]
    with pytest.raises(UserError, match=message):
        load_table(write_table(rows, columns=COLUMNS, curve=CURVE | wrong))
