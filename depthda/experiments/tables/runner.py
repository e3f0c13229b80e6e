"""Run a table: from a table file to the finished table (``depthda run-experiments``)."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from depthda.console import wide_console
from depthda.errors import UserError, many
from depthda.experiments.tables import contributed, schedule
from depthda.experiments.tables.configs import resolved_config
from depthda.experiments.tables.execute import execute
from depthda.experiments.tables.plan import Run, plan_runs
from depthda.experiments.tables.results import collect
from depthda.experiments.tables.samples import describe_generator, make_samples
from depthda.experiments.tables.table import Table, load_table
from depthda.experiments.tables.text import FORMATS, draw_curve, terminal
from depthda.io.files import atomic_path, read_json
from depthda.progress import progress_bars

_AGAIN = 'run the same command again to continue'


def run_table(
    path: str | Path,
    out: str | Path,
    seeds: Sequence[int] | None = None,
    worlds: Sequence[int] | None = None,
    only: Sequence[str] | None = None,
    vary: Sequence[str] = (),
    gpus: Sequence[str] = (),
    jobs: int | None = None,
    dry_run: bool = False,
    smoke: bool = False,
    report: bool = False,
    shard: str | None = None,
    hours: float | None = None,
    contribute: str | None = None,
) -> list[tuple[Run, str]]:
    """Do the unfinished runs of a table and write it; return the failed runs with their errors.

    The arguments are the options of ``depthda run-experiments``.
    """
    # Users copy the printed paths: only the terminal may wrap them.
    console = wide_console(soft_wrap=True)
    table = load_table(path, vary)
    if worlds and all(row.sample is None for row in table.rows):
        raise UserError(f'--worlds: no row of {path} uses a synthetic dataset: remove the option.')
    if contribute and smoke:
        raise UserError('--contribute needs the scores of real runs: remove --smoke.')
    if smoke:
        seeds, worlds = seeds or table.seeds[:1], worlds or [0]
    # Read now, because a faulty file would otherwise be noticed only after hours of runs.
    others = {} if smoke else contributed.read_contributed(table)
    runs = plan_runs(table, out, seeds, worlds, only, smoke)
    chosen = schedule.unique_runs(runs)
    chosen = schedule.shard_of(chosen, shard) if shard else chosen
    todo = [run for run in chosen if run.result is None and run.missing is None]
    limit = None if hours is None else schedule.TimeLimit(hours, runs)
    todo = todo if hours is None else schedule.most_useful_first(todo)
    pretrainings = schedule.unique_runs([run.pretraining for run in todo if run.pretraining])
    pretrainings = [run for run in pretrainings if run.result is None]
    if dry_run:
        _list(console, table, [*pretrainings, *(chosen if shard else runs)])
        return []
    failed = []
    if not report:
        gpus = read_gpus(gpus)
        if smoke:
            check_real_configs(table, only, console)
        make_data([*pretrainings, *todo], jobs or os.cpu_count() or 1)
        jobs = jobs or max(len(gpus), 1)
        # A smoke run takes seconds, most of them for imports, so a process does several.
        together = math.ceil(len(todo) / jobs) if smoke else 1
        failed = do_runs(console, pretrainings, jobs, gpus, limit=limit) if pretrainings else []
        failed += do_runs(console, _ready(console, todo), jobs, gpus, together, limit)
    runs = plan_runs(table, out, seeds, worlds, None, smoke)
    _write(console, table, runs, Path(out), others)
    if contribute:
        for written in contributed.contribute(table, runs, contribute, Path('results')):
            console.print(f'written: {written}')
    return failed


def _write(console: Console, table: Table, runs: Sequence[Run], out: Path, others: Mapping) -> None:
    """Print the current state of the table, and write it in every format."""
    lines = collect(table, runs, others)
    if samples := [row.sample for row in table.rows if row.sample is not None]:
        table = replace(table, caption=f'{table.caption} {describe_generator(samples)}'.strip())
    for block in terminal(table, lines, console.width):
        console.print(block, soft_wrap=False)
    if table.caption:
        console.print(table.caption)
    folder = out / table.name
    for suffix, write in FORMATS.items():
        with atomic_path(folder / f'table.{suffix}') as temporary:
            temporary.write_text(write(table, lines), encoding='utf-8')
    console.print(f'written: {folder}/table.{{{",".join(FORMATS)}}}')
    if table.curve and draw_curve(table, lines, folder / 'curve.png'):
        console.print(f'written: {folder}/curve.png')


def say_failed(failed: Sequence[tuple[Run, str]]) -> None:
    """Print which runs failed and why, with the end of the traceback if there is one."""
    console = Console(soft_wrap=True, highlight=False)
    for run, error in failed:
        log = run.folder / 'output.log'
        console.print(f'failed: {run.table}, {run.title}: {error} (log: {log})', markup=False)
        output = read_json(run.folder / 'failed.json')['output'] or ''
        for line in output.splitlines()[-12:]:
            console.print(f'    {line}', markup=False)


def _list(console: Console, table: Table, runs: Sequence[Run]) -> None:
    for row in (row for row in table.rows if row.absent):
        console.print(f'cannot run {row.name}: {row.absent}', markup=False)
    for run in runs:
        state = f'needs data in {run.missing}:' if run.missing else 'would run'
        if result := run.result:
            state = 'finished' if result['state'] == 'done' else result['state']
        console.print(f'{state:10} {run.title}: {run.folder}', markup=False)
    todo = sum(run.result is None and run.missing is None for run in runs)
    console.print(f'{todo} of {many(len(runs), "run")} would be done')


def check_real_configs(table: Table, only: Sequence[str] | None, console: Console) -> None:
    """Build every model of the rows on the meta device, with the row's overrides."""
    built: set[str] = set()
    for run in plan_runs(table, 'unused', table.seeds[:1], [table.worlds[0] or 0], only):
        for step in (step for step in run.steps if step.train):
            cfg = resolved_config(step)
            if (key := repr(cfg.model.to_dict())) in built:
                continue
            # The first look-up may import modules, which must not see another default device.
            MODELS.get(cfg.model.type)
            try:
                # mmseg's MiT reads a value from a tensor while it is built.
                device = torch.device('cpu' if 'MixVision' in key else 'meta')
                with device, DefaultScope.overwrite_default_scope('mmseg'):
                    model = MODELS.build(cfg.model)
            except (TypeError, ValueError, KeyError, AssertionError) as error:
                raise UserError(
                    f'row {run.row.name!r}: the model of {step.train} cannot be built with its '
                    f'overrides ({error}).'
                ) from error
            built.add(key)
            size = sum(weight.numel() for weight in model.parameters()) / 1e6
            console.print(f'model built: {run.row.name} ({size:.1f} M parameters)', markup=False)


