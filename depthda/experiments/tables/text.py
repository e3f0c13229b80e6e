"""A table as Markdown, CSV, LaTeX, curve and for the terminal: our scores next to the paper's."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rich.table import Table as RichTable

from depthda.evaluation.score_report import format_score
from depthda.experiments.protocol import MEANINGS
from depthda.experiments.tables.results import Cell, Line
from depthda.experiments.tables.table import Table
from depthda.io.plotting import plt, save_figure

_NOTES = {
    'server': 'scored by the challenge server (rows of the paper: as printed)',
    'local': 'scored here, on labels that no training step saw',
}


def blocks(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    """Group the lines by protocol: scores of two protocols never share a column."""
    order = dict.fromkeys(line.row.protocol for line in lines)
    return [(name, [line for line in lines if line.row.protocol == name]) for name in order]


def markdown(table: Table, lines: Sequence[Line]) -> str:
    """Return the complete table as a Markdown page."""
    parts = [f'# {table.title}', *([table.caption] if table.caption else [])]
    heads = [table.heading, 'figures', *(column.title for column in table.columns), 'runs', 'notes']
    rule = ['---', '---', *('---:' for _ in table.columns), '---:', '---']
    several = len(blocks(lines)) > 1
    for protocol, block in blocks(lines):
        if several:
            parts.append(f'## {protocol.capitalize()} protocol: {_NOTES[protocol]}')
        for section, members in groupby(block, lambda line: line.row.section):
            if section:
                parts.append(f'**{section}**')
            rows = [heads, rule, *(row for line in members for row in _rows(line))]
            escaped = [[cell.replace('|', r'\|') for cell in row] for row in rows]
            parts.append('\n'.join('| ' + ' | '.join(row) + ' |' for row in escaped))
    notes = [f'- \\* {line.row.title}: {line.row.note}' for line in lines if line.row.note]
    marks = [mark for line in lines for mark in line.marks]
    for start, meaning in MEANINGS.items():
        if any(mark.startswith(start) for mark in marks):
            notes.append(f'- {start.removesuffix(":")}: {meaning}')
    return '\n\n'.join(parts + (['\n'.join(notes)] if notes else [])) + '\n'


def comma_separated(table: Table, lines: Sequence[Line]) -> str:
    """Return the table as CSV in full precision, one score per line, for further computation."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(
        'row title section protocol column key from mean std low high n state marks commits'.split()
    )
    for line in lines:
        row = line.row
        head = [row.name, row.title, row.section, row.protocol]
        tail = [line.state, '; '.join(line.marks), ' '.join(line.commits)]
        papers = row.paper or [None] * len(table.columns)
        for column, cell, paper in zip(table.columns, line.cells, papers, strict=True):
            key = column.key.format(source=row.source, target=row.target)
            key = f'gain in {key}' if column.gain else key
            if paper is not None and line.origin == 'here':
                writer.writerow([*head, column.title, key, 'paper', paper, *[''] * 7])
            low, high = cell.interval or ('', '')
            # The writer leaves a cell empty for None.
            scores = [cell.mean, cell.std, low, high, cell.count]
            writer.writerow([*head, column.title, key, line.origin, *scores, *tail])
    return out.getvalue()


def latex(table: Table, lines: Sequence[Line]) -> str:
    """Return one ``table`` environment per protocol; it needs the package booktabs."""
    parts = []
    for protocol, block in blocks(lines):
        body = []
        for section, members in groupby(block, lambda line: line.row.section):
            if section:
                span = len(table.columns) + 2
                body.append(rf'\multicolumn{{{span}}}{{l}}{{\emph{{{_tex(section)}}}}} \\')
            for line in members:
                marks = f' ({", ".join(line.marks)})' if line.marks else ''
                for title, source, *cells, _, _ in _rows(line):
                    source += marks if source == line.origin else ''
                    body.append(' & '.join([_tex(title), source, *map(_tex, cells)]) + r' \\')
        heads = ' & '.join(_tex(column.title) for column in table.columns)
        caption = _tex(f'{table.title} ({protocol} protocol). {table.caption}'.strip())
        top = [r'\begin{table}', r'\centering', rf'\caption{{{caption}}}']
        top.append(rf'\begin{{tabular}}{{ll{"r" * len(table.columns)}}}')
        top += [r'\toprule', rf'{table.heading} & figures & {heads} \\', r'\midrule']
        end = [r'\bottomrule', r'\end{tabular}', r'\end{table}']
        parts.append('\n'.join([*top, *body, *end]))
    return '\n\n'.join(parts) + '\n'


