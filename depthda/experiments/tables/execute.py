"""Run the unfinished runs of a table, several at a time, and report their progress."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from depthda.experiments.tables.plan import Run
from depthda.io.files import last_lines, write_json

_POLL_S = 0.5
# A line that mmengine logs: phase, iteration, number of iterations, and the loss if it has one.
_STEP = re.compile(r'Iter\((\w+)\) \[\s*(\d+)/(\d+)\](?:.*? loss: ([\d.]+))?')

# Called with the run, its phase ('train', 'val' or 'test'), the iteration, the number of
# iterations, and the loss.
OnProgress = Callable[[Run, str, int, int, float | None], None]
# Called with a run that has ended, and its error if it failed.
OnEnd = Callable[[Run, str | None], None]


def execute(
    runs: Sequence[Run],
    jobs: int = 1,
    gpus: Sequence[str] = (),
    runs_per_process: int = 1,
    on_progress: OnProgress = lambda *progress: None,
    on_end: OnEnd = lambda run, error: None,
    may_start: Callable[[Run], bool] = lambda run: True,
) -> list[tuple[Run, str]]:
    """Do ``runs``, and return the failed ones with their errors. A failure stops no other run.

    The data of the runs must exist. ``jobs`` processes run at a time and use the devices ``gpus``
    in turn; without ``gpus``, the environment selects them. A process does ``runs_per_process``
    runs one after another, which saves the time of imports. ``on_progress`` is called with the
    progress of a run, ``on_end`` with each run that has ended. A run is left out if ``may_start``
    returns False when its turn comes.
    """
    failed: list[tuple[Run, str]] = []
    # All slots share this iterator: each takes the next batch.
    batches = iter(
        [runs[first : first + runs_per_process] for first in range(0, len(runs), runs_per_process)]
    )
    stop, lock = threading.Event(), threading.Lock()
    # If two processes each use as many threads as there are cores, both are many times slower.
    threads = str(max((os.cpu_count() or 1) // jobs, 1))
    environment = {'OMP_NUM_THREADS': threads, **os.environ, 'PYTHONUNBUFFERED': '1'}

    def run_batches(slot: int) -> None:
        for batch in batches:
            if stop.is_set():
                return
            batch = list(filter(may_start, batch))
            for run in batch:
                run.folder.mkdir(parents=True, exist_ok=True)
                write_json(run.folder / 'run.json', run.describe())
                (run.folder / 'failed.json').unlink(missing_ok=True)  # from an earlier attempt
            gpu = {'CUDA_VISIBLE_DEVICES': gpus[slot % len(gpus)]} if gpus else {}
            for run, error in _run_batch(batch, environment | gpu, stop, on_progress):
                with lock:
                    if error is not None:
                        failed.append((run, error))
                    on_end(run, error)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(run_batches, range(jobs)))
        finally:
            stop.set()  # after Ctrl-C or an error here, the other slots end their workers
    return failed


def _run_batch(
    batch: Sequence[Run],
    environment: dict[str, str],
    stop: threading.Event,
    on_progress: OnProgress,
) -> Iterator[tuple[Run, str | None]]:
    """Start a worker for a batch; yield each run when it ends, with its error.

    If a worker dies, its current run fails, and another worker does the runs after it.
    """
    logs = {run: _Tail(run.folder / 'output.log') for run in batch}
    waiting = list(batch)
    while waiting:
        command = [sys.executable, '-m', 'depthda.experiments.tables.worker']
        command += [str(run.folder) for run in waiting]
        # The worker stops when stdin closes, which happens even if this process is killed.
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        process = subprocess.Popen(command, env=environment, text=True, **pipes)
        with process:
            while process.poll() is None:
                if stop.is_set():
                    process.terminate()
                    return
                for run in waiting:
                    for progress in logs[run].steps():
                        on_progress(run, *progress)
                while len(waiting) > 1 and _has_ended(waiting[0]):
                    run = waiting.pop(0)
                    yield run, run.error
                time.sleep(_POLL_S)
            output = process.stdout.read().strip()
        died = process.returncode != 0
        while waiting:
            run = waiting.pop(0)
            if died and not _has_ended(run):
                error = f'the worker process died (status {process.returncode})'
                output = '\n'.join(last_lines(run.folder / 'output.log', 12)) or output
                write_json(run.folder / 'failed.json', {'error': error, 'output': output})
                yield run, error
                break
            yield run, run.error


def _has_ended(run: Run) -> bool:
    return any((run.folder / name).is_file() for name in ('result.json', 'failed.json'))


class _Tail:
    """Read the progress that a growing log has gained since the last call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.is_file() else 0

    def steps(self) -> Iterator[tuple[str, int, int, float | None]]:
        if not self._path.is_file():
            return
        with open(self._path, encoding='utf-8', errors='replace') as file:
            file.seek(self._offset)
            text = file.read()
        lines = text[: text.rfind('\n') + 1]  # the last line may be incomplete
        self._offset += len(lines.encode())
        for line in lines.splitlines():
            if match := _STEP.search(line):
                loss = float(match[4]) if match[4] else None
                yield match[1], int(match[2]), int(match[3]), loss
