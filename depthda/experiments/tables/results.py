"""What a table says of each row: means over runs, gains, states, and the marks they need."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depthda.errors import many
from depthda.experiments.comparison.intervals import t_interval
from depthda.experiments.tables.plan import Run
from depthda.experiments.tables.table import Column, Row, Table
from depthda.io.files import read_json


@dataclass(frozen=True)
class Cell:
    """One figure: a mean with the deviation over runs, or a gain with its interval."""

    mean: float | None = None
    std: float | None = None
    interval: tuple[float, float] | None = None
    count: int = 0
    is_gain: bool = False


@dataclass(frozen=True)
class Line:
    """A row as it stands: its figures, the paper's, how far it is, and its marks."""

    row: Row
    cells: tuple[Cell, ...]
    state: str
    marks: tuple[str, ...]
    commits: tuple[str, ...]


def collect(table: Table, runs: Sequence[Run]) -> list[Line]:
    """One line for every row of the table, whether or not it has been run."""
    results: dict[str, dict[tuple, dict]] = {}
    of_row: dict[str, list[Run]] = {}
    for run in runs:
        of_row.setdefault(run.row.name, []).append(run)
        result = run.result
        # A row that was declared wrongly must not show another's figures.
        if result is not None and result['protocol'] == run.row.protocol:
            results.setdefault(run.row.name, {})[run.world, run.seed] = result
    lines = []
    for row in table.rows:
        source = table.figures_of(row).name
        own = results.get(source, {})
        cells = tuple(_cell(table, row, column, results) for column in table.columns)
        marks = ('target-selected',) if any(r['target_selected'] for r in own.values()) else ()
        commits = tuple(sorted({str(r['commit']) for r in own.values()}))
        state = row.absent or _state(of_row.get(source, []), own)
        lines.append(Line(row, cells, state, marks, commits))
    return lines


def figure(result: Mapping[str, Any], key: str) -> float | None:
    """A score; that of the headline group, or of the only domain, goes without its name."""
    scores = result['scores']
    if key in scores:
        return scores[key]
    group, _, name = key.rpartition('/')
    unnamed = group == result['headline'] or result['tested_on'].get('domains') == [group]
    return scores.get(name) if unnamed else None


def _cell(table: Table, row: Row, column: Column, results: Mapping[str, dict]) -> Cell:
    own = _values(table, row, column, results)
    if not column.gain:
        values = list(own.values())
        if not values:
            return Cell()
        std = statistics.stdev(values) if len(values) > 1 else None
        return Cell(statistics.fmean(values), std, None, len(values))
    if not row.baseline:
        return Cell()
    base = _values(table, table.row(row.baseline), column, results)
    pairs = {key: own[key] - base[key] for key in own if key in base}
    if not pairs:
        return Cell()
    units = _units(pairs)
    mean, low, high = t_interval(units)
    return Cell(mean, None, None if low is None else (low, high), len(pairs), True)


def _values(table: Table, row: Row, column: Column, results: Mapping[str, dict]) -> dict:
    key = column.key.format(source=row.source, target=row.target)
    found = results.get(table.figures_of(row).name, {})
    values = {place: figure(result, key) for place, result in found.items()}
    return {place: value for place, value in values.items() if value is not None}


def _units(pairs: Mapping[tuple, float]) -> list[float]:
    """What is independent: seeds of one set, or worlds, whose seeds share their images."""
    worlds: dict[Any, list[float]] = {}
    for (world, _), value in sorted(pairs.items(), key=str):
        worlds.setdefault(world, []).append(value)
    if len(worlds) == 1:
        return next(iter(worlds.values()))
    return [math.fsum(values) / len(values) for values in worlds.values()]


def _state(runs: Sequence[Run], results: Mapping[tuple, dict]) -> str:
    """How far a row is, in words; empty when it is finished."""
    if not runs:
        return 'not chosen'
    if missing := next((run.missing for run in runs if run.missing), None):
        if not results:
            return f'data must lie in {missing}'
    awaiting = sum(result['state'] == 'awaiting score' for result in results.values())
    failed = sum((run.folder / 'failed.json').is_file() and not run.result for run in runs)
    said = []
    if len(results) < len(runs):
        said.append(f'{len(results)} of {many(len(runs), "run")}')
    if failed:
        said.append(f'{failed} failed')
    if awaiting:
        said.append(f'{awaiting} awaiting score')
    return ', '.join(said)


def why_failed(run: Run) -> str | None:
    """The sentence of a run that failed and has not been repeated."""
    failed = read_json(run.folder / 'failed.json')
    return failed['error'] if failed and not run.result else None
