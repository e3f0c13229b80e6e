"""A table: rows of configs and overrides, next to the scores that a paper reports.

A table file is Python: ``title``, ``columns`` and ``rows``, and optionally ``caption``, ``seeds``,
``worlds``, ``sample``, ``protocol``, ``smoke`` and ``curve``. See ``configs/tables/README.md``.
"""

import ast
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from depthda.config_files import config_folder
from depthda.engine.checks.config_file import is_table, read_table
from depthda.engine.checks.renamed import current_path, current_row
from depthda.errors import UserError, many
from depthda.experiments.tables import table_check
from depthda.experiments.tables.table_check import check_distinct, check_no_seed, unknown_name_error


@dataclass(frozen=True)
class Column:
    """A column: the key of a score, and a title.

    The ``source`` and ``target`` of each row replace ``{source}`` and ``{target}`` in the key. With
    ``gain`` the column shows the difference to the row's ``baseline``, paired by world and seed.
    With ``found``, an mIoU leaves out the classes that the baseline hardly finds on its source
    domain (IoU below 10 %). A row without a baseline is its own baseline.
    """

    key: str
    title: str
    gain: bool = False
    found: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Exactly one of ``config``, ``steps``, ``absent`` and ``same_as`` must be set. ``smoke`` sets
    fields (``config``, ``options``, ``steps``) of the row's stand-in in a smoke run, which is
    described in :func:`~.stand_in.smoke_row`.
    """

    name: str  # used by --only and as the name of the row's folder
    title: str  # in the printed table
    config: str | None = None  # the config to train and then test
    steps: tuple['ChainStep', ...] = ()  # a chain of steps in place of ``config``
    absent: str | None = None  # why the row cannot be run: its method or data is not available here
    same_as: str | None = None  # the row whose runs hold the scores of this row under other keys
    options: Mapping[str, Any] = field(default_factory=dict)  # overrides for every config
    test_options: Mapping[str, Any] = field(default_factory=dict)  # overrides for the test only
    # The checkpoint to test: 'best' on the validation data, or 'last'. None: the best if the
    # training saves one, or else the last.
    checkpoint: str | None = None
    against: str | None = None  # test images that a submission must match, except for LoveDA
    section: str = ''  # heading above the row
    source: str = ''  # the source domain, for {source} in the keys of columns
    target: str = ''  # the target domain, for {target} in the keys of columns
    protocol: str = 'local'  # or 'server'; scores of the two never share a table
    baseline: str = ''  # name of the row that gains are measured against
    sample: Mapping[str, Any] | None = None  # synthetic dataset: overrides the table's settings
    tta: bool = False  # test with the tta_pipeline of the config
    paper: tuple[float | None, ...] = ()  # printed scores by column; None if the paper has none
    note: str = ''  # footnote, for example about a misprint or an assumption
    pretrained: 'Pretraining | None' = None  # trained first; {pretrained} in options: its weights
    smoke: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Pretraining:
    """A training on a synthetic dataset, with seed 0.

    Rows start from its last checkpoint. Pretrainings with equal settings are run only once, also
    if they belong to different tables.
    """

    config: str
    world: int
    sample: Mapping[str, Any]


@dataclass(frozen=True)
class ChainStep:
    """One step of a chain.

    ``train`` and ``test`` name a config, ``tool`` is a command line without ``python``. Text may
    hold ``{run}`` (the folder of the run), ``{data}`` (its synthetic dataset), ``{seed}`` and
    ``{pretrained}`` (a checkpoint). A training writes to ``{run}/<name>``; a test uses the weights
    of the training named ``of``.
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
    """Some scores of a table, drawn as lines over a quantity that its rows vary."""

    x: str  # name of the quantity
    column: str  # title of the column to draw
    lines: Mapping[str, Mapping[float, str]]  # line name -> value of the quantity -> row name


@dataclass(frozen=True)
class Table:
    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ''
    seeds: tuple[int, ...] = (0, 1, 2)
    worlds: tuple[int | None, ...] = (None,)
    curve: Curve | None = None
    heading: str = 'row'  # above the titles of the rows

    def row(self, name: str) -> Row:
        name, rows = current_row(self.name, name), {row.name: row for row in self.rows}
        if name not in rows:
            raise unknown_name_error('row', name, list(rows))
        return rows[name]

    def figures_of(self, row: Row) -> Row:
        """Return the row whose runs hold the scores of ``row``: usually ``row`` itself."""
        return self.row(row.same_as) if row.same_as else row


def load_table(path: str | Path, vary: Sequence[str] = ()) -> Table:
    """Read a table file, or make a table from a config file with a row per setting of ``vary``."""
    path = current_path(path)
    if path.suffix != '.py' or not path.is_file():
        # A name without its folder is looked up among the tables that come with depthda.
        folder = path.parent if path.parent.is_dir() else config_folder() / 'tables'
        names = ', '.join(sorted(file.name for file in folder.glob('*.py')))
        hint = f': {folder} contains {names}' if names else ''
        raise UserError(f'there is no table or config file {path}{hint}.')
    if not is_table(path):
        return replace(_read(path, sweep(path, vary)), heading='setting')
    if vary:
        raise UserError(f'--vary needs a config, but {path} is a table: add rows to it instead.')
    return _read(path, read_table(path))


