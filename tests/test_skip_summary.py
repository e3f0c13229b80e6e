"""The summary of skipped tests, for small test files run in one process and in several."""

import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

pytestmark = pytest.mark.skipif({}, reason='no browser')


def test_one():
    pass


def test_two():
    pytest.skip('no scanner')
"""


@pytest.mark.parametrize('processes', [[], ['-n', '2']])
def test_the_summary_gives_the_skipped_tests_by_reason(tmp_path, processes):
    for name, skipped in (('test_a', True), ('test_b', False)):
        (tmp_path / f'{name}.py').write_text(SUITE.format(skipped))
    (tmp_path / 'test_c.py').write_text("import pytest\npytest.importorskip('no_such_module')\n")
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'skip_summary', *processes],
        cwd=tmp_path,
        env={'PYTHONPATH': str(Path(__file__).parent), 'PATH': ''},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *_, title, import_reason, c, browser, a, scanner, b, closing = done.stdout.splitlines()
    assert title.strip('= ') == '4 tests skipped'
    assert import_reason == "could not import 'no_such_module': No module named 'no_such_module'"
    assert (browser, scanner) == ('no browser', 'no scanner')
    files = [line.strip() for line in (a, b, c)]
    assert files == ['test_a.py: 2 tests', 'test_b.py: 1 test', 'test_c.py: 1 test']
    assert closing.startswith('1 passed, 4 skipped in ')
