"""Report pages, by the command."""

import runpy
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE = runpy.run_path(str(ROOT / 'tests/experiments/page/page_runs.py'))


@pytest.fixture
def run(run_here):
    return partial(run_here, 'report')


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


def test_missing_parts_and_a_large_page_are_reported_on_the_terminal(run, work, monkeypatch):
    monkeypatch.setattr('depthda.experiments.page.page.HEAVY', 1000)
    (work / 'one/tiles.npz').unlink()
    status, _, errors = run('work')
    assert status == 0 and 'note: one has no tiles.npz' in errors
    assert 'use --tiles 2 to make it smaller' in errors


OTHERS = ('work/one/metrics.json', 'iter_1.pth', 'other.html')


def test_a_mistake_is_one_sentence_and_status_2_and_only_a_report_page_is_replaced(
    run, work, tmp_path
):
    for name in OTHERS:
        (tmp_path / name).touch()
    contents = [(tmp_path / name).read_bytes() for name in OTHERS]
    for arguments, sentence in (
        (['nowhere'], 'there is no folder nowhere: give a tested run, or a folder of runs.'),
        (['work', '--out', 'data'], 'data is a folder: choose a file name, such as data/NAME'),
        (
            ['work', '--out', 'page.pdf'],
            '--out page.pdf: the page is HTML, so give a name that ends with .html.',
        ),
        *(
            (
                ['work', '--out', name],
                f'{name} exists and is not a report page: choose a new name, or remove that file.',
            )
            for name in OTHERS
        ),
    ):
        assert run(*arguments) == (2, '', f'error: {sentence}\n')
    assert run('work', '--tiles', '-1')[0] == 2
    assert [(tmp_path / name).read_bytes() for name in OTHERS] == contents
    assert not (tmp_path / 'report.html').exists() and not (tmp_path / 'page.pdf').exists()
    assert run('work', '--out', 'page.html')[0] == run('work', '--out', 'page.html')[0] == 0
