"""A comparison in words: one table and what each interval does and does not cover."""

from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from depthda.errors import many

_FEW = 20


def table_rows(result: dict[str, Any], per_class: bool) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the table of a comparison."""
    head = ['', 'A', 'B', 'B − A', f'95 % over {result["unit"]}s', '95 % over tiles']
    figures = {'mIoU': result['mIoU']} | (result['per_class'] if per_class else {})
    return head, [[name, *_cells(row)] for name, row in figures.items()]


def terminal_table(result: dict[str, Any], per_class: bool) -> Table:
    """The table for a terminal."""
    head, rows = table_rows(result, per_class)
    table = Table(box=SIMPLE, title=title(result), title_justify='left', title_style='bold')
    for name in head:
        table.add_column(name, justify='right' if name else 'left', no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def markdown(result: dict[str, Any], per_class: bool) -> str:
    """The whole comparison as Markdown."""
    head, rows = table_rows(result, per_class)
    marks = ['---', *['---:'] * (len(head) - 1)]
    table = ['| ' + ' | '.join(cells) + ' |' for cells in (head, marks, *rows)]
    sides = [f'A: `{result["a"]}`', f'B: `{result["b"]}`']
    remarks = [f'- {line}' for line in explain(result, per_class)]
    return '\n'.join([f'# {title(result)}', '', '\\\n'.join(sides), '', *table, '', *remarks, ''])


def title(result: dict[str, Any]) -> str:
    """What is compared, and on what."""
    pairs, images = len(result['pairs']), sorted(set(result['tiles']))
    number = ' or '.join(map(str, images))
    noun = 'image' if images == [1] else 'images'
    world = ' a world' if result['unit'] == 'world' else ''
    return f'IoU in % on {result["group"]}: {many(pairs, "pair")} of runs, {number} {noun}{world}'


def explain(result: dict[str, Any], per_class: bool) -> list[str]:
    """The warnings, then what each interval covers; a sentence or two each."""
    lines = [f'Note: {note}' for note in result['notes']]
    n = result['mIoU']['over_training']['n']
    if n < 2:
        lines.append(
            'Over seeds: one pair says nothing of the randomness of training; train further seeds.'
        )
    elif result['unit'] == 'seed':
        lines.append(
            f'Over seeds: paired t interval of {n} seeds. It covers the randomness of training, '
            'not which images happen to be in the test set.'
        )
    else:
        lines.append(
            f'Over worlds: paired t interval of {n} worlds, each by the mean of its seeds. It '
            'covers the randomness of worlds (their training and test images) and of training.'
        )
    blocks = ' + '.join(map(str, result['blocks']))
    drawn = (
        f'{blocks} images'
        if result['block'] == 1
        else f'{blocks} blocks of {result["block"]} neighbouring images'
    )
    width = (
        'Neighbouring images of one scene are not independent, which makes it too narrow: draw '
        'them in blocks (--block).'
        if result['block'] == 1
        else 'Images of one scene are not independent: blocks should be as long as scenes are.'
    )
    lines.append(
        f'Over tiles: paired bootstrap of {drawn}, {result["resamples"]:,} resamples, each the '
        'same for A and B, its IoU from the summed pixels. It covers which images were tested, not '
        f'the randomness of training. {width}'
    )
    if min(result['blocks']) < _FEW:
        what = 'images' if result['block'] == 1 else 'blocks'
        lines.append(f'Fewer than {_FEW} {what} are drawn from: the interval over tiles is rough.')
    lines.append(
        'A class that is neither in the truth nor in the prediction is left out of the mean, in a '
        'resample as in the score.'
    )
    if per_class:
        lines += _rare(result)
    return lines + [_selection(choice) for choice in result['selection']]


def _selection(choice: dict[str, Any]) -> str:
    """What three rules of choosing the checkpoint give on the tested domain."""
    rules = ('best_on_target', 'last', 'chosen_on_source')
    scores = [
        f'{rule.replace("_", " ")} {choice[rule]:.2f}' for rule in rules if choice[rule] is not None
    ]
    if choice['optimism'] is not None:
        scores.append(f'optimism {choice["optimism"]:+.2f}')
    where = f'{choice["side"]}, {choice["folder"]} ({choice["source"]})'
    return f'Selection, {where}: target mIoU {", ".join(scores)}.'


def _rare(result: dict[str, Any]) -> list[str]:
    shares = {
        name: row['over_tiles']['defined']
        for name, row in result['per_class'].items()
        if row and row['over_tiles']['defined'] < 1
    }
    said = [f'{name} in {100 * share:.1f} %' for name, share in shares.items()]
    return [f'Some classes are not in every resample: {", ".join(said)} of them.'] if said else []


def _cells(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ['–'] * 5
    return [
        f'{row["a"]:.2f}',
        f'{row["b"]:.2f}',
        f'{row["difference"]:+.2f}',
        _interval(row['over_training']),
        _interval(row['over_tiles']),
    ]


def _interval(row: dict[str, Any]) -> str:
    return '–' if row['low'] is None else f'{row["low"]:+.2f} … {row["high"]:+.2f}'
