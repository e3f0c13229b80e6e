import io

import pytest

from depthda import progress
from depthda.progress import show_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def lines(monkeypatch):
    """Return the lines of the log; the clock advances ten seconds each time it is read."""
    logged, clock = [], iter(range(0, 10_000, 10))
    monkeypatch.setattr(progress, 'print_log', lambda text, logger: logged.append(text))
    monkeypatch.setattr(progress.time, 'monotonic', lambda: next(clock))
    return logged


def count_to(total):
    with show_progress('windows', total) as show:
        for done in range(1, total + 1):
            show(done)


def test_a_terminal_shows_a_bar_with_the_rate(monkeypatch, lines):
    terminal = Terminal()
    monkeypatch.setattr('sys.stderr', terminal)
    monkeypatch.setenv('COLUMNS', '100')
    monkeypatch.setenv('TERM', 'xterm')
    count_to(60)
    assert 'windows' in terminal.getvalue() and '60/60' in terminal.getvalue()
    assert '/s' in terminal.getvalue()
    assert lines == []


def test_a_log_has_a_line_at_intervals(lines):
    count_to(60)
    assert lines[0] == 'windows: 3 of 60, 0.1 per second, 570 s left'
    assert len(lines) == 19 and not any('60 of 60' in line for line in lines)


@pytest.mark.parametrize('case', ['few', 'another rank'])
def test_few_items_and_other_ranks_show_nothing(monkeypatch, lines, case):
    terminal = Terminal()
    monkeypatch.setattr('sys.stderr', terminal)
    if case == 'another rank':
        monkeypatch.setattr(progress, 'is_main_process', lambda: False)
    count_to(50 if case == 'few' else 500)
    assert terminal.getvalue() == '' and lines == []
