import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools' / 'report.py'
MADE = runpy.run_path(str(ROOT / 'tests/experiments/page/page_runs.py'))


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the script in this process, which spares an import of torch: status, output, errors."""

    def call(*args):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', ['tools/report.py', *map(str, args)])
        capsys.readouterr()  # what the fixtures said
        status = 0
        try:
            runpy.run_path(str(TOOL), run_name='__main__')
        except SystemExit as done:
            status = done.code
        return status, *capsys.readouterr()

    return call


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
    # The foot says how to make it again.
    assert 'tools/report.py work --names &#x27;the &lt;run&gt;&#x27; --out a/page.html' in text


def test_what_is_missing_goes_to_the_terminal_too(run, work):
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
    assert not (tmp_path / 'report.html').exists()


def test_a_heavy_page_is_told(run, work, monkeypatch):
    import depthda.experiments.page.page as module

    monkeypatch.setattr(module, 'HEAVY', 1000)
    assert '--tiles 2 makes it smaller' in run('work')[2]


@pytest.mark.parametrize('name', ['work/one/metrics.json', 'iter_1.pth', 'mine.html'])
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
