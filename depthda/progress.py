"""Show progress: a bar on a terminal, or a line in the log every 30 s."""

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from mmengine.logging import print_log
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    track,
)

from depthda.cli import is_main_process

FEW = 50  # up to this number of items, no progress is shown
_LOG_EVERY_S = 30.0


class _Pace(ProgressColumn):
    """A column with the mean number of items per second, and the remaining time at that pace.

    The estimate that rich makes is misleading if items are finished in batches.
    """

    def render(self, task: Task) -> str:
        if not (task.completed and task.elapsed):
            return ''
        pace = task.completed / task.elapsed
        return f'{pace:.1f}/s, {timedelta(seconds=round(task.remaining / pace))} left'


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function ``show(stage, done, total)`` that draws a bar for each stage on stderr."""
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


def tracked(what: str, items: Collection) -> Iterable:
    """Iterate over the items with a bar on stderr, if that is a terminal."""
    console = Console(stderr=True)
    shown = dict(console=console, transient=True, disable=not console.is_terminal)
    return track(items, what, total=len(items), **shown)


@contextmanager
def show_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of finished items and shows it with ``total``.

    On a terminal the function draws a bar; otherwise it logs a line every 30 s. It shows nothing
    for at most ``FEW`` items, or in processes other than the first.
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
        seconds = (self._total - done) / pace
        print_log(
            f'{self._what}: {done} of {self._total}, {pace:.1f} per second, {seconds:.0f} s left',
            'current',
        )