def make_data(runs: Sequence[Run], jobs: int) -> None:
    """Write the synthetic datasets of these runs that do not exist yet."""
    samples = [(run.data, run.world, run.row.sample) for run in runs if run.data is not None]
    with progress_bars() as show:
        make_samples(samples, jobs, lambda done, total: show('synthetic images', done, total))


def _ready(console: Console, runs: Sequence[Run]) -> list[Run]:
    """Return the runs whose pretraining is done or not needed; print the number of the others."""
    ready = [run for run in runs if run.pretraining is None or run.pretraining.result is not None]
    if left_out := len(runs) - len(ready):
        console.print(f'{many(left_out, "run")} cannot start without a finished pretraining')
    return ready


def do_runs(
    console: Console,
    runs: Sequence[Run],
    jobs: int,
    gpus: Sequence[str] = (),
    together: int = 1,
    limit: schedule.TimeLimit | None = None,
) -> list[tuple[Run, str]]:
    """Do these runs, each with a progress bar; return those that failed, with their errors.

    Runs that would not end within the ``limit`` are not started; the console shows their number.
    """
    if not runs:
        return []
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    columns += (TextColumn('{task.fields[state]}'), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        overall = progress.add_task('runs', total=len(runs), state='')
        bars: dict[Path, int] = {}

        def follow(run: Run, phase: str, step: int, last: int, loss: float | None) -> None:
            if run.folder not in bars:
                bars[run.folder] = progress.add_task(run.title, state='')
            state = phase if loss is None else f'{phase}, loss {loss:.3f}'
            progress.update(bars[run.folder], completed=step, total=last, state=state)

        def ended(run: Run, error: str | None) -> None:
            if (bar := bars.pop(run.folder, None)) is not None:
                progress.remove_task(bar)
            if error is not None:
                state = f'failed: {error}'
            elif (result := run.result) is None:
                state = 'another process is doing this run'
            else:
                score = result['scores'].get('mIoU')
                state = result['state'] if score is None else f'mIoU {score:.2f}'
                state += f' ({result["seconds"]:.0f} s)'
            progress.console.print(f'{run.title}: {state}', markup=False, highlight=False)
            progress.advance(overall)

        limit = limit or schedule.TimeLimit(math.inf, ())
        try:
            failed = execute(runs, jobs, gpus, together, follow, ended, limit.fits)
            if limit.left_out:
                count = many(len(limit.left_out), 'run')
                console.print(f'{count} would not end in time; {_AGAIN}')
            return failed
        except KeyboardInterrupt as interrupt:
            done = sum(run.result is not None for run in runs)
            finished = f'{done} of {many(len(runs), "run")} finished'
            interrupt.args = (f'interrupted: {finished}; {_AGAIN}',)
            raise


def read_gpus(words: Sequence[str]) -> list[str]:
    """Return the devices of ``--gpus 0 1`` or ``--gpus 0,1``; each run gets one of them.

    A GPU that does not exist is refused: torch would train on the processor without a warning.
    """
    # '--gpus 0, 1' arrives as the two words '0,' and '1'.
    ids = ','.join(words).replace(',,', ',').split(',') if words else []
    wrong = [name for name in ids if not (name.isdigit() or name.startswith(('GPU-', 'MIG-')))]
    if wrong:
        raise UserError(
            f'--gpus {" ".join(words)}: {wrong[0]!r} is not a device: use numbers, as in '
            '--gpus 0 1, or names that nvidia-smi -L lists.'
        )
    count = torch.cuda.device_count()
    # With CUDA_VISIBLE_DEVICES the devices have other numbers.
    for name in ids if 'CUDA_VISIBLE_DEVICES' not in os.environ else ():
        # Only numbers can be checked, not names as nvidia-smi -L lists them.
        if not count or name.isdigit() and int(name) >= count:
            present = f'only GPU {" ".join(map(str, range(count)))}' if count else 'no GPU'
            advice = '' if count else ': remove --gpus'
            raise UserError(f'--gpus {name}: torch finds {present} on this machine{advice}.')
    return ids
