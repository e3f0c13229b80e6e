"""Do the runs that are not finished, several at a time, and show how they get on."""

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from depthda.experiments.tables.plan import Run
from depthda.io.files import last_lines, read_json, write_json

_POLL_S = 0.5
# mmengine's line of a training step: iteration, of how many, and the loss.
_STEP = re.compile(r'Iter\((\w+)\) \[\s*(\d+)/(\d+)\](?:.*? loss: ([\d.]+))?')


@dataclass
class Outcome:
    """What one call of the runner did."""

    done: list[Run] = field(default_factory=list)
    failed: list[tuple[Run, str]] = field(default_factory=list)
    elsewhere: list[Run] = field(default_factory=list)  # another process is at them


@dataclass(frozen=True)
class Progress:
    """A line of a run's log, read."""

    run: Run
    phase: str  # 'train', 'val', 'test'
    step: int
    of: int
    loss: float | None


def execute(
    runs: Sequence[Run],
    jobs: int = 1,
    gpus: Sequence[str] = (),
    together: int = 1,
    follow: Callable[[Progress], None] = lambda progress: None,
    ended: Callable[[Run, str | None], None] = lambda run, error: None,
) -> Outcome:
    """Do ``runs``; a failing one is reported and the rest go on.

    Args:
        runs: Those to do; their data must be there.
        jobs: How many at a time.
        gpus: Devices that the jobs take in turn; none: as the environment has it.
        together: Runs of one process. More than one spares the imports, and shares a process.
        follow: Called with the progress of a run.
        ended: Called with each run that ended, and its error.
    """
    outcome = Outcome()
    batches: queue.SimpleQueue[list[Run]] = queue.SimpleQueue()
    for first in range(0, len(runs), together):
        batches.put(list(runs[first : first + together]))
    stop = threading.Event()
    note = threading.Lock()

    def work(slot: int) -> None:
        while not stop.is_set():
            try:
                batch = batches.get_nowait()
            except queue.Empty:
                return
            for run in batch:
                run.folder.mkdir(parents=True, exist_ok=True)
                write_json(run.folder / 'run.json', run.describe())
                (run.folder / 'failed.json').unlink(missing_ok=True)  # of an earlier try
            gpu = gpus[slot % len(gpus)] if gpus else None
            for run, error in _do(batch, _environment(jobs, gpu), stop, follow):
                with note:
                    if error is not None:
                        outcome.failed.append((run, error))
                    else:
                        (outcome.done if run.result else outcome.elsewhere).append(run)
                    ended(run, error)

    with ThreadPoolExecutor(jobs) as pool:
        slots = [pool.submit(work, slot) for slot in range(jobs)]
        try:
            for slot in slots:
                slot.result()
        finally:
            stop.set()  # Ctrl-C, or an error here: the other slots end their workers
    return outcome


def _environment(jobs: int, gpu: str | None) -> dict[str, str]:
    # Two processes with as many threads as cores each are many times slower than with half.
    threads = max((os.cpu_count() or 1) // jobs, 1)
    environment = {'OMP_NUM_THREADS': str(threads), **os.environ, 'PYTHONUNBUFFERED': '1'}
    if gpu is not None:
        environment['CUDA_VISIBLE_DEVICES'] = gpu
    return environment


def _do(
    batch: list[Run],
    environment: dict[str, str],
    stop: threading.Event,
    follow: Callable[[Progress], None],
) -> Iterator[tuple[Run, str | None]]:
    """Start a worker for a batch; give each run as it ends, with its error.

    A worker that dies takes the run with it that it is at; another one does the rest.
    """
    logs = {run: _Tail(run.folder / 'output.log') for run in batch}
    waiting = list(batch)
    while waiting:
        command = [sys.executable, '-m', 'depthda.experiments.tables.worker']
        # The worker stops when this pipe closes, which it does however this process ends.
        process = subprocess.Popen(
            [*command, *(str(run.folder) for run in waiting)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            while process.poll() is None:
                if stop.is_set():
                    process.terminate()
                    return
                for run in waiting:
                    for phase, step, of, loss in logs[run].steps():
                        follow(Progress(run, phase, step, of, loss))
                while len(waiting) > 1 and _has_ended(waiting[0]):
                    run = waiting.pop(0)
                    yield run, _error(run)
                time.sleep(_POLL_S)
            said = process.stdout.read().strip()
        died = process.returncode != 0
        while waiting:
            run = waiting.pop(0)
            if died and not _has_ended(run):
                error = f'its process died (status {process.returncode})'
                said = '\n'.join(last_lines(run.folder / 'output.log', 12)) or said
                write_json(run.folder / 'failed.json', {'error': error, 'said': said})
                yield run, error
                break
            yield run, _error(run)


def _has_ended(run: Run) -> bool:
    return any((run.folder / name).is_file() for name in ('result.json', 'failed.json'))


def _error(run: Run) -> str | None:
    failed = read_json(run.folder / 'failed.json')
    return failed['error'] if failed else None


class _Tail:
    """The lines that a growing log gained since it was last asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = path.stat().st_size if path.is_file() else 0

    def steps(self) -> Iterator[tuple[str, int, int, float | None]]:
        if not self._path.is_file():
            return
        with open(self._path, encoding='utf-8', errors='replace') as file:
            file.seek(self._at)
            text = file.read()
        whole = text.rfind('\n') + 1
        self._at += len(text[:whole].encode())
        for line in text[:whole].splitlines():
            if found := _STEP.search(line):
                loss = float(found[4]) if found[4] else None
                yield found[1], int(found[2]), int(found[3]), loss
