"""The gallery of tiles: image, depth, labels, and the prediction and errors of each run."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from depthda.errors import UserError
from depthda.experiments.page import html, pictures
from depthda.experiments.page.html import Markup, Section, join, number, tag
from depthda.experiments.page.images import RunImages, read_prediction
from depthda.experiments.page.runs import rerun_command
from depthda.experiments.tested_run import TestedRun
from depthda.pictures.colours import of_depth
from depthda.progress import tracked

MOST_COLUMNS = 8
Panel = tuple[str, str, str]  # kind, caption, data URI


class Pick(NamedTuple):
    """The tiles under one heading."""

    title: str
    why: str  # why these tiles were chosen
    indices: list[int]  # of the tiles, in the order shown


def gallery_section(
    runs: Sequence[TestedRun], images: RunImages, count: int
) -> tuple[Section, list[str]]:
    """Return the gallery, and a sentence for each thing that it cannot show."""
    body, missing = None, []
    for run in runs:
        absent = None if (run.folder / 'predictions').is_dir() else 'saved predictions'
        if run.tiles is None:
            absent = 'tiles.npz, so its tiles have no scores'
        if absent:
            advice = f'Run this command to write the missing files: {rerun_command(run)}'
            missing.append(f'{run.name} has no {absent}. {advice}')
    if all(run.tiles is not None for run in runs):
        # Depth comes from the first run whose test set has it, and is shown for RGB runs too.
        sources = (images if run is images.run else RunImages(run) for run in runs)
        with_depth = (s for s in sources if any(i.get('depth_path') for i in s.by_key.values()))
        try:
            depth_from = next(with_depth, None)
        except UserError as error:
            missing.insert(0, f'The tiles cannot be shown: {error}')
        else:
            body = _cards(runs, images, depth_from, count)
    headline = runs[0].report['headline']
    text = '' if headline == 'all' else f'Tiles of {headline}. '
    text += (
        'The score of a tile is its mIoU over the classes in its labels or prediction. Click a '
        'picture to enlarge it, or to compare two pictures with a slider.'
    )
    notes = [html.note(sentence) for sentence in missing]
    return html.section('Tiles', 'tiles', tag('p', text) if body else None, notes, body), missing


def _cards(
    runs: Sequence[TestedRun], images: RunImages, depth_from: RunImages | None, count: int
) -> Markup:
    keys = runs[0].keys
    scores = np.array([[run.tile_scores[key] for key in keys] for run in runs])
    compared = (runs[0].name, runs[-1].name) if len(runs) > 1 else None
    picks = pick_tiles(scores, count, compared)
    chosen = list(dict.fromkeys(index for pick in picks for index in pick.indices))
    cards = {}
    for index in tracked('tiles', chosen):
        panels = _panels(runs, images, depth_from, keys[index])
        cards[index] = _card(index, keys[index], runs, scores[:, index], panels)
    return join(_legend(runs, images), [_group(pick, keys, cards) for pick in picks])


def pick_tiles(table: np.ndarray, count: int, compared: tuple[str, str] | None) -> list[Pick]:
    """Choose tiles by their scores.

    ``table`` holds the scores ``[runs, tiles]``. A tile without a labelled pixel has NaN there and
    is left out. A heading shows ``count`` tiles, but at most a third of all, so that no tile is
    among both the best and the worst. ``compared`` names the first and the last run. With it, two
    more headings show the tiles where the last run gains and loses most.
    """
    mean = table.mean(0)
    order = np.argsort(-mean, kind='stable')
    order = order[np.isfinite(mean[order])]
    by = 'mean mIoU of the runs' if compared else 'mIoU of the tile'
    shown = min(count, len(order) // 3)
    start = (len(order) - shown) // 2
    picks = [
        Pick('Best', f'highest {by}', order[:shown].tolist()),
        Pick('Median', f'in the middle by {by}', order[start : start + shown].tolist()),
        Pick('Worst', f'lowest {by}', order[::-1][:shown].tolist()),
    ]
    if len(order) < 3:
        picks = [Pick('All tiles', f'ordered by {by}', order.tolist())]
    if compared:
        first, last = compared
        gain = table[-1] - table[0]
        by_gain = [int(i) for i in np.argsort(-gain, kind='stable') if np.isfinite(gain[i])]
        gains = [i for i in by_gain[:count] if gain[i] > 0]
        losses = [i for i in by_gain[::-1][:count] if gain[i] < 0]
        picks.append(Pick('Largest gain', f'where {last} is most ahead of {first}', gains))
        picks.append(Pick('Largest loss', f'where {last} is most behind {first}', losses))
    return [pick for pick in picks if pick.indices]


def _panels(
    runs: Sequence[TestedRun], images: RunImages, depth_from: RunImages | None, key: str
) -> list[Panel]:
    info = images.by_key[key]
    labels = images.label(info)
    panels = [('image', 'image', pictures.photo(images.image(info)))]
    depth = None if depth_from is None else depth_from.depth(depth_from.by_key[key])
    if depth is not None:
        panels.append(('depth', 'depth', pictures.photo(of_depth(depth))))
    panels.append(('labels', 'labels', pictures.label_picture(labels, images.palette)))
    predictions = [read_prediction(run, key, info, labels) for run in runs]
    for run, prediction in zip(runs, predictions, strict=True):
        if prediction is not None:
            errors = pictures.error_picture(prediction, labels)
            panels.append(('labels', run.name, pictures.label_picture(prediction, images.palette)))
            panels.append(('errors', f'errors of {run.name}', errors))
    if len(runs) > 1 and all(prediction is not None for prediction in predictions):
        change = pictures.change_picture(predictions[0], predictions[-1], labels)
        panels.append(('change', f'{runs[0].name} → {runs[-1].name}', change))
    return panels


def _card(
    index: int, key: str, runs: Sequence[TestedRun], scores: np.ndarray, panels: Sequence[Panel]
) -> Markup:
    legend = [
        tag('li', html.key_mark(i), f'{run.name} ', tag('b', number(float(score))))
        for i, (run, score) in enumerate(zip(runs, scores, strict=True))
    ]
    shown = []
    for kind, caption, uri in panels:
        content = f'{caption} of tile {key}'
        picture = tag('img', src=uri, alt=content, class_=kind)
        button = tag('button', picture, type='button', aria_label=f'enlarge {content}')
        below = tag('figcaption', caption)
        shown.append(tag('figure', button, below, data_kind=kind, data_caption=caption))
    columns = math.ceil(len(shown) / math.ceil(len(shown) / MOST_COLUMNS))
    on_paper = columns if columns <= 5 else math.ceil(columns / 2)
    heading = tag('h4', tag('span', key, class_='file'), tag('ul', legend, class_='legend'))
    figures = tag('div', shown, class_='panels', style=f'--n:{columns};--p:{on_paper}')
    return tag('article', heading, figures, class_='tile', id=f'tile-{index}', data_key=key)


def _group(pick: Pick, keys: Sequence[str], cards: dict[int, Markup]) -> Markup:
    """Return the cards under a heading, and links to tiles that an earlier heading shows."""
    above = [index for index in pick.indices if index not in cards]
    links = [tag('li', tag('a', keys[index], href=f'#tile-{index}')) for index in above]
    here = [cards.pop(index) for index in pick.indices if index in cards]
    heading = tag('h3', pick.title, ' ', tag('span', pick.why, class_='quiet'))
    listed = tag('div', tag('p', 'Shown above:'), tag('ul', links), class_='above')
    return join(heading, here, listed if links else None)


def _legend(runs: Sequence[TestedRun], images: RunImages) -> Markup:
    classes = [
        tag('li', html.swatch(colour), name, data_rgb=','.join(map(str, colour)))
        for name, colour in zip(runs[0].classes, images.palette, strict=False)
    ]
    classes.append(tag('li', tag('span', class_='swatch hatch'), 'ignored, or no depth'))
    rows = [('Classes', classes)]
    rows.append(('Errors', _marks(('correct', pictures.RIGHT), ('wrong', pictures.WRONG))))
    if len(runs) > 1:
        first, last = runs[0].name, runs[-1].name
        better, worse = (f'only {name} is correct' for name in (last, first))
        only = (better, pictures.FIXED), (worse, pictures.BROKEN)
        both = ('both are wrong', pictures.BOTH), ('both are correct', pictures.RIGHT)
        rows.append((f'{first} → {last}', _marks(*only, *both)))
    heads = [(tag('span', name, class_='quiet'), items) for name, items in rows]
    parts = [tag('div', head, tag('ul', items, class_='legend')) for head, items in heads]
    return tag('div', parts, class_='legends', id='classes')


def _marks(*meanings: tuple[str, tuple[int, int, int]]) -> list[Markup]:
    return [tag('li', html.swatch(colour), meaning) for meaning, colour in meanings]