def _read(path: Path, content: dict[str, Any]) -> Table:
    for key in ('title', 'columns'):
        if key not in content:
            raise UserError(f"the table {path} has no '{key}': add it.")
    table_check.check_table(path, content)
    columns = []
    for number, head in enumerate(content['columns'], 1):
        columns.append(_convert(Column, head, f'column {number} of {path}'))
        table_check.check_score(f'column {number} of {path}', columns[-1])
    # A table file may define functions with these names for its own use.
    common = {key: content[key] for key in ('protocol', 'smoke') if key in content}
    common = {key: value for key, value in common.items() if not callable(value)}
    sample = content.get('sample')
    rows = tuple(_row(path, common | row, sample, columns) for row in content['rows'])
    more = {key: tuple(content[key]) for key in ('seeds', 'worlds') if key in content}
    if 'curve' in content:
        more['curve'] = _convert(Curve, content['curve'], f'the curve of {path}')
    caption = content.get('caption', '')
    table = Table(path.stem, content['title'], tuple(columns), rows, caption, **more)
    names = [row.baseline for row in rows if row.baseline]
    for row in rows:
        label = f'row {row.name!r} of {path}'
        if row.same_as and table.row(row.same_as).same_as:
            raise UserError(f'{label}: same_as names a row without runs: name a row with runs.')
        if any(column.found for column in columns) and not (row.source or row.absent):
            raise UserError(f'{label} has no source, which a column with found=True needs: add it.')
    if table.curve:
        titles = [column.title for column in columns]
        if table.curve.column not in titles:
            raise unknown_name_error('column', table.curve.column, titles)
        names += [name for line in table.curve.lines.values() for name in line.values()]
    for name in names:
        table.row(name)  # raises the error for an unknown row
    return table


def _row(path: Path, content: dict, sample: Mapping | None, columns: Sequence[Column]) -> Row:
    label = f'row {content.get("name", content.get("title", "?"))!r} of {path}'
    row = _convert(Row, content, label)
    sources = [key for key in ('config', 'steps', 'absent', 'same_as') if content.get(key)]
    if len(sources) != 1:
        raise UserError(f'{label} needs exactly one of config, steps, absent, same_as.')
    if row.protocol not in ('local', 'server'):
        raise UserError(f"{label}: protocol must be 'local' or 'server', not {row.protocol!r}.")
    paper = tuple(content.get('paper') or ())
    if paper and len(paper) != len(columns):
        scores, heads = many(len(paper), 'paper score'), many(len(columns), 'column')
        raise UserError(f'{label} has {scores} for {heads}: write one for each column.')
    if row.baseline and row.baseline == row.name:
        raise UserError(f'{label} is its own baseline: name the row that it is compared with.')
    steps, smoke = _steps(content, label), row.smoke or {}
    for part in (row, *steps):
        table_check.check_choices(label, part)
    _convert(Row, {'name': '', 'title': '', **smoke}, f'smoke of {label}')
    _steps(smoke, f'smoke of {label}')
    table_check.check_pretrained(label, replace(row, steps=steps))
    if row.pretrained:
        pretraining = _convert(Pretraining, row.pretrained, f'pretrained of {label}')
        table_check.check_pretraining(f'pretrained of {label}', pretraining)
        row = replace(row, pretrained=pretraining)
    if sample is not None or row.sample is not None:
        sample = dict(sample or {}) | dict(row.sample or {})
    return replace(row, paper=paper, steps=steps, sample=sample)


def _steps(row: Mapping, label: str) -> tuple[ChainStep, ...]:
    steps = enumerate(row.get('steps', ()), 1)
    return tuple(_convert(ChainStep, step, f'step {i} of {label}') for i, step in steps)


def _convert(kind: type, content: Any, label: str) -> Any:
    """Convert a dict of a table file to ``kind``; refuse unknown and missing keys."""
    required = {part.name: part.default is part.default_factory is MISSING for part in fields(kind)}
    if not isinstance(content, Mapping):
        raise UserError(f'{label} is {content!r}: write dict({next(iter(required))}=…, …).')
    if unknown := [key for key in content if key not in required]:
        raise UserError(f'{label}: {unknown_name_error("key", unknown[0], list(required))}')
    if missing := [key for key, needed in required.items() if needed and key not in content]:
        raise UserError(f'{label} has no {missing[0]!r}: add it.')
    return kind(**content)


def sweep(path: Path, vary: Sequence[str]) -> dict[str, Any]:
    """Return a table with a row for each combination of values, or one row if nothing varies.

    Each item of ``vary`` is ``KEY=VALUE,VALUE,…``.
    """
    axes: dict[str, list] = {}
    for item in vary:
        key, equals, text = item.partition('=')
        if not (key and equals and text):
            raise UserError(f'--vary needs KEY=VALUE,VALUE,…, not {item!r}.')
        check_no_seed('--vary', key)
        if key in axes:
            raise UserError(f'--vary has {key} twice: list all of its values together, {key}=1,2.')
        axes[key] = split_values(text)
        check_distinct(f'--vary {key}', axes[key])
    rows = []
    for values in itertools.product(*axes.values()):
        options = dict(zip(axes, values, strict=True))
        names = [f'{key.rsplit(".", 1)[-1]}-{_as_name(value)}' for key, value in options.items()]
        title = ', '.join(f'{key} = {value}' for key, value in options.items()) or path.stem
        name = '_'.join(names) or 'as-is'
        rows.append(dict(name=name, title=title, config=str(path), options=options))
    title = f'{path.stem}, varied' if axes else path.stem
    columns = [dict(key=key, title=key) for key in ('mIoU', 'mF1', 'OA')]
    return dict(title=title, columns=columns, rows=rows, seeds=(0,))


def split_values(text: str) -> list[Any]:
    """Split values at commas outside brackets and read them as Python; other words are text."""
    try:
        return ast.literal_eval(f'[{text}]')
    except (SyntaxError, ValueError):
        return [_literal(part.strip()) for part in text.split(',')]


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return {'true': True, 'false': False}.get(text, text)


def _as_name(value: Any) -> str:
    return ''.join(c if c.isalnum() or c in '.-' else '-' for c in str(value)).strip('-')[:40]
