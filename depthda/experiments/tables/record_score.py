"""Record the scores that the challenge server reports for a run (``depthda record-score``)."""

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from depthda.checkpoints.loading import file_hash
from depthda.console import wide_console
from depthda.errors import UserError, many
from depthda.experiments.tables.configs import classes_of_test, resolved_config
from depthda.experiments.tables.plan import Run, plan_runs
from depthda.experiments.tables.results import collect
from depthda.experiments.tables.table import load_table
from depthda.experiments.tables.table_check import unknown_name_error
from depthda.experiments.tables.text import terminal
from depthda.io.files import read_json, write_json


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
    """Write the server's scores into the folder of the run, print its row, and return the file.

    The arguments are the options of ``depthda record-score``. ``scores`` are IoU in per cent, one
    per class in the order of the classes, or as ``NAME=VALUE``.
    """
    loaded = load_table(table)
    # A smoke run uses world 0 by default.
    worlds = [world] if world is not None else [0] if smoke else None
    plan = plan_runs(loaded, out, [seed], worlds, [row], smoke)
    if len(plan) != 1:
        count = many(len(plan), 'run')
        raise UserError(f'row {row!r} has {count} with seed {seed}: name the world too.')
    run = plan[0]
    result = _submitted(run, table, replace)
    names = classes_of_test(resolved_config(run.steps[-1]))
    values = _parse(scores, names)
    recorded = {'at': datetime.now(timezone.utc).isoformat(timespec='seconds')}
    recorded |= {'submission': result['submission'], 'sha256': result['submission_sha256']}
    recorded |= {'checkpoint': result['checkpoint']['sha256']}
    mean = math.fsum(values.values()) / len(values)
    # The server rounds to two decimals, so the two means may differ by 0.01; 0.02 leaves a margin.
    if miou is not None and not abs(mean - miou) <= 0.02:
        raise UserError(
            f'--miou {miou:g} is not the mean of --scores, {mean:.2f}: correct the mistyped value '
            'or the order of the scores.'
        )
    by_key = {f'IoU.{name}': values[name] for name in names}
    by_key['mIoU'] = mean if miou is None else miou
    path = run.folder / 'score.json'
    write_json(path, {'scores': by_key, 'recorded': recorded})
    # Print the updated row, over all its seeds.
    seeds = [seed] if smoke else sorted({*loaded.seeds, seed})
    runs = plan_runs(loaded, out, seeds, [0] if smoke else None, [run.row.name], smoke)
    lines = [line for line in collect(loaded, runs) if line.row.name == run.row.name]
    console = wide_console(soft_wrap=True)
    for block in terminal(loaded, lines, console.width):
        console.print(block, soft_wrap=False)
    return path


def _submitted(run: Run, table: str | Path, replace: bool) -> dict[str, Any]:
    """Return the result of a run; refuse one that was scored here or whose zip has changed."""
    result = read_json(run.folder / 'result.json')
    if result is None:
        state = f'failed ({run.error})' if run.error else f'has no result in {run.folder}'
        raise UserError(
            f'{run.title} {state}: run it first with depthda run-experiments {table} --only '
            f'{run.row.name} --seeds {run.seed}'
        )
    if result['state'] != 'awaiting score':
        raise UserError(
            f'{run.title} uses the {run.row.protocol} protocol and was scored here: the server '
            'has no score for it.'
        )
    path = run.folder / 'score.json'
    if path.is_file() and not replace:
        raise UserError(f'{run.title} already has a score ({path}): use --replace to overwrite it.')
    archive, fault = run.folder / result['submission'], None
    if not archive.is_file():
        fault = 'is missing, so it is unknown what the server scored'
    elif file_hash(archive) != result['submission_sha256']:
        fault = 'is not the zip that the run packed and checked'
    if fault:
        advice = f'restore that zip, or delete {run.folder} and run the row again'
        raise UserError(f'{archive} {fault}: {advice}.')
    return result


def _parse(scores: Sequence[str], names: tuple[str, ...]) -> dict[str, float]:
    named = [item for item in scores if '=' in item]
    if named and len(named) != len(scores):
        raise UserError('--scores needs either numbers or NAME=VALUE: do not mix them.')
    if not named and len(scores) != len(names):
        raise UserError(
            f'--scores has {many(len(scores), "value")} for '
            f'{many(len(names), "class", "classes")}: pass {", ".join(names)}, in this order '
            '(and the mean as --miou).'
        )
    pairs = [item.split('=', 1) for item in scores] if named else zip(names, scores, strict=True)
    values: dict[str, float] = {}
    for name, text in pairs:
        if name not in names:
            raise unknown_name_error('class', name, names)
        if name in values:
            raise UserError(f'--scores has {name} twice: pass each class once.')
        try:
            values[name] = float(text)
        except ValueError as error:
            advice = 'write a number such as 36.79'
            raise UserError(f'--scores: {text!r} for {name} is not a number: {advice}.') from error
        # Written in this form, the comparison refuses NaN too.
        if not 0 <= values[name] <= 100:
            raise UserError(
                f'--scores: {text} for {name} is not between 0 and 100 per cent: correct the value.'
            )
    if missing := [name for name in names if name not in values]:
        raise UserError(f'--scores lacks {", ".join(missing)}: pass every class.')
    if max(values.values()) <= 1:
        raise UserError('--scores are fractions, but the table is in per cent: multiply by 100.')
    return values
