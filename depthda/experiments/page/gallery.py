"""Tiles to look at: image, depth, truth, and what each run made of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from depthda.errors import UserError
from depthda.experiments.page import pictures
from depthda.experiments.page.head import key_mark
from depthda.experiments.page.html import Markup, join, note, number, section, swatch, tag
from depthda.experiments.page.images import RunImages
from depthda.experiments.page.runs import Run
from depthda.experiments.page.tiles import Pick, pick_tiles

MOST_COLUMNS = 8
Panel = tuple[str, str, str]  # kind, caption, data URI


def gallery_section(
    runs: Sequence[Run], images: RunImages, count: int, console: Console
) -> tuple[Markup, list[str]]:
    """The gallery; also returns in one sentence each what it could not show."""
    missing = _missing(runs)
    headline = runs[0].report['headline']
    if any(run.tiles is None for run in runs):
        return _section(None, missing, headline), missing
    try:
        known = images.by_key
        depth_from = _with_depth(runs, images)
    except UserError as error:
        missing.insert(0, f'The tiles cannot be shown: {error}')
        return _section(None, missing, headline), missing
    keys = runs[0].keys
    table = np.array([[run.tile_scores[key] for key in keys] for run in runs])
    compared = (runs[0].name, runs[-1].name) if len(runs) > 1 else None
    picks = pick_tiles(table, count, compared)
    chosen = list(dict.fromkeys(place for pick in picks for place in pick.places))
    cards = {}
    for place in track(chosen, 'tiles', console=console, transient=True):
        key = keys[place]
        panels = _panels(runs, images, depth_from, key, known[key])
        cards[place] = _card(place, key, runs, table[:, place], panels)
    body = join(_legend(runs, images), [_group(pick, keys, cards) for pick in picks])
    return _section(body, missing, headline), missing


def _missing(runs: Sequence[Run]) -> list[str]:
    out = []
    for run in runs:
        if run.tiles is None:
            out.append(
                f'{run.name} has no tiles.npz, so its tiles have no scores: {run.test_command}'
            )
        elif not run.has_predictions:
            out.append(f'{run.name} kept no predictions: {run.test_command}')
    return out


def _section(body: Markup | None, missing: Sequence[str], headline: str) -> Markup:
    said = '' if headline == 'all' else f'Tiles of {headline}. '
    said += (
        'A tile’s score is its mIoU over the classes in its truth or prediction. Click a picture '
        'to look closer, and to wipe between two.'
    )
    notes = [note(sentence) for sentence in missing]
    return section('Tiles', 'tiles', tag('p', said) if body else None, notes, body)


def _with_depth(runs: Sequence[Run], images: RunImages) -> RunImages | None:
    """The first run whose test set has depth: an RGB run is looked at beside another's depth."""
    for run in runs:
        own = images if run is images.run else RunImages(run)
        if any(info.get('depth_path') for info in own.infos):
            return own
    return None


def _panels(
    runs: Sequence[Run],
    images: RunImages,
    depth_from: RunImages | None,
    key: str,
    info: dict[str, Any],
) -> list[Panel]:
    truth = images.truth(info)
    panels = [('image', 'image', pictures.photo(images.image(info)))]
    if depth_from is not None:
        depth = depth_from.depth(depth_from.by_key[key])
        if depth is not None:
            panels.append(('depth', 'depth', pictures.depth_picture(depth)))
    panels.append(('labels', 'truth', pictures.label_picture(truth, images.palette)))
    found = []
    for run in runs:
        prediction = images.prediction(run, info, truth)
        if prediction is None:
            continue
        run.check_prediction(key, prediction, truth)
        found.append(prediction)
        shown = pictures.label_picture(prediction, images.palette)
        panels.append(('labels', run.name, shown))
        panels.append(
            ('errors', f'errors of {run.name}', pictures.error_picture(prediction, truth))
        )
    if len(runs) > 1 and len(found) == len(runs):
        change = pictures.change_picture(found[0], found[-1], truth)
        panels.append(('change', f'{runs[0].name} → {runs[-1].name}', change))
    return panels


def _card(
    place: int, key: str, runs: Sequence[Run], scores: np.ndarray, panels: Sequence[Panel]
) -> Markup:
    figures = [
        tag('li', key_mark(i), f'{run.name} ', tag('b', number(float(score))))
        for i, (run, score) in enumerate(zip(runs, scores, strict=True))
    ]
    shown = [
        tag(
            'figure',
            tag(
                'button',
                tag('img', src=uri, alt=f'{caption} of tile {key}', class_=kind),
                type='button',
                aria_label=f'look closer at {caption} of tile {key}',
            ),
            tag('figcaption', caption),
            data_kind=kind,
            data_caption=caption,
        )
        for kind, caption, uri in panels
    ]
    rows = -(-len(shown) // MOST_COLUMNS)
    columns = -(-len(shown) // rows)
    on_paper = columns if columns <= 5 else -(-columns // 2)
    return tag(
        'article',
        tag('h4', tag('span', key, class_='file'), tag('ul', figures, class_='legend')),
        tag('div', shown, class_='panels', style=f'--n:{columns};--p:{on_paper}'),
        class_='tile',
        id=f'tile-{place}',
        data_key=key,
    )


def _group(pick: Pick, keys: Sequence[str], cards: dict[int, Markup]) -> Markup:
    """The cards of a heading; a tile that stands under an earlier one is only pointed to."""
    here, links = [], []
    for place in pick.places:
        if place in cards:
            here.append(cards.pop(place))
        else:
            links.append(tag('li', tag('a', keys[place], href=f'#tile-{place}')))
    shown = (
        tag('div', tag('p', 'Shown above:'), tag('ul', links), class_='above') if links else None
    )
    return join(
        tag('h3', pick.title, ' ', tag('span', pick.why, class_='quiet')),
        here,
        shown,
    )


def _legend(runs: Sequence[Run], images: RunImages) -> Markup:
    """What the colours of label, error and change maps mean."""
    classes = [
        tag('li', swatch(colour), name, data_rgb=','.join(map(str, colour)))
        for name, colour in zip(runs[0].classes, images.palette, strict=False)
    ]
    meanings = [(pictures.RIGHT, 'right'), (pictures.WRONG, 'wrong')]
    rows = [('Classes', classes), ('Errors', _marks(meanings))]
    if len(runs) > 1:
        first, last = runs[0].name, runs[-1].name
        changes = [
            (pictures.MENDED, f'right with {last} alone'),
            (pictures.BROKEN, f'right with {first} alone'),
            (pictures.BOTH, 'wrong with both'),
            (pictures.RIGHT, 'right with both'),
        ]
        rows.append((f'{first} → {last}', _marks(changes)))
    ignored = tag('li', tag('span', class_='swatch hatch'), 'ignored, or no depth')
    rows[0][1].append(ignored)
    parts = [
        tag('div', tag('span', name, class_='quiet'), tag('ul', items, class_='legend'))
        for name, items in rows
    ]
    return tag('div', parts, class_='legends', id='classes')


def _marks(meanings: Sequence[tuple[tuple[int, int, int], str]]) -> list[Markup]:
    return [tag('li', swatch(list(colour)), meaning) for colour, meaning in meanings]
