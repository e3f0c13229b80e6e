"""Show the progress of long work: a bar on a terminal, a line every 30 s in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from mmengine.logging import print_log
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn

from depthda.cli import is_main_process

FEW = 50  # so few items are done before anyone needs a progress bar
_LOG_EVERY_S = 30.0


class _Pace(ProgressColumn):
    """A column with the items per second so far, and the time left at that pace.

    Items often come in bursts, a batch at a time, which mislead rich's own estimate.
    """

    def render(self, task: Task) -> str:
        if not (task.completed and task.elapsed):
            return ''
        pace = task.completed / task.elapsed
        return f'{pace:.1f}/s, {timedelta(seconds=round(task.remaining / pace))} left'


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each stage on a terminal's error stream: ``show(stage, done, total)``."""
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), _Pace())
    console = Console(stderr=True)
    quiet = not (console.is_terminal and is_main_process())
    with Progress(*columns, console=console, transient=True, disable=quiet) as bars:
        tasks: dict[str, int] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done)

        yield show


@contextmanager
def show_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that is called with how many of ``total`` items are done.

    A terminal shows a bar until the work is done. Otherwise the log gets a line every 30 s. Few
    items, and ranks other than the first, show nothing.
    """
    if total <= FEW or not is_main_process():
        yield lambda done: None
    elif sys.stderr.isatty():
        with progress_bars() as show:
            yield lambda done: show(what, done, total)
    else:
        yield _LogLines(what, total)


class _LogLines:
    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, total
        self._start = self._last = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._last < _LOG_EVERY_S or done >= self._total:
            return
        self._last = now
        pace = done / (now - self._start)
        left = (self._total - done) / pace
        print_log(
            f'{self._what}: {done} of {self._total}, {pace:.1f} per second, {left:.0f} s left',
            'current',
        )
