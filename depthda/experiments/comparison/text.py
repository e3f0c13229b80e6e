"""A comparison as text: a table, and what each interval does and does not cover."""

from typing import Any

from rich.box import SIMPLE
from rich.table import Column, Table

from depthda.errors import many

_FEW = 20


def table_rows(result: dict[str, Any], per_class: bool) -> tuple[list[str], list[list[str]]]:
    """Return the heading row and the other rows of the table of a comparison."""
    head = ['', 'A', 'B', 'B − A', f'95 % over {result["unit"]}s', '95 % over tiles']
    figures = {'mIoU': result['mIoU']} | (result['per_class'] if per_class else {})
    return head, [[name, *_cells(row)] for name, row in figures.items()]


def terminal_table(result: dict[str, Any], per_class: bool) -> Table:
    head, rows = table_rows(result, per_class)
    columns = [Column(name, justify='right' if name else 'left', no_wrap=True) for name in head]
    style = dict(title=title(result), title_justify='left', title_style='bold')
    table = Table(*columns, box=SIMPLE, **style)
    for row in rows:
        table.add_row(*row)
    return table


def markdown(result: dict[str, Any], per_class: bool) -> str:
    """Return the complete comparison as Markdown."""
    head, rows = table_rows(result, per_class)
    marks = ['---', *['---:'] * (len(head) - 1)]
    table = ['| ' + ' | '.join(cells) + ' |' for cells in (head, marks, *rows)]
    sides = [f'A: `{result["a"]}`', f'B: `{result["b"]}`']
    remarks = [f'- {line}' for line in explain(result, per_class)]
    return '\n'.join([f'# {title(result)}', '', '\\\n'.join(sides), '', *table, '', *remarks, ''])


def title(result: dict[str, Any]) -> str:
    """Return a title that says what is compared, and on which images."""
    pairs, images = many(len(result['pairs']), 'pair'), sorted(set(result['tiles']))
    noun = f'image{"" if images == [1] else "s"}{" per world" if result["unit"] == "world" else ""}'
    return f'IoU in % on {result["group"]}: {pairs} of runs, {" or ".join(map(str, images))} {noun}'


def explain(result: dict[str, Any], per_class: bool) -> list[str]:
    """Return the warnings, and then one or two sentences on what each interval covers."""
    lines = [f'Note: {note}' for note in result['notes']]
    n = result['mIoU']['over_training']['n']
    if n < 2:
        lines.append(
            'Over seeds: one pair cannot show the randomness of training. Train with more seeds.'
        )
    elif result['unit'] == 'seed':
        lines.append(
            f'Over seeds: paired t interval of {n} seeds. It covers the randomness of training, '
            'but not the choice of test images.'
        )
    else:
        lines.append(
            f'Over worlds: paired t interval of {n} worlds, each with the mean of its seeds. It '
            'covers the randomness of worlds (their training and test images) and of training.'
        )
    drawn, what = ' + '.join(map(str, result['blocks'])), 'images'
    if result['block'] > 1:
        drawn, what = f'{drawn} blocks of {result["block"]} neighbouring', 'blocks'
        width = 'Images of one scene are not independent, so a block should be as long as a scene.'
    else:
        width = 'Neighbouring images of one scene are not independent, so the interval is too '
        width += 'narrow: draw such images in blocks (--block).'
    lines.append(
        f'Over tiles: paired bootstrap of {drawn} images with {result["resamples"]:,} resamples. '
        'A and B use the same resamples, and the IoU of a resample is computed from its summed '
        'pixel counts. The interval covers the choice of test images, but not the randomness of '
        f'training. {width}'
    )
    if min(result['blocks']) < _FEW:
        fewer = f'fewer than {_FEW} {what}'
        lines.append(f'The bootstrap draws from {fewer}, so the interval over tiles is rough.')
    lines.append(
        'A class that is neither in the labels nor in the prediction is left out of the mean, both '
        'in the score and in each resample.'
    )
    shares = {k: row['over_tiles']['defined'] for k, row in result['per_class'].items() if row}
    rare = [f'{name} in {100 * share:.1f} %' for name, share in shares.items() if share < 1]
    if per_class and rare:
        lines.append(f'Some classes are not in every resample: {", ".join(rare)} of the resamples.')
    return lines + [_selection(choice) for choice in result['selection']]


def _selection(choice: dict[str, Any]) -> str:
    """Return a sentence with the scores of the checkpoints that three rules choose."""
    rules = ('best_on_target', 'last', 'chosen_on_source')
    known = [rule for rule in rules if choice[rule] is not None]
    scores = ', '.join(f'{choice[rule]:.2f} ({rule.replace("_", " ")})' for rule in known)
    if choice['optimism'] is not None:
        scores += f'; optimism {choice["optimism"]:+.2f}'
    where = f'{choice["side"]}, {choice["folder"]} ({choice["source"]})'
    return f'Selection, {where}: target mIoU {scores}.'


def _cells(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ['–'] * 5
    ends = [(row[key]['low'], row[key]['high']) for key in ('over_training', 'over_tiles')]
    intervals = ['–' if low is None else f'{low:+.2f} … {high:+.2f}' for low, high in ends]
    return [f'{row["a"]:.2f}', f'{row["b"]:.2f}', f'{row["difference"]:+.2f}', *intervals]
