"""``tools/run_experiments.py``: from a table file to the filled table."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from depthda.console import wide_console
from depthda.errors import UserError, many
from depthda.experiments.tables.curve import draw_curve
from depthda.experiments.tables.execute import execute
from depthda.experiments.tables.plan import Run, plan_runs
from depthda.experiments.tables.results import collect
from depthda.experiments.tables.samples import describe_generator, make_samples
from depthda.experiments.tables.smoke import check_real_configs
from depthda.experiments.tables.table import Table, load_table
from depthda.experiments.tables.text import FORMATS, terminal
from depthda.io.files import atomic_path, read_json


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
) -> list[tuple[Run, str]]:
    """Do what is left of a table and write it; gives the runs that failed, and why.

    Args:
        path: A table, or a config (with ``vary``: a row for each combination of values).
        out: Where runs and tables go.
        seeds, worlds: Instead of the table's own.
        only: Rows to run, by name.
        vary: ``KEY=VALUE,VALUE`` for a config.
        gpus: Devices that the runs take in turn; commas part them, too.
        jobs: Runs at a time: by default one a device.
        dry_run: Only list what would run.
        smoke: Tiny stand-ins on a tiny synthetic set; real configs are built without memory.
        report: Only write the table from what has been run.
    """
    # Paths are for copying: a terminal may wrap them, this does not.
    console = wide_console(soft_wrap=True)
    table = load_table(path, vary)
    if worlds and all(row.sample is None for row in table.rows):
        raise UserError(f'--worlds: no row of {path} is on a synthetic set; leave it out.')
    if smoke:
        seeds = seeds or table.seeds[:1]
        worlds = worlds or [0]
    runs = plan_runs(table, out, seeds, worlds, only, smoke)
    todo = [run for run in runs if run.result is None and run.missing is None]
    # Rows may be the same run, which is then done once and found by content.
    todo = list({run.folder.name: run for run in reversed(todo)}.values())[::-1]
    if dry_run:
        _list(console, table, runs)
        return []
    failed = []
    if not report:
        gpus = split_gpus(gpus)
        check_gpus(gpus)
        if smoke:
            check_real_configs(table, only, console)
        make_data(console, todo, jobs or os.cpu_count() or 1)
        jobs = jobs or max(len(gpus), 1)
        # A smoke run takes seconds, most of them spent on imports.
        together = -(-len(todo) // jobs) if smoke and todo else 1
        failed = do_runs(console, todo, jobs, gpus, together)
    lines = collect(table, plan_runs(table, out, seeds, worlds, None, smoke))
    if samples := [row.sample for row in table.rows if row.sample is not None]:
        table = replace(table, caption=f'{table.caption} {describe_generator(samples)}'.strip())
    for drawn in terminal(table, lines, console.width):
        console.print(drawn, soft_wrap=False)
    if table.caption:
        console.print(table.caption)
    folder = Path(out) / table.name
    for suffix, write in FORMATS.items():
        with atomic_path(folder / f'table.{suffix}') as beside:
            beside.write_text(write(table, lines), encoding='utf-8')
    console.print(f'written: {folder}/table.{{{",".join(FORMATS)}}}')
    if table.curve and draw_curve(table, lines, folder / 'curve.png'):
        console.print(f'written: {folder}/curve.png')
    return failed


def say_failed(failed: Sequence[tuple[Run, str]]) -> None:
    """Which runs failed, why, and where it happened if that was no user's mistake."""
    console = Console(soft_wrap=True, highlight=False)
    for run, error in failed:
        log = run.folder / 'output.log'
        console.print(f'failed: {run.table}, {run.title}: {error} (log: {log})', markup=False)
        said = read_json(run.folder / 'failed.json')['said'] or ''
        for line in said.splitlines()[-12:]:
            console.print(f'    {line}', markup=False)


