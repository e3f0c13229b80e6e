"""Show the progress of long work: a bar on a terminal, a line every 30 s in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmengine.dist import is_main_process
from mmengine.logging import print_log
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)

FEW = 50  # so many items are done before anyone needs a progress bar
_LOG_EVERY_S = 30.0


class _Rate(ProgressColumn):
    """A column with the items per second."""

    def render(self, task: Task) -> str:
        rate = task.finished_speed or task.speed
        return '' if rate is None else f'{rate:.1f}/s'


@contextmanager
def show_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that is called with how many of ``total`` items are done.

    A terminal shows a bar with the rate on the error stream until the work is done. Otherwise the
    log gets a line every 30 s. Few items, and ranks other than the first, show nothing.
    """
    if total <= FEW or not is_main_process():
        yield lambda done: None
    elif sys.stderr.isatty():
        bar = (TextColumn(what), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*bar, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task('', total=total)
            yield lambda done: progress.update(task, completed=done)
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
        rate = done / (now - self._start)
        left = (self._total - done) / rate
        print_log(
            f'{self._what}: {done} of {self._total}, {rate:.1f} per second, {left:.0f} s left',
            'current',
        )
