"""Draw the curve of a table: its scores over a quantity that the rows vary."""

from collections.abc import Sequence
from pathlib import Path

from depthda.experiments.tables.results import Cell, Line
from depthda.experiments.tables.table import Table
from depthda.io.plotting import plt, save_figure


def draw_curve(table: Table, lines: Sequence[Line], path: Path) -> bool:
    """Draw ``table.curve``, with intervals or deviations, if any of its scores are known."""
    place = [column.title for column in table.columns].index(table.curve.column)
    cells = {line.row.name: line.cells[place] for line in lines}
    drawn = {}
    for name, rows in table.curve.lines.items():
        known = {x: cells[row] for x, row in sorted(rows.items()) if cells[row].mean is not None}
        drawn |= {name: known} if known else {}
    if not drawn:
        return False
    figure, axis = plt.subplots(figsize=(6.4, 4), layout='constrained')
    xs = [x for known in drawn.values() for x in known]
    # Lines are shifted a little, because intervals at the same place would hide each other.
    step = 0.012 * (max(xs) - min(xs) or 1)
    for i, (name, known) in enumerate(drawn.items()):
        shift = step * (i - (len(drawn) - 1) / 2)
        shifted, means = [x + shift for x in known], [cell.mean for cell in known.values()]
        reach = list(zip(*map(_reach, known.values()), strict=True))
        style = dict(marker='o', markersize=4, capsize=3)
        axis.errorbar(shifted, means, yerr=reach, label=name, **style)
    if any(cell.is_gain for known in drawn.values() for cell in known.values()):
        axis.axhline(0, color='grey', linewidth=0.8)
    axis.margins(x=0.1)
    axis.set(xticks=sorted(set(xs)), xlabel=table.curve.x, ylabel=table.curve.column)
    axis.set_title(table.title, fontsize=11)
    axis.grid(alpha=0.3)
    axis.spines[['top', 'right']].set_visible(False)
    axis.legend(frameon=False)
    save_figure(figure, path, 120)
    return True


def _reach(cell: Cell) -> tuple[float, float]:
    """Return how far the error bar reaches down and up."""
    if cell.interval is not None:
        return cell.mean - cell.interval[0], cell.interval[1] - cell.mean
    return cell.std or 0, cell.std or 0
