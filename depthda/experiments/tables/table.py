"""A table of a paper, or of one's own: rows as configs and overrides, beside the paper's figures.

A table file is Python and sets ``title``, ``columns`` and ``rows``, and if wanted ``caption``,
``seeds``, ``worlds``, ``sample``, ``protocol`` and ``smoke``; ``configs/tables/README.md`` shows
one.
"""

import ast
import difflib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from depthda.config_files import find_config
from depthda.engine.checks.config_file import read_table
from depthda.errors import UserError, many

PROTOCOLS = ('local', 'server')


@dataclass(frozen=True)
class Column:
    """A figure: its key among the scores, its head. ``{source}``, ``{target}`` are the row's.

    With ``gain`` it is the difference to the row's ``baseline``, paired by world and seed.
    """

    key: str
    title: str
    gain: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Exactly one of ``config``, ``steps``, ``absent`` and ``same_as`` says where its figures come
    from.

    Args:
        name: Folder name and what ``--only`` takes.
        title: What the table prints.
        config: A config file that is trained and then tested.
        steps: A chain instead, see :class:`Step`.
        absent: Why the row cannot be run: a method or data that is not here.
        same_as: Another row whose runs have this row's figures too, under other keys.
        options: Overrides for every config of the row.
        test_options: Overrides for the test alone.
        checkpoint: ``'best'`` on the validation set or ``'last'``; by default the best where the
            config selects one.
        against: Folder of test images that a submission must match, for a set that is not LoveDA.
        section: Heading under which the row stands.
        source, target: Domains, for the keys of columns.
        protocol: ``'local'`` or ``'server'``; figures of the two never share a table.
        baseline: The row that gains are over.
        sample: Settings of the synthetic set, over those of the table.
        tta: Test through the config's ``tta_pipeline``.
        paper: The paper's figures in the order of the columns; None where it has none.
        note: A footnote (a misprint, an assumption).
        smoke: What stands in for the row in a smoke run: ``config``, made short, and ``options``;
            or ``steps``.
    """

    name: str
    title: str
    config: str | None = None
    steps: tuple['Step', ...] = ()
    absent: str | None = None
    same_as: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    test_options: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: str | None = None
    against: str | None = None
    section: str = ''
    source: str = ''
    target: str = ''
    protocol: str = 'local'
    baseline: str = ''
    sample: Mapping[str, Any] | None = None
    tta: bool = False
    paper: tuple[float | None, ...] = ()
    note: str = ''
    smoke: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Step:
    """One step of a chain.

    ``train`` and ``test`` name a config; ``tool`` a command line without ``python``. Text may hold
    ``{run}``, the run's folder, ``{data}``, its synthetic set, and ``{seed}``. A training named
    ``name`` lies in ``{run}/<name>``; a test takes the weights of the training ``of``.
    """

    train: str | None = None
    test: str | None = None
    tool: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ''
    of: str = ''
    checkpoint: str | None = None
    against: str | None = None
    tta: bool = False


@dataclass(frozen=True)
class Curve:
    """Some figures of a table once more, as lines over a quantity that its rows vary.

    Attributes:
        x: What the quantity is called.
        column: Title of the column that is drawn.
        lines: Of each line, by its name: the row of each value of the quantity.
    """

    x: str
    column: str
    lines: Mapping[str, Mapping[float, str]]


@dataclass(frozen=True)
class Table:
    """A table file, read and checked."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ''
    seeds: tuple[int, ...] = (0, 1, 2)
    worlds: tuple[int | None, ...] = (None,)
    curve: Curve | None = None
    heading: str = 'row'  # over the titles of the rows

    def row(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise unknown('row', name, [row.name for row in self.rows])

    def figures_of(self, row: Row) -> Row:
        """The row whose runs hold the figures of ``row``: mostly itself."""
        return self.row(row.same_as) if row.same_as else row


def load_table(path: str | Path, vary: Sequence[str] = ()) -> Table:
    """Read a table file; or make one of a config file, with ``vary`` as its rows."""
    path = find_config(path)
    if path.suffix != '.py' or not path.is_file():
        near = sorted(each.name for each in path.parent.glob('*.py'))
        hint = f'; in {path.parent} there are {", ".join(near)}' if near else ''
        raise UserError(f'there is no table or config file {path}{hint}.')
    # A config may hold {{_base_.…}}, which is no Python; a table is.
    if not _is_table(path):
        return _sweep(path, vary)
    found = read_table(path)
    if vary:
        raise UserError(f'--vary is for a config, and {path} is a table: give it rows instead.')
    return _read(path, found)


def _is_table(path: Path) -> bool:
    text = path.read_text(encoding='utf-8')
    try:
        tree = ast.parse(text)
    except SyntaxError:  # a table all the same: reading it says what is wrong
        return re.search(r'^rows\s*=', text, re.MULTILINE) is not None
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    return any(isinstance(target, ast.Name) and target.id == 'rows' for target in targets)


def _read(path: Path, found: dict[str, Any]) -> Table:
    for key in ('title', 'columns'):
        if key not in found:
            raise UserError(f"the table {path} has no '{key}'.")
    heads = enumerate(found['columns'], 1)
    columns = tuple(_part(Column, head, f'column {number} of {path}') for number, head in heads)
    # A table may have a function of that name.
    common = {k: found[k] for k in ('protocol', 'smoke') if k in found and not callable(found[k])}
    for number, row in enumerate(found['rows'], 1):
        if not isinstance(row, Mapping):
            raise UserError(f'row {number} of {path} is {row!r}: write dict(name=…, …).')
    rows = tuple(_row(path, common | row, found.get('sample'), columns) for row in found['rows'])
    names = [row.name for row in rows]
    if double := {name for name in names if names.count(name) > 1}:
        raise UserError(f'two rows of {path} are named {double.pop()!r}: names are folders.')
    table = Table(
        path.stem,
        found['title'],
        columns,
        rows,
        found.get('caption', ''),
        tuple(found.get('seeds', (0, 1, 2))),
        tuple(found.get('worlds', (None,))),
        _part(Curve, found['curve'], f'the curve of {path}') if 'curve' in found else None,
    )
    for row in rows:
        if row.baseline:
            table.row(row.baseline)
        if row.same_as and table.row(row.same_as).same_as:
            raise UserError(f'row {row.name!r} of {path} takes figures from a row without runs.')
    if table.curve:
        titles = [column.title for column in columns]
        if table.curve.column not in titles:
            raise unknown('column', table.curve.column, titles)
        for rows_of_line in table.curve.lines.values():
            for name in rows_of_line.values():
                table.row(name)
    return table


def _row(path: Path, given: dict, sample: Mapping | None, columns: Sequence[Column]) -> Row:
    label = f'row {given.get("name", given.get("title", "?"))!r} of {path}'
    row = _part(Row, given, label)
    sources = [key for key in ('config', 'steps', 'absent', 'same_as') if given.get(key)]
    if len(sources) != 1:
        raise UserError(f'{label} needs exactly one of config, steps, absent, same_as.')
    if given.get('protocol', 'local') not in PROTOCOLS:
        raise UserError(f'{label}: protocol is one of {", ".join(PROTOCOLS)}.')
    paper = tuple(given.get('paper') or ())
    if paper and len(paper) != len(columns):
        figures, heads = many(len(paper), 'paper figure'), many(len(columns), 'column')
        raise UserError(f'{label} has {figures} for {heads}: give one for each.')
    smoke = row.smoke or {}
    _part(Row, {'name': '', 'title': '', **smoke}, f'smoke of {label}')
    _steps(smoke, f'smoke of {label}')
    own = given.get('sample')
    if sample is not None or own is not None:
        own = dict(sample or {}) | dict(own or {})
    return replace(row, paper=paper, steps=_steps(given, label), sample=own)


def _steps(given: Mapping, label: str) -> tuple[Step, ...]:
    steps = enumerate(given.get('steps', ()), 1)
    return tuple(_part(Step, step, f'step {i} of {label}') for i, step in steps)


def _part(kind: type, given: Any, label: str) -> Any:
    """A dict of a table file as ``kind``; an unknown or a missing key is a mistake."""
    known = [each.name for each in fields(kind)]
    if not isinstance(given, Mapping):
        raise UserError(f'{label} is {given!r}: write dict({known[0]}=…, …).')
    for key in given:
        if key not in known:
            raise UserError(f'{label}: {unknown("key", key, known)}')
    for each in fields(kind):
        if each.name not in given and each.default is MISSING and each.default_factory is MISSING:
            raise UserError(f'{label} has no {each.name!r}.')
    return kind(**given)


def _sweep(path: Path, vary: Sequence[str]) -> Table:
    """A config as a table: one row, or one for each combination of varied values."""
    axes = []
    for item in vary:
        key, equals, values = item.partition('=')
        if not (key and equals and values):
            raise UserError(f'--vary takes KEY=VALUE,VALUE,…, not {item!r}.')
        axes.append([(key, value) for value in split_values(values)])
    base = Row(name='as-is', title=path.stem, config=str(path))
    rows = []
    for choice in itertools.product(*axes):
        if choice:
            title = ', '.join(f'{key} = {value}' for key, value in choice)
            name = '_'.join(f'{key.rsplit(".", 1)[-1]}-{_as_name(v)}' for key, v in choice)
            rows.append(replace(base, name=name, title=title, options=dict(choice)))
    columns = (Column('mIoU', 'mIoU'), Column('mF1', 'mF1'), Column('OA', 'OA'))
    title = f'{path.stem}, varied' if rows else path.stem
    return Table(path.stem, title, columns, tuple(rows) or (base,), seeds=(0,), heading='setting')


def split_values(text: str) -> list[Any]:
    """Values as Python writes them, parted by commas outside brackets; other words are text."""
    try:
        values = ast.literal_eval(f'[{text}]')
    except (SyntaxError, ValueError):
        values = [_literal(part) for part in text.split(',')]
    return values


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        return {'true': True, 'false': False}.get(text.strip(), text.strip())


def _as_name(value: Any) -> str:
    return ''.join(c if c.isalnum() or c in '.-' else '-' for c in str(value)).strip('-')[:40]


def unknown(what: str, name: str, known: Sequence[str]) -> UserError:
    """The sentence for a name that is not there, with the nearest that is."""
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    hint = f'did you mean {near[0]!r}?' if near else f'there are {", ".join(known)}.'
    return UserError(f'no {what} {name!r}: {hint}')
