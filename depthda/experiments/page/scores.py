"""The sections with scores per class and with confusion matrices."""

from collections.abc import Sequence
from typing import Any

from depthda.errors import many
from depthda.experiments.page import html
from depthda.experiments.page.html import Markup, Section, join, number, tag
from depthda.experiments.tested_run import TestedRun

Group = dict[str, Any]
Palette = list[list[int]] | None


def score_section(runs: Sequence[TestedRun], palette: Palette) -> Section:
    """Return tables for each group of images on which all runs were scored."""
    by_run = [run.report['groups'] for run in runs]
    groups = [name for name in by_run[0] if all(name in of_run for of_run in by_run)]
    panels = []
    for name in groups:
        members = [of_run[name] for of_run in by_run]
        images, pixels = many(members[0]['images'], 'image'), members[0]['pixels']
        heading = tag('h3', f'{name}: {images}, {many(pixels, "labelled pixel")}')
        one = len(runs) == 1
        tables = _one_run(members[0], palette) if one else _comparison(runs, members, palette)
        panels.append((name, join(heading, tables)))
    text = (
        'Scores are in per cent. A class that is neither in the labels nor in the prediction has '
        'no score (–).'
    )
    if len(runs) > 1:
        text += ' The best score of each row is bold. Differences (Δ) are relative to '
        text += f'{runs[0].name}.'
    summary = _summary(runs, groups) if len(groups) > 1 else None
    body = tag('p', text), summary, html.switch('Images', panels)
    return html.section('Scores per class', 'scores', *body)


def class_head(name: str, index: int, palette: Palette) -> Markup:
    """Return the heading cell of a row: a class with its colour."""
    return tag('th', html.swatch(palette[index]) if palette else None, name, scope='row')


def _one_run(group: Group, palette: Palette) -> Markup:
    keys, means = _score_names(group), group['means']
    body = []
    for i, (name, row) in enumerate(group['per_class'].items()):
        cells = [tag('td', number(row[key])) for key in keys]
        last = [_share(row, group), html.bars([(0, row[keys[0]] or 0)])]
        body.append(tag('tr', class_head(name, i, palette), cells, last))
    cells = [tag('td', number(means.get(_mean_name(key)))) for key in keys]
    foot = tag('tr', tag('th', 'mean', scope='row'), cells, tag('td'))
    heads = html.column_heads('class', *keys, 'share of labels', None)
    others = [f'{key} {number(means[key])}' for key in ('OA', 'Kappa') if key in means]
    below = tag('p', ' · '.join(others), class_='figures') if others else None
    return join(html.table('Scores per class', heads, body, foot), below)


def _comparison(runs: Sequence[TestedRun], members: Sequence[Group], palette: Palette) -> Markup:
    panels = []
    for key in _score_names(members[0]):
        body = []
        for i, name in enumerate(runs[0].classes):
            rows = [group['per_class'][name] for group in members]
            values = [row[key] for row in rows]
            drawn = html.bars((index, value or 0) for index, value in enumerate(values))
            cells = [_share(rows[0], members[0]), _compared(values), drawn]
            body.append(tag('tr', class_head(name, i, palette), cells))
        means = {f'mean ({_mean_name(key)})': _mean_name(key)}
        if key == 'IoU':
            means |= {name: name for name in ('OA', 'Kappa') if name in members[0]['means']}
        feet = []
        for title, name in means.items():
            cells = _compared([group['means'].get(name) for group in members])
            feet.append(tag('tr', tag('th', title, scope='row'), tag('td'), cells))
        heads = html.column_heads('class', 'share of labels', *_columns(runs), None)
        scores = html.table(f'{key} per class', heads, body, feet)
        panels.append((key, join(tag('h4', key), scores)))
    return html.switch('Score', panels)


def _summary(runs: Sequence[TestedRun], groups: Sequence[str]) -> Markup:
    body = []
    for name in groups:
        members = [run.report['groups'][name] for run in runs]
        cells = _compared([group['means']['mIoU'] for group in members])
        images = tag('td', members[0]['images'])
        body.append(tag('tr', tag('th', name, scope='row'), images, cells))
    heads = html.column_heads('mIoU of', 'images', *_columns(runs))
    return html.table('mIoU per group of images', heads, body)


def _columns(runs: Sequence[TestedRun]) -> list[Markup]:
    """Return the heads of the run columns; each but the first is followed by a Δ column."""
    first, *others = (join(html.key_mark(i), run.name) for i, run in enumerate(runs))
    return [first, *(part for name in others for part in (name, join('Δ')))]


def _compared(values: Sequence[float | None]) -> list[Markup]:
    defined = [value for value in values if value is not None]
    # Scores that look equal when printed are all bold.
    best = {number(max(defined))} if defined else set()
    cells = []
    for i, value in enumerate(values):
        leads = value is not None and number(value) in best
        cells.append(tag('td', tag('b', number(value)) if leads else number(value)))
        if i:
            difference = None if None in (value, values[0]) else value - values[0]
            side = '' if not difference else ' up' if difference > 0 else ' down'
            cells.append(tag('td', number(difference, sign=True), class_=f'diff{side}'))
    return cells


def _share(row: dict[str, Any], group: Group) -> Markup:
    total = group['pixels']
    return tag('td', number(100 * row['pixels'] / total if total else None), class_='quiet')


def _score_names(group: Group) -> list[str]:
    return [key for key in next(iter(group['per_class'].values())) if key != 'pixels']


def _mean_name(key: str) -> str:
    return f'm{key[0].upper()}{key[1:]}'


def confusion_section(runs: Sequence[TestedRun]) -> Section:
    """Return a confusion matrix for each run, over its headline images."""
    headline = runs[0].report['headline']
    text = '' if headline == 'all' else f'Images: {headline}. '
    text += (
        'Rows are the labels, and columns the predictions. Each cell shows its share of the row in '
        'per cent, so the diagonal is the recall. Point at a cell to see the pixel counts.'
    )
    matrices = tag('div', [_matrix(i, run) for i, run in enumerate(runs)], class_='matrices')
    return html.section('Confusion matrix', 'confusion', tag('p', text), matrices)


def _matrix(index: int, run: TestedRun) -> Markup:
    headline = run.report['groups'][run.report['headline']]
    corner = tag('td', 'label ↓ prediction →', class_='corner')
    heads = [tag('th', tag('span', name), scope='col', class_='turned') for name in run.classes]
    body = []
    for name, row in zip(run.classes, headline['confusion_matrix'], strict=True):
        pairs = zip(run.classes, row, strict=True)
        cells = [_cell(name, prediction, count, sum(row)) for prediction, count in pairs]
        body.append(tag('tr', tag('th', name, scope='row'), cells))
    label = f'Confusion matrix of {run.name}'
    matrix = html.table(label, [corner, *heads], body, class_='heat')
    return tag('figure', tag('figcaption', html.key_mark(index), run.name), matrix)


def _cell(label: str, prediction: str, count: int, total: int) -> Markup:
    share = 100 * count / total if total else None
    strength = 'strong' if (share or 0) >= 70 else 'middle' if (share or 0) >= 55 else None
    text = f'{label} predicted as {prediction}'
    text = f'{label} predicted correctly' if label == prediction else text
    title = f'{text}: {count:,} of {total:,} pixels ({number(share)} %)'
    return tag('td', number(share, 1), title=title, style=f'--v:{share or 0:.1f}%', class_=strength)
