"""The report of a test: scores by groups of (domain, split) cells, and a table for the log."""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from torch import Tensor

from depthda.errors import UserError
from depthda.evaluation.confusion import mean, per_batch_scores, scores

POOLED = 'all'
WIDTH = 100
UNPRINTED = ('fwIoU',)  # with it, the lines would be too long for a terminal
DomainSplit = tuple[str | None, str | None]


def group_cells(cells: list[DomainSplit]) -> dict[str, list[DomainSplit]]:
    """Return the groups of cells that are scored, by name: all, each domain, split and pair."""
    domains, splits = (sorted({cell[i] for cell in cells} - {None}) for i in (0, 1))
    clash = {POOLED, *domains} & {*splits} or {POOLED} & {*domains}
    if clash:
        raise UserError(
            f'{str(clash.pop())!r} is the name of more than one of domain, split and {POOLED!r} '
            '(all images): rename the domain or the split of the dataset.'
        )
    groups = {POOLED: list(cells)}
    groups |= {name: [cell for cell in cells if cell[0] == name] for name in domains}
    groups |= {name: [cell for cell in cells if cell[1] == name] for name in splits}
    groups |= {f'{cell[1]}/{cell[0]}': [cell] for cell in cells if None not in cell}
    return groups


def choosing_group(keys: Iterable[str], headlines: Iterable[str | None]) -> str:
    """Return the group whose score chooses a checkpoint, such as Rural for 'Rural/mIoU'."""
    groups = {key.rpartition('/')[0] for key in keys}
    return (groups.pop() if len(groups) == 1 else '') or next(filter(None, headlines), POOLED)


def group_report(
    classes: list[str], images: int, counts: Tensor, batches: Tensor | None
) -> dict[str, Any]:
    """Compute the scores of one group of ``images`` images, as plain built-ins.

    ``counts`` are the pixel counts of the group ``[C + 1, C]``, with the ignored pixels in the last
    row. ``batches`` are the counts of each batch ``[batches, C + 1, C]``. If they are set, the
    scores are averaged over batches, and only IoU and F1 are defined.
    """
    matrix = counts[:-1]
    pixels = matrix.sum(1).tolist()
    if batches is None:
        result = scores(matrix)
        means, columns = result.means(), {'IoU': result.iou, 'F1': result.f1}
        columns |= {'precision': result.precision, 'recall': result.recall}
    else:
        iou, f1 = per_batch_scores(batches)
        means, columns = {'mIoU': mean(iou), 'mF1': mean(f1)}, {'IoU': iou, 'F1': f1}
    per_class = {
        name: {**{key: column[i] for key, column in columns.items()}, 'pixels': pixels[i]}
        for i, name in enumerate(classes)
    }
    report = {'images': images, 'pixels': sum(pixels), 'ignored_pixels': int(counts[-1].sum())}
    confusion = matrix.tolist()
    return report | {'means': means, 'per_class': per_class, 'confusion_matrix': confusion}


def render(report: dict[str, Any]) -> str:
    """Return a table of the headline group by class, then one line of means per group."""
    head = report['groups'][report['headline']]
    keys = [key for key in next(iter(head['per_class'].values())) if key != 'pixels']
    columns = [Column(key, justify='right') for key in (*keys, 'share of labels')]
    table = Table(report['headline'], *columns, box=SIMPLE_HEAD, pad_edge=False)
    for name, row in head['per_class'].items():
        share = 100 * row['pixels'] / head['pixels'] if head['pixels'] else None
        table.add_row(name, *(format_score(row[key]) for key in keys), format_score(share))
    # Printed to a string, because the logger decides where the text goes.
    console = Console(width=WIDTH, file=StringIO(), color_system=None)
    console.print(table, highlight=False)
    drawn = [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]
    title = 'in per cent'
    if report['aggregate'] == 'per_batch':
        title += f', mean over batches of {report["batch_size"]} (absent classes count 100)'
    lines = [title, *drawn]
    for name, group in report['groups'].items():
        shown = {key: value for key, value in group['means'].items() if key not in UNPRINTED}
        means = (f'{key} {format_score(value)}' for key, value in shown.items())
        images = group['images']
        lines.append(f'{name} ({images} image{"" if images == 1 else "s"}): {", ".join(means)}')
    return '\n'.join(lines)


def format_score(value: float | None, sign: str = '') -> str:
    """Format a score or, with the sign ``'+'``, a difference; a dash means None."""
    return '–' if value is None else f'{value:{sign}.2f}'
