"""The section on class distribution: how often each class occurs in training and in test."""

from collections.abc import Sequence

import numpy as np

from depthda.errors import UserError, many
from depthda.experiments.page import html
from depthda.experiments.page.html import Markup, Section, join, number, tag
from depthda.experiments.page.images import RunImages
from depthda.experiments.page.scores import Palette, class_head
from depthda.experiments.tested_run import TestedRun
from depthda.pictures.colours import IGNORED
from depthda.progress import tracked

# The columns are datasets: they use the colours of runs, but in another order.
_COLOURS = (5, 2, 3, 4, 0, 1)
Distribution = tuple[str, np.ndarray]  # name, number of labelled pixels of each class


def prior_section(runs: Sequence[TestedRun], palette: Palette) -> tuple[Section, list[str]]:
    """Return the section, and a sentence about each training dataset that could not be counted."""
    missing: list[str] = []
    training: dict[tuple, Distribution] = {}
    for run in runs:
        try:
            _count_training(run, training)
        except UserError as error:
            missing.append(f'Training labels of {run.name} could not be counted: {error}')
    columns = [*training.values(), *_test_counts(runs[0])]
    shown = [(name, 100 * counts / counts.sum()) for name, counts in columns if counts.sum()]
    text = 'Share of the labelled pixels in per cent.'
    if training and len(shown) > 1:
        distance = 0.5 * float(np.abs(shown[-1][1] - shown[0][1]).sum())
        text += (
            ' The shift is the last column minus the first, in percentage points. Overall, the two '
            f'distributions differ in {number(distance, 1)}\u00a0% of the pixels (total variation '
            'distance).'
        )
    body = [tag('p', text), _table(runs[0].classes, shown, palette)]
    notes = [html.note(sentence) for sentence in missing]
    return html.section('Class distribution', 'priors', body, notes), missing


def _table(classes: Sequence[str], columns: Sequence[Distribution], palette: Palette) -> Markup:
    shares = [share for _, share in columns]
    widest = max(share.max() for share in shares)
    shift = len(columns) > 1
    body = []
    for i, name in enumerate(classes):
        cells = [tag('td', number(share[i])) for share in shares]
        difference = number(shares[-1][i] - shares[0][i], sign=True)
        cells += [tag('td', difference, class_='diff')] if shift else []
        widths = [(_COLOURS[k % 6], 100 * share[i] / widest) for k, share in enumerate(shares)]
        body.append(tag('tr', class_head(name, i, palette), cells, html.bars(widths)))
    names = [join(html.key_mark(_COLOURS[i % 6]), name) for i, (name, _) in enumerate(columns)]
    heads = html.column_heads('class', *names, *(['shift'] if shift else []))
    heads.append(tag('td', aria_hidden='true'))
    return html.table('Class distribution', heads, body, class_='numbers priors')


def _test_counts(run: TestedRun) -> list[Distribution]:
    headline = run.report['headline']
    if run.tiles is None:
        rows = run.report['groups'][headline]['per_class'].values()
        return [(f'test: {headline}', np.array([row['pixels'] for row in rows]))]
    labels = run.tiles.counts[:, :-1].sum(2)
    domains = run.tiles.domains
    # The domain of the headline comes last, because the shift compares the last column.
    last = headline.split('/')[-1]
    names = sorted(dict.fromkeys(domains.tolist()), key=lambda domain: domain == last)
    return [(f'test: {name or "all"}', labels[domains == name].sum(0)) for name in names]


def _count_training(run: TestedRun, known: dict[tuple, Distribution]) -> None:
    """Add the pixels of each class in a run's training labels to ``known``, for each domain.

    The keys are the label files, so runs with the same training images share an entry.
    """
    images = RunImages(run, 'train_dataloader')
    infos = [info for info in images.infos if info.get('seg_map_path')]
    if not infos:
        raise UserError(f'the training dataset of {run.folder} has no labels.')
    for domain in dict.fromkeys(info.get('domain') for info in infos):
        members = [info for info in infos if info.get('domain') == domain]
        files = tuple(info['seg_map_path'] for info in members)
        if files in known:
            continue
        counts = np.zeros(len(run.classes), np.int64)
        for info in tracked(f'training labels {domain or ""}', members):
            pixels = np.bincount(images.label(info).ravel(), minlength=256)
            if len(pixels) > 256 or pixels[len(run.classes) : IGNORED].any():
                raise UserError(
                    f'{info["seg_map_path"]} has values that are no class index: correct the file.'
                )
            counts += pixels[: len(run.classes)]
        name = f'training: {domain or "all"}, {many(len(members), "image")}'
        is_used = any(name == other for other, _ in known.values())
        known[files] = (f'{name} ({run.name})' if is_used else name, counts)
