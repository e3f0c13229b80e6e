"""Scores class by class: one table for a run, a table for each score in a comparison."""

from collections.abc import Sequence
from typing import Any

from depthda.errors import many
from depthda.experiments.page.head import key_mark
from depthda.experiments.page.html import (
    Markup,
    join,
    number,
    scroll,
    section,
    swatch,
    switch,
    tag,
)
from depthda.experiments.page.runs import Run

Group = dict[str, Any]


def score_section(runs: Sequence[Run], palette: list[list[int]] | None) -> Markup:
    """Tables for each group of images that all runs were scored on."""
    groups = [
        name
        for name in runs[0].report['groups']
        if all(name in run.report['groups'] for run in runs)
    ]
    draw = _one_run if len(runs) == 1 else _comparison
    panels = []
    for name in groups:
        members = [run.report['groups'][name] for run in runs]
        images = many(members[0]['images'], 'image')
        images = f'{name}: {images}, {many(members[0]["pixels"], "labelled pixel")}'
        panels.append((name, join(tag('h3', images), draw(runs, members, palette))))
    said = 'In per cent. A class that is neither in truth nor in prediction has no score (–).'
    if len(runs) > 1:
        said += f' Best of a row in bold; differences are against {runs[0].name}.'
    summary = _groups_at_a_glance(runs, groups) if len(groups) > 1 else None
    return section('Scores per class', 'scores', tag('p', said), summary, switch('Images', panels))


def class_name(name: str, place: int, palette: list[list[int]] | None) -> Markup:
    """The heading of a row: a class with its colour."""
    return tag('th', swatch(palette[place]) if palette else None, name, scope='row')


def _one_run(
    runs: Sequence[Run], members: Sequence[Group], palette: list[list[int]] | None
) -> Markup:
    group = members[0]
    keys = _score_names(group)
    top = ['class', *keys, 'share of truth', None]
    body = []
    for i, (name, row) in enumerate(group['per_class'].items()):
        cells = [tag('td', number(row[key])) for key in keys]
        last = [_share(row, group), _bars([row[keys[0]]])]
        body.append(tag('tr', class_name(name, i, palette), cells, last))
    means = [tag('td', number(group['means'].get(_mean_name(key)))) for key in keys]
    foot = tag('tr', tag('th', 'mean', scope='row'), means, tag('td'))
    rest = [
        f'{key} {number(group["means"][key])}' for key in ('OA', 'Kappa') if key in group['means']
    ]
    return join(
        scroll('Scores per class', _table(top, body, foot)),
        tag('p', ' · '.join(rest), class_='figures') if rest else None,
    )


def _comparison(
    runs: Sequence[Run], members: Sequence[Group], palette: list[list[int]] | None
) -> Markup:
    panels = []
    for key in _score_names(members[0]):
        body = []
        for i, name in enumerate(runs[0].classes):
            rows = [group['per_class'][name] for group in members]
            values = [row[key] for row in rows]
            cells = [_share(rows[0], members[0]), _compared(values), _bars(values)]
            body.append(tag('tr', class_name(name, i, palette), cells))
        means = _compared([group['means'].get(_mean_name(key)) for group in members])
        feet = [tag('tr', tag('th', f'mean ({_mean_name(key)})', scope='row'), tag('td'), means)]
        for extra in ('OA', 'Kappa') if key == 'IoU' else ():
            if extra in members[0]['means']:
                found = _compared([group['means'][extra] for group in members])
                feet.append(tag('tr', tag('th', extra, scope='row'), tag('td'), found))
        table = _table(['class', 'share of truth', *_columns(runs), None], body, feet)
        panels.append((key, join(tag('h4', key), scroll(f'{key} per class', table))))
    return switch('Score', panels)


def _groups_at_a_glance(runs: Sequence[Run], groups: Sequence[str]) -> Markup:
    body = []
    for name in groups:
        members = [run.report['groups'][name] for run in runs]
        cells = _compared([group['means']['mIoU'] for group in members])
        images = tag('td', members[0]['images'])
        body.append(tag('tr', tag('th', name, scope='row'), images, cells))
    top = ['mIoU of', 'images', *_columns(runs)]
    return scroll('mIoU per group of images', _table(top, body, None))


def _columns(runs: Sequence[Run]) -> list[Markup]:
    """Each run, and beside all but the first its difference."""
    names = [join(key_mark(i), run.name) for i, run in enumerate(runs)]
    return [names[0], *(part for name in names[1:] for part in (name, join('Δ')))]


def _compared(values: Sequence[float | None]) -> list[Markup]:
    known = [value for value in values if value is not None]
    # Equal to the second decimal is equal: bold must not claim what the table does not show.
    best = {number(max(known))} if known else set()
    cells = []
    for i, value in enumerate(values):
        leads = value is not None and number(value) in best
        cells.append(tag('td', tag('b', number(value)) if leads else number(value)))
        if i:
            both = value is not None and values[0] is not None
            difference = value - values[0] if both else None
            side = '' if not difference else ' up' if difference > 0 else ' down'
            cells.append(tag('td', number(difference, sign=True), class_=f'diff{side}'))
    return cells


def _bars(values: Sequence[float | None]) -> Markup:
    bars = [
        tag('span', class_=f'bar s{i % 6 + 1}', style=f'width:{value or 0:.1f}%')
        for i, value in enumerate(values)
    ]
    return tag('td', bars, class_='bars', aria_hidden='true')


def _table(top: Sequence[object], body: Sequence[Markup], foot: object) -> Markup:
    heads = [tag('td') if name is None else tag('th', name, scope='col') for name in top]
    return tag(
        'table',
        tag('thead', tag('tr', heads)),
        tag('tbody', list(body)),
        tag('tfoot', foot) if foot else None,
        class_='numbers',
    )


def _share(row: dict[str, Any], group: Group) -> Markup:
    total = group['pixels']
    return tag('td', number(100 * row['pixels'] / total if total else None), class_='quiet')


def _score_names(group: Group) -> list[str]:
    return [key for key in next(iter(group['per_class'].values())) if key != 'pixels']


def _mean_name(key: str) -> str:
    return f'm{key[0].upper()}{key[1:]}'
