"""Choose which runs of a table a call does: the share of one machine, or what fits in time."""

import itertools
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from depthda.errors import UserError
from depthda.experiments.tables.plan import Run


def unique_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs without repeats: of runs with the same folder, the first row's is kept."""
    return list({run.folder.name: run for run in reversed(runs)}.values())[::-1]


def shard_of(runs: Sequence[Run], text: str) -> list[Run]:
    """Return the share of one machine; ``'2/3'`` is the second of three.

    ``runs`` must hold the finished runs too, so that a restarted machine gets the same share. The
    runs of a row take equally long, so they go to different machines.
    """
    match = re.fullmatch(r'(\d+)/(\d+)', text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError(f'--shard {text}: write I/N with I from 1 to N, such as 2/3.')
    return list(runs[int(match[1]) - 1 :: int(match[2])])


def most_useful_first(runs: Sequence[Run]) -> list[Run]:
    """Sort runs so that a table which is stopped early is as useful as possible.

    The first run of each row comes first, with baselines before the rows compared with them. The
    second runs follow, and so on, so that all rows have figures of the same worlds and seeds.
    """
    baselines = {run.row.baseline for run in runs}
    numbers = defaultdict(itertools.count)
    ranks = {run: (next(numbers[run.row.name]), run.row.name not in baselines) for run in runs}
    return sorted(runs, key=ranks.get)


class TimeLimit:
    """Decide whether a run would end within ``hours``, judged by the times of finished runs."""

    def __init__(self, hours: float, runs: Sequence[Run]) -> None:
        self.end = time.monotonic() + 3600 * hours
        self.runs = runs
        self.left_out: list[Run] = []

    def fits(self, run: Run) -> bool:
        """Return whether a run is expected to end in time; a run of unknown length may start."""
        if time.monotonic() + (self.expected_seconds(run) or 0) <= self.end:
            return True
        self.left_out.append(run)
        return False

    def expected_seconds(self, run: Run) -> float | None:
        """Return the mean time of the row's finished runs, or else of all finished runs.

        Return None if no run has finished.
        """
        results = [(other.row.name, other.result) for other in self.runs]
        times = [(name, result['seconds']) for name, result in results if result]
        own = [seconds for name, seconds in times if name == run.row.name]
        return fmean(own or [seconds for _, seconds in times]) if times else None
