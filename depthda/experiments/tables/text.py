"""A table as Markdown, CSV, LaTeX, and on the terminal: ours beside the paper's."""

import csv
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rich.table import Table as RichTable

from depthda.experiments.tables.results import Cell, Line
from depthda.experiments.tables.table import Table

TARGET_SELECTED = 'target-selected'
_NOTES = {
    'server': 'scored by the challenge server (the paper: as printed)',
    'local': 'scored here, on labels that no training step saw',
}


def blocks(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    """Lines by protocol: figures of two protocols never stand in one column."""
    order = list(dict.fromkeys(line.row.protocol for line in lines))
    return [(name, [line for line in lines if line.row.protocol == name]) for name in order]


def markdown(table: Table, lines: Sequence[Line]) -> str:
    """The whole table as a Markdown page."""
    parts = [f'# {table.title}', *([table.caption] if table.caption else [])]
    several = len(blocks(lines)) > 1
    for protocol, block in blocks(lines):
        if several:
            parts.append(f'## {protocol.capitalize()} protocol: {_NOTES[protocol]}')
        for section, members in _sections(block):
            if section:
                parts.append(f'**{section}**')
            parts.append(_grid(table, members))
    if notes := _footnotes(lines):
        parts.append('\n'.join(notes))
    return '\n\n'.join(parts) + '\n'


def _grid(table: Table, lines: Sequence[Line]) -> str:
    heads = [table.heading, 'figures', *(column.title for column in table.columns)]
    heads += ['runs', 'notes']
    rule = ['---', '---', *('---:' for _ in table.columns), '---:', '---']
    rows = [heads, rule]
    for line in lines:
        if line.row.paper:
            paper = [number(value) for value in line.row.paper]
            rows.append([_title(line), 'paper', *paper, '', ''])
        title = '' if line.row.paper else _title(line)
        if not (line.row.paper and line.row.absent):
            cells = [show(cell) for cell in line.cells]
            rows.append([title, 'here', *cells, str(count(line) or ''), _remark(line)])
        else:
            rows[-1][-1] = _remark(line)
    return '\n'.join('| ' + ' | '.join(_escape(cell) for cell in row) + ' |' for row in rows)


def comma_separated(table: Table, lines: Sequence[Line]) -> str:
    """Full precision, one line a figure: for whoever computes on."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(
        'row title section protocol column key from mean std low high n state marks commits'.split()
    )
    for line in lines:
        row = line.row
        head = [row.name, row.title, row.section, row.protocol]
        tail = [line.state, ' '.join(line.marks), ' '.join(line.commits)]
        papers = row.paper or [None] * len(table.columns)
        for column, cell, paper in zip(table.columns, line.cells, papers, strict=True):
            key = column.key.format(source=row.source, target=row.target)
            key = f'gain in {key}' if column.gain else key
            if paper is not None:
                writer.writerow([*head, column.title, key, 'paper', paper, *[''] * 7])
            low, high = cell.interval or ('', '')
            figures = [_blank(cell.mean), _blank(cell.std), low, high, cell.count]
            writer.writerow([*head, column.title, key, 'here', *figures, *tail])
    return out.getvalue()


def latex(table: Table, lines: Sequence[Line]) -> str:
    """One ``table`` environment a protocol; needs the package booktabs."""
    parts = []
    for protocol, block in blocks(lines):
        body = []
        for section, members in _sections(block):
            if section:
                span = len(table.columns) + 2
                body.append(rf'\multicolumn{{{span}}}{{l}}{{\emph{{{_tex(section)}}}}} \\')
            for line in members:
                if line.row.paper:
                    paper = ' & '.join(_tex(number(value)) for value in line.row.paper)
                    body.append(rf'{_tex(_title(line))} & paper & {paper} \\')
                if not (line.row.paper and line.row.absent):
                    title = '' if line.row.paper else _tex(_title(line))
                    cells = ' & '.join(_tex(show(cell)) for cell in line.cells)
                    marks = f' ({", ".join(line.marks)})' if line.marks else ''
                    body.append(rf'{title} & here{marks} & {cells} \\')
        heads = ' & '.join(_tex(column.title) for column in table.columns)
        caption = _tex(f'{table.title} ({protocol} protocol). {table.caption}'.strip())
        parts.append(
            '\n'.join(
                [
                    r'\begin{table}',
                    r'\centering',
                    rf'\caption{{{caption}}}',
                    rf'\begin{{tabular}}{{ll{"r" * len(table.columns)}}}',
                    r'\toprule',
                    rf'{table.heading} & figures & {heads} \\',
                    r'\midrule',
                    *body,
                    r'\bottomrule',
                    r'\end{tabular}',
                    r'\end{table}',
                ]
            )
        )
    return '\n\n'.join(parts) + '\n'


def terminal(table: Table, lines: Sequence[Line], width: int) -> Iterator[RichTable]:
    """One table a protocol, for a screen; one too narrow for the classes gets the means alone."""
    if len(table.columns) * 14 + 40 > width:
        kept = [i for i, c in enumerate(table.columns) if not c.key.startswith(('IoU.', 'F1.'))]
        table = replace(table, columns=tuple(table.columns[i] for i in kept))
        lines = [_only(line, kept) for line in lines]
    several = len(blocks(lines)) > 1
    for protocol, block in blocks(lines):
        title = f'{table.title} ({protocol} protocol)' if several else table.title
        drawn = RichTable(title=title, title_style='bold')
        drawn.add_column(table.heading)
        drawn.add_column('figures')
        for column in table.columns:
            drawn.add_column(column.title, justify='right', no_wrap=True)
        drawn.add_column('runs', justify='right')
        drawn.add_column('notes')
        for section, members in _sections(block):
            if section:
                drawn.add_row(f'[bold]{section}[/]')
            for line in members:
                if line.row.paper:
                    paper = [number(value) for value in line.row.paper]
                    remark = _remark(line) if line.row.absent else ''
                    drawn.add_row(_title(line), 'paper', *paper, '', remark, style='dim')
                if not (line.row.paper and line.row.absent):
                    cells = [show(cell) for cell in line.cells]
                    title = '' if line.row.paper else _title(line)
                    drawn.add_row(title, 'here', *cells, str(count(line) or ''), _remark(line))
            drawn.add_section()
        yield drawn


def _only(line: Line, kept: Sequence[int]) -> Line:
    paper = tuple(line.row.paper[i] for i in kept) if line.row.paper else ()
    row = replace(line.row, paper=paper)
    return replace(line, row=row, cells=tuple(line.cells[i] for i in kept))


FORMATS: dict[str, Callable[[Table, Sequence[Line]], str]] = {
    'md': markdown,
    'csv': comma_separated,
    'tex': latex,
}


def number(value: float | None) -> str:
    return '–' if value is None else f'{value:.2f}'


def show(cell: Cell) -> str:
    """``47.13 ± 0.42``, or a gain ``+1.85 [0.90, 2.80]``."""
    if cell.mean is None:
        return '–'
    if cell.is_gain:
        interval = '' if cell.interval is None else ' [{:.2f}, {:.2f}]'.format(*cell.interval)
        return f'{cell.mean:+.2f}{interval}'
    return number(cell.mean) if cell.std is None else f'{cell.mean:.2f} ± {cell.std:.2f}'


def count(line: Line) -> int:
    return max((cell.count for cell in line.cells), default=0)


def _title(line: Line) -> str:
    return line.row.title + ('*' if line.row.note else '')


def _remark(line: Line) -> str:
    return '; '.join(filter(None, [*line.marks, line.state]))


def _sections(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    grouped = itertools.groupby(lines, key=lambda line: line.row.section)
    return [(section, list(members)) for section, members in grouped]


def _footnotes(lines: Sequence[Line]) -> list[str]:
    notes = [f'- \\* {line.row.title}: {line.row.note}' for line in lines if line.row.note]
    if any(TARGET_SELECTED in line.marks for line in lines):
        notes.append(
            f'- {TARGET_SELECTED}: labelled images of the target domain chose the checkpoint; not '
            'comparable with figures of methods that see no target label.'
        )
    return notes


def _escape(cell: str) -> str:
    return cell.replace('|', r'\|')


def _tex(text: str) -> str:
    for plain, code in (
        ('\\', r'\textbackslash{}'),
        ('&', r'\&'),
        ('%', r'\%'),
        ('_', r'\_'),
        ('#', r'\#'),
        ('$', r'\$'),
        ('±', r'$\pm$'),
        ('→', r'$\rightarrow$'),
        ('–', '--'),
        ('×', r'$\times$'),
    ):
        text = text.replace(plain, code)
    return text


def _blank(value: float | None) -> float | str:
    return '' if value is None else value