def terminal(table: Table, lines: Sequence[Line], width: int) -> Iterator[RichTable]:
    """Yield one table per protocol for the terminal; a narrow one shows the means only."""
    kept = range(len(table.columns))
    if len(kept) * 14 + 40 > width:
        kept = [i for i in kept if not table.columns[i].key.startswith(('IoU.', 'F1.'))]
    several = len(blocks(lines)) > 1
    for protocol, block in blocks(lines):
        title = f'{table.title} ({protocol} protocol)' if several else table.title
        rich_table = RichTable(table.heading, 'figures', title=title, title_style='bold')
        for i in kept:
            rich_table.add_column(table.columns[i].title, justify='right', no_wrap=True)
        rich_table.add_column('runs', justify='right')
        rich_table.add_column('notes')
        for section, members in groupby(block, lambda line: line.row.section):
            if section:
                rich_table.add_row(f'[bold]{section}[/]')
            for row in (row for line in members for row in _rows(line)):
                cells = [*row[:2], *(row[2:-2][i] for i in kept), *row[-2:]]
                rich_table.add_row(*cells, style='dim' if row[1] == 'paper' else None)
            rich_table.add_section()
        yield rich_table


FORMATS = {'md': markdown, 'csv': comma_separated, 'tex': latex}


def _rows(line: Line) -> Iterator[list[str]]:
    """Yield the printed rows of a line: the paper's scores, if any, and then those of our runs."""
    title = line.row.title + ('*' if line.row.note else '')
    remark = '; '.join(filter(None, [*line.marks, line.state]))
    follows = line.row.paper or line.origin != 'here'
    if line.row.paper and line.origin == 'here':
        paper = map(format_score, line.row.paper)
        yield [title, 'paper', *paper, '', remark if line.row.absent else '']
    if not (line.row.paper and line.row.absent and line.origin == 'here'):
        count = max((cell.count for cell in line.cells), default=0)
        cells = [_format_cell(cell) for cell in line.cells]
        yield ['' if follows else title, line.origin, *cells, str(count or ''), remark]


def _format_cell(cell: Cell) -> str:
    """Format a cell as ``47.13 ± 0.42``, or a gain as ``+1.85 [0.90, 2.80]``."""
    interval = '' if cell.interval is None else ' [{:.2f}, {:.2f}]'.format(*cell.interval)
    deviation = '' if cell.std is None else f' ± {cell.std:.2f}'
    return format_score(cell.mean, '+' if cell.is_gain else '') + interval + deviation


def _tex(text: str) -> str:
    codes = {character: f'\\{character}' for character in '&%_#$'}
    codes |= {'±': r'$\pm$', '→': r'$\rightarrow$', '–': '--', '×': r'$\times$'}
    return text.translate(str.maketrans(codes | {'\\': r'\textbackslash{}'}))


def draw_curve(table: Table, lines: Sequence[Line], path: Path) -> bool:
    """Draw ``table.curve`` with its intervals or deviations; return False if there is no score."""
    column = [column.title for column in table.columns].index(table.curve.column)
    cells = {line.row.name: line.cells[column] for line in lines}
    curves = {}
    for name, rows in table.curve.lines.items():
        points = {x: cells[row] for x, row in sorted(rows.items()) if cells[row].mean is not None}
        curves |= {name: points} if points else {}
    if not curves:
        return False
    figure, axis = plt.subplots(figsize=(6.4, 4), layout='constrained')
    xs = [x for points in curves.values() for x in points]
    # Lines are shifted a little, because error bars at the same x would hide each other.
    step = 0.012 * (max(xs) - min(xs) or 1)
    for i, (name, points) in enumerate(curves.items()):
        shift = step * (i - (len(curves) - 1) / 2)
        shifted, means = [x + shift for x in points], [cell.mean for cell in points.values()]
        lengths = list(zip(*map(_bar_lengths, points.values()), strict=True))
        style = dict(marker='o', markersize=4, capsize=3)
        axis.errorbar(shifted, means, yerr=lengths, label=name, **style)
    if any(cell.is_gain for points in curves.values() for cell in points.values()):
        axis.axhline(0, color='grey', linewidth=0.8)
    axis.margins(x=0.1)
    axis.set(xticks=sorted(set(xs)), xlabel=table.curve.x, ylabel=table.curve.column)
    axis.set_title(table.title, fontsize=11)
    axis.grid(alpha=0.3)
    axis.spines[['top', 'right']].set_visible(False)
    axis.legend(frameon=False)
    save_figure(figure, path, 120)
    return True


def _bar_lengths(cell: Cell) -> tuple[float, float]:
    """Return the lengths of the error bar below and above the mean."""
    if cell.interval is not None:
        return cell.mean - cell.interval[0], cell.interval[1] - cell.mean
    return cell.std or 0, cell.std or 0
