"""Report pages, by the command."""

import runpy
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE = runpy.run_path(str(ROOT / 'tests/experiments/page/page_runs.py'))


@pytest.fixture
def run(run_tool, monkeypatch, tmp_path):
    """Run the tool in ``tmp_path``; return status, output, errors."""
    monkeypatch.chdir(tmp_path)
    return partial(run_tool, 'report')


@pytest.fixture
def work(tmp_path):
    MADE['write_data'](tmp_path / 'data')
    MADE['write_run'](tmp_path, 'one', wrong=0.5, depth='rdepth/fake')
    return tmp_path / 'work'


def test_a_page_of_a_run(run, work, tmp_path):
    status, output, errors = run('work', '--names', 'the <run>', '--out', 'a/page.html')
    size = (tmp_path / 'a/page.html').stat().st_size
    assert (status, output) == (0, f'a/page.html ({size / 1e6:.1f} MB)\n')
    text = (tmp_path / 'a/page.html').read_text()
    assert '<h1>the &lt;run&gt;</h1>' in text
    # The footer shows the command that makes the page.
    assert 'tools/report.py work --names &#x27;the &lt;run&gt;&#x27; --out a/page.html' in text


def test_missing_parts_are_also_reported_on_the_terminal(run, work):
    (work / 'one/tiles.npz').unlink()
    status, _, errors = run('work')
    assert status == 0 and 'note: one has no tiles.npz' in errors


def test_a_mistake_is_one_sentence_and_status_2(run, work, tmp_path):
    status, output, errors = run('nowhere')
    assert status == 2 and not output
    assert errors == 'error: there is no folder nowhere: give a tested run, or a folder of runs.\n'
    assert run('work', '--tiles', '-1')[0] == 2
    status, output, errors = run('work', '--out', 'data')
    assert status == 2 and not output
    assert errors == 'error: data is a folder: name a file, data/NAME\n'
    assert run('work', '--out', 'page.pdf') == (
        2,
        '',
        'error: --out page.pdf: the page is HTML, so give a name that ends with .html.\n',
    )
    assert not (tmp_path / 'report.html').exists() and not (tmp_path / 'page.pdf').exists()


def test_a_large_page_is_reported(run, work, monkeypatch):
    import depthda.experiments.page.page as module

    monkeypatch.setattr(module, 'HEAVY', 1000)
    assert '--tiles 2 makes it smaller' in run('work')[2]


@pytest.mark.parametrize('name', ['work/one/metrics.json', 'iter_1.pth', 'other.html'])
def test_only_a_report_page_is_replaced(run, work, tmp_path, name):
    file = tmp_path / name
    file.touch()
    before = file.read_bytes()
    status, _, errors = run('work', '--out', name)
    assert (status, errors) == (
        2,
        f'error: {name} exists and is not a report page: give a new name, or remove that file.\n',
    )
    assert file.read_bytes() == before
    assert run('work', '--out', 'page.html')[0] == run('work', '--out', 'page.html')[0] == 0
