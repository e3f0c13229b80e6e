"""``tools/record_score.py``: the challenge server's figures of a run, into its table."""

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS

from depthda.checkpoints.loading import file_hash
from depthda.console import wide_console
from depthda.errors import UserError, many
from depthda.experiments.tables.configs import resolved_config
from depthda.experiments.tables.plan import Run, find_run, plan_runs
from depthda.experiments.tables.results import collect, why_failed
from depthda.experiments.tables.table import Table, load_table, unknown
from depthda.experiments.tables.text import terminal
from depthda.io.files import read_json, write_json

# Two decimals are printed: the mean of rounded figures is this near to the rounded mean.
TOLERANCE = 0.02


def record_score(
    table: str | Path,
    row: str,
    seed: int,
    scores: Sequence[str],
    out: str | Path,
    miou: float | None = None,
    world: int | None = None,
    replace: bool = False,
    smoke: bool = False,
) -> Path:
    """Write the server's figures beside the result they belong to, and print the row.

    Args:
        table: The table file.
        row: Name of the row.
        seed: Of the run.
        scores: IoU in per cent, one a class in the order of the classes, or as ``NAME=VALUE``.
        out: Where the runs of the table lie.
        miou: The server's mIoU, which the classes must average to; by default their mean.
        world: Of the synthetic set, for a row that has several.
        replace: Figures that were recorded before give way.
        smoke: The run is one of a smoke run.

    Returns:
        The file that was written.
    """
    read = load_table(table)
    plan = plan_runs(read, out, [seed], _worlds(world, smoke), [row], smoke)
    run = find_run(plan, read.figures_of(read.row(row)).name, seed, world)
    result = _awaiting(run, replace)
    archive = _unchanged_zip(run, result)
    names = _class_names(run)
    values = _read(scores, names)
    figures = {f'IoU.{name}': values[name] for name in names}
    figures['mIoU'] = _mean(list(values.values()), miou)
    content = {
        'scores': figures,
        'recorded': {
            'at': datetime.now(timezone.utc).isoformat(timespec='seconds'),
            'submission': archive.name,
            'sha256': result['submission_sha256'],
            'checkpoint': result['checkpoint']['sha256'],
        },
    }
    path = run.folder / 'score.json'
    write_json(path, content)
    _print_row(read, run, out, smoke)
    return path


def _awaiting(run: Run, replace: bool) -> dict[str, Any]:
    """The result, if it is one that the server scores."""
    result = read_json(run.folder / 'result.json')
    if result is None:
        why = why_failed(run)
        said = f'failed ({why})' if why else f'has no result in {run.folder}'
        raise UserError(
            f'{run.title} {said}: run it first, with tools/run_experiments.py --only '
            f'{run.row.name} --seeds {run.seed}'
        )
    if result['state'] != 'awaiting score':
        raise UserError(
            f'{run.title} is of the {run.row.protocol} protocol and was scored here: there is no '
            'figure of the server to record.'
        )
    if (run.folder / 'score.json').is_file() and not replace:
        raise UserError(
            f'{run.title} has a score already ({run.folder}/score.json): --replace takes the new '
            'one.'
        )
    return result


def _unchanged_zip(run: Run, result: dict[str, Any]) -> Path:
    """The zip of the run, the same as when it was packed: else the score is of something else."""
    archive = run.folder / result['submission']
    if not archive.is_file():
        raise UserError(
            f'{archive} is gone, so nobody can tell what was scored: put it back, or delete '
            f'{run.folder} and run the row again.'
        )
    if file_hash(archive) != result['submission_sha256']:
        raise UserError(
            f'{archive} is not the zip that the run packed and checked: put that one back, or '
            f'delete {run.folder} and run the row again.'
        )
    return archive


def _class_names(run: Run) -> tuple[str, ...]:
    dataset = resolved_config(run.steps[-1]).test_dataloader.dataset
    if given := dataset.get('metainfo'):
        return tuple(given['classes'])
    with DefaultScope.overwrite_default_scope('mmseg'):
        return tuple(DATASETS.get(dataset.type).METAINFO['classes'])


def _read(scores: Sequence[str], names: tuple[str, ...]) -> dict[str, float]:
    """The figures by class."""
    named = [item for item in scores if '=' in item]
    if named and len(named) != len(scores):
        raise UserError('--scores takes figures alone, or each as NAME=VALUE, not a mixture.')
    if not named and len(scores) != len(names):
        raise UserError(
            f'--scores has {many(len(scores), "figure")} for '
            f'{many(len(names), "class", "classes")}: give {", ".join(names)}, in this order '
            '(their mean goes to --miou).'
        )
    pairs = [item.split('=', 1) for item in scores] if named else zip(names, scores, strict=True)
    values: dict[str, float] = {}
    for name, text in pairs:
        if name not in names:
            raise unknown('class', name, names)
        if name in values:
            raise UserError(f'--scores has {name} twice: give each class once.')
        values[name] = _percentage(name, text)
    if missing := [name for name in names if name not in values]:
        raise UserError(f'--scores lacks {", ".join(missing)}: give every class.')
    if max(values.values()) <= 1:
        raise UserError('--scores looks like fractions: the table is in per cent, multiply by 100.')
    return values


def _percentage(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise UserError(f'--scores: {text!r} for {name} is no number: write 36.79.') from error
    # Written so that NaN fails too.
    if not 0 <= value <= 100:
        raise UserError(f'--scores: {text} for {name} is not between 0 and 100 per cent.')
    return value


def _mean(values: Sequence[float], miou: float | None) -> float:
    mean = math.fsum(values) / len(values)
    if miou is None:
        return mean
    if not abs(mean - miou) <= TOLERANCE:
        raise UserError(
            f'--miou {miou:g} is not the mean of --scores, {mean:.2f}: one of the figures is '
            'mistyped, or they stand in another order.'
        )
    return miou


def _worlds(world: int | None, smoke: bool) -> list[int] | None:
    # A smoke run is on world 0 unless told otherwise.
    if world is None:
        return [0] if smoke else None
    return [world]


def _print_row(table: Table, run: Run, out: str | Path, smoke: bool) -> None:
    """The line of the table as it now stands, over all its seeds."""
    seeds = [run.seed] if smoke else sorted({*table.seeds, run.seed})
    lines = collect(
        table, plan_runs(table, out, seeds, _worlds(None, smoke), [run.row.name], smoke)
    )
    console = wide_console(soft_wrap=True)
    own = [line for line in lines if line.row.name == run.row.name]
    for drawn in terminal(table, own, console.width):
        console.print(drawn, soft_wrap=False)