def _list(console: Console, table: Table, runs: Sequence[Run]) -> None:
    for row in table.rows:
        if row.absent:
            console.print(f'not here   {row.name}: {row.absent}', markup=False)
    for run in runs:
        result = run.result
        if result:
            state = 'finished' if result['state'] == 'done' else 'waits'
        else:
            state = f'data must lie in {run.missing}:' if run.missing else 'would run'
        console.print(f'{state:10} {run.title}: {run.folder}', markup=False)
    todo = sum(run.result is None and run.missing is None for run in runs)
    console.print(f'{todo} of {many(len(runs), "run")} would be done')


def make_data(console: Console, runs: Sequence[Run], jobs: int) -> None:
    """Write the synthetic sets of these runs that are not there yet."""
    wanted = [(run.data, run.world, run.row.sample) for run in runs if run.data is not None]
    if not wanted:
        return
    columns = (TextColumn('synthetic images'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task('', total=None)
        make_samples(
            wanted, jobs, lambda done, total: progress.update(task, completed=done, total=total)
        )


def do_runs(
    console: Console,
    runs: Sequence[Run],
    jobs: int,
    gpus: Sequence[str] = (),
    together: int = 1,
) -> list[tuple[Run, str]]:
    """Do these runs with a progress bar each; gives those that failed, and why."""
    if not runs:
        return []
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('{task.fields[state]}'),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        whole = progress.add_task('runs', total=len(runs), state='')
        bars: dict[Path, int] = {}

        def follow(at) -> None:
            bar = bars.get(at.run.folder)
            if bar is None:
                bar = bars[at.run.folder] = progress.add_task(at.run.title, state='')
            loss = '' if at.loss is None else f', loss {at.loss:.3f}'
            progress.update(bar, completed=at.step, total=at.of, state=f'{at.phase}{loss}')

        def ended(run: Run, error: str | None) -> None:
            if (bar := bars.pop(run.folder, None)) is not None:
                progress.remove_task(bar)
            result = run.result
            if error is not None:
                said = f'failed: {error}'
            elif result is None:
                said = 'is being done by another process'
            else:
                score = result['scores'].get('mIoU')
                said = result['state'] if score is None else f'mIoU {score:.2f}'
                said += f' ({result["seconds"]:.0f} s)'
            progress.console.print(f'{run.title}: {said}', markup=False, highlight=False)
            progress.advance(whole)

        try:
            return execute(runs, jobs, gpus, together, follow, ended).failed
        except KeyboardInterrupt as interrupt:
            done = sum(run.result is not None for run in runs)
            interrupt.args = (
                f'interrupted; {done} of {many(len(runs), "run")} finished; the same command does '
                'the rest',
            )
            raise


def check_arguments(jobs: int | None, seeds: Sequence[int] | None) -> None:
    """Refuse what cannot mean anything."""
    if jobs is not None and jobs < 1:
        raise UserError(f'--jobs {jobs}: take 1 or more.')
    if seeds and min(seeds) < 0:
        raise UserError(f'--seeds {min(seeds)}: take 0 or more.')


def split_gpus(words: Sequence[str]) -> list[str]:
    """The devices of ``--gpus 0 1`` or ``--gpus 0,1``; a run is given one of them."""
    # '0, 1' comes as two words.
    ids = ','.join(words).replace(',,', ',').split(',') if words else []
    for each in ids:
        if not each.isdigit() and not each.startswith(('GPU-', 'MIG-')):
            raise UserError(
                f'--gpus {" ".join(words)}: {each!r} is no device: give numbers from 0 on, as in '
                '--gpus 0 1, or names as nvidia-smi -L lists them.'
            )
    return ids


def check_gpus(ids: Sequence[str]) -> None:
    """Refuse a GPU that is not there: torch would train on the processor without a word."""
    if 'CUDA_VISIBLE_DEVICES' in os.environ:  # which counts them anew
        return
    there = torch.cuda.device_count()
    for each in ids:
        # Others are names, as nvidia-smi -L lists them.
        if not there or each.isdigit() and int(each) >= there:
            known = f'has {many(there, "GPU")}, numbered from 0' if there else 'has no GPU'
            raise UserError(f'--gpus {each}: torch finds that this machine {known}.')
