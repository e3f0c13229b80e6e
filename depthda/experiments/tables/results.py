"""Collect the content of each row of a table: means over runs, gains, state and marks."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depthda.errors import many
from depthda.evaluation.confusion import mean
from depthda.experiments.comparison.intervals import independent_units, t_interval
from depthda.experiments.protocol import marks
from depthda.experiments.tables.plan import Run
from depthda.experiments.tables.table import Column, Row, Table

_FOUND = 10  # per cent; a model finds a class if its IoU on the source is at least this


@dataclass(frozen=True)
class Cell:
    """A score: the mean and standard deviation over runs, or a gain with its interval."""

    mean: float | None = None
    std: float | None = None
    interval: tuple[float, float] | None = None
    count: int = 0
    is_gain: bool = False


@dataclass(frozen=True)
class Line:
    """The current state of a row: its scores, how many of its runs are finished, and its marks."""

    row: Row
    cells: tuple[Cell, ...]
    state: str
    marks: tuple[str, ...]
    commits: tuple[str, ...]
    origin: str = 'here'  # or 'by NAME' for contributed results


def collect(
    table: Table, runs: Sequence[Run], contributed: Mapping[str, Mapping[str, dict]] | None = None
) -> list[Line]:
    """Return a line for every row of the table, whether or not it has been run.

    The lines of contributed results follow the line of their row. ``contributed`` comes from
    :func:`~.contributed.read_contributed`.
    """
    results: dict[str, dict[tuple, dict]] = {}
    for run in runs:
        result = run.result
        # Scores of two protocols must not mix, so a result with another protocol is left out.
        if result is not None and result['protocol'] == run.row.protocol:
            results.setdefault(run.row.name, {})[run.world, run.seed] = result
    lines = []
    for row in table.rows:
        source = table.figures_of(row).name
        own = results.get(source, {})
        commits = {str(result['commit']) for result in own.values()}
        state = row.absent or _state([run for run in runs if run.row.name == source], own)
        lines.append(_line(table, row, results, state, commits))
        for by, files in (contributed or {}).items():
            if content := files.get(source):
                others = {
                    name: {(run['world'], run['seed']): run for run in file['runs']}
                    for name, file in files.items()
                }
                state = f'{content["device"]}, commit {content["commit"]}'
                lines.append(_line(table, row, others, state, [content['commit']], f'by {by}'))
    return lines


def _line(
    table: Table, row: Row, results: Mapping, state: str, commits: Iterable, origin: str = 'here'
) -> Line:
    cells = tuple(_cell(table, row, column, results) for column in table.columns)
    own = results.get(table.figures_of(row).name, {})
    return Line(row, cells, state, marks(own.values()), tuple(sorted(commits)), origin)


def figure(result: Mapping[str, Any], key: str) -> float | None:
    """Return a score of a result.

    Scores of the headline group, or of the only domain, are stored without the group's name.
    """
    scores = result['scores']
    if key in scores:
        return scores[key]
    group, _, name = key.rpartition('/')
    unnamed = group == result['headline'] or result['tested_on'].get('domains') == [group]
    return scores.get(name) if unnamed else None


def _cell(table: Table, row: Row, column: Column, results: Mapping[str, dict]) -> Cell:
    own = _values(table, row, column, results)
    values = list(own.values())
    if values and not column.gain:
        std = statistics.stdev(values) if len(values) > 1 else None
        return Cell(statistics.fmean(values), std, None, len(values))
    base = {}
    if column.gain and row.baseline:
        base = _values(table, table.row(row.baseline), column, results)
    keys = sorted(own.keys() & base.keys(), key=str)
    if not keys:
        return Cell()
    gains = [own[key] - base[key] for key in keys]
    units = independent_units([world for world, _ in keys])
    mean, low, high = t_interval([statistics.fmean(gains[i] for i in unit) for unit in units])
    return Cell(mean, None, None if low is None else (low, high), len(gains), True)


def _values(table: Table, row: Row, column: Column, results: Mapping[str, dict]) -> dict:
    """Return the scores of a row in a column, by world and seed."""
    key = column.key.format(source=row.source, target=row.target)
    own = results.get(table.figures_of(row).name, {})
    values = {pair: figure(result, key) for pair, result in own.items()}
    if column.found:
        base = table.row(row.baseline or row.name)
        baselines = results.get(table.figures_of(base).name, {})
        values = {
            pair: _mean_of_found(result, key, baselines[pair], base.source)
            for pair, result in own.items()
            if pair in baselines
        }
    return {pair: value for pair, value in values.items() if value is not None}


def _mean_of_found(
    result: Mapping[str, Any], key: str, baseline: Mapping[str, Any], source: str
) -> float | None:
    """Return the mean IoU of ``result`` over the classes that ``baseline`` finds on ``source``."""
    names = {name.rpartition('IoU.')[2] for name in baseline['scores'] if 'IoU.' in name}
    found = [name for name in names if (figure(baseline, f'{source}/IoU.{name}') or 0) >= _FOUND]
    values = [figure(result, key.replace('mIoU', f'IoU.{name}')) for name in sorted(found)]
    return mean(values)


def _state(runs: Sequence[Run], results: Mapping[tuple, dict]) -> str:
    """Return in words how many runs of a row are missing; '' if the row is finished."""
    if not runs:
        return 'not selected'
    missing = next((run.missing for run in runs if run.missing), None)
    if missing and not results:
        return f'needs data in {missing}'
    awaiting = sum(result['state'] == 'awaiting score' for result in results.values())
    failed = sum(run.error is not None for run in runs)
    parts = [f'{len(results)} of {many(len(runs), "run")}'] if len(results) < len(runs) else []
    parts += [f'{failed} failed'] if failed else []
    parts += [f'{awaiting} awaiting score'] if awaiting else []
    return ', '.join(parts)
