"""A table in four formats; protocols stay separate in each."""

import csv
import io

import pytest
from rich.console import Console
from small_tables import finish, tiny

from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.results import collect
from depthda.experiments.tables.table import load_table
from depthda.experiments.tables.text import comma_separated, latex, markdown, terminal


@pytest.fixture
def shown(write_table, tmp_path):
    rows = [
        dict(name='x', title='Other & co', absent='not here', protocol='server', paper=[24.62]),
        tiny('server', protocol='server', paper=[48.98], note='printed 48.99'),
        tiny('local', 'depthda_tiny_u2r'),
    ]
    table = load_table(write_table(rows, seeds=(0, 1), worlds=(1,), caption='What it is.'))
    runs = plan_runs(table, tmp_path / 'out')
    for run in runs:
        selected = run.row.name == 'local'
        finish(run, {'mIoU': 40.0 + run.seed + 10 * selected}, target_selected=selected)
    return table, collect(table, runs)


def test_markdown_has_a_table_for_each_protocol(shown):
    text = markdown(*shown)
    server, local = text.split('## Local protocol')
    assert '| row | figures | mIoU | runs | notes |' in server
    assert '| Other & co | paper | 24.62 |  | not here |' in server
    assert '| server* | paper | 48.98 |  |  |\n|  | here | 40.50 ± 0.71 | 2 |  |' in server
    assert '| local | here | 50.50 ± 0.71 | 2 | target-selected |' in local
    assert '48.98' not in local and '50.50' not in server
    assert r'\* server: printed 48.99' in text and 'What it is.' in text
    assert 'chosen by its score on labelled images of the target domain' in text


def test_csv_keeps_full_precision_and_one_score_per_line(shown):
    lines = list(csv.DictReader(io.StringIO(comma_separated(*shown))))
    local = next(line for line in lines if line['row'] == 'local')
    assert float(local['mean']) == 50.5 and float(local['std']) == pytest.approx(0.5**0.5)
    assert (local['protocol'], local['marks'], local['n']) == ('local', 'target-selected', '2')
    assert [line['from'] for line in lines if line['row'] == 'server'] == ['paper', 'here']


def test_latex_is_escaped_and_has_the_right_number_of_columns(shown):
    text = latex(*shown)
    assert text.count(r'\begin{table}') == text.count(r'\end{table}') == 2
    assert r'Other \& co & paper & 24.62 \\' in text
    assert r' & here & 40.50 $\pm$ 0.71 \\' in text
    assert r'local & here (target-selected) & 50.50 $\pm$ 0.71 \\' in text
    rows = [
        line for line in text.splitlines() if line.endswith(r'\\') and 'multicolumn' not in line
    ]
    assert {line.replace(r'\&', '').count('&') for line in rows} == {2}


def test_the_terminal_shows_the_same_figures(shown):
    console = Console(width=120, file=io.StringIO())
    console.print(*terminal(*shown, console.width))
    text = console.file.getvalue()
    for figure in ('24.62', '48.98', '40.50 ± 0.71', '50.50 ± 0.71', 'target-selected'):
        assert figure in text
    heads = next(line for line in text.splitlines() if 'mIoU' in line)
    assert heads.replace('┃', ' ').split() == ['row', 'figures', 'mIoU', 'runs', 'notes']


def test_the_settings_of_a_sweep_have_a_heading(at_root):
    vary = ['optim_wrapper.optimizer.lr=1e-3,3e-3']
    table = load_table('configs/sample/depthda_tiny_u2r.py', vary)
    lines = collect(table, [])
    text = markdown(table, lines)
    assert '| setting | figures | mIoU | mF1 | OA | runs | notes |' in text
    assert '| optim_wrapper.optimizer.lr = 0.003 | here |' in text
    assert r'setting & figures & mIoU & mF1 & OA' in latex(table, lines)


def test_a_narrow_terminal_shows_the_means_only(write_table, tmp_path):
    columns = [dict(key=f'IoU.{name}', title=name) for name in 'abcdefg']
    columns.append(dict(key='mIoU', title='mean'))
    paper = [float(value) for value in range(8)]
    table = load_table(
        write_table([dict(name='x', title='X', absent='no', paper=paper)], columns=columns)
    )
    shown = {}
    for width in (80, 160):
        console = Console(width=width, file=io.StringIO())
        console.print(*terminal(table, collect(table, []), width))
        shown[width] = console.file.getvalue()
    assert '7.00' in shown[80] and '3.00' not in shown[80] and '…' not in shown[80]
    assert '7.00' in shown[160] and '3.00' in shown[160]
