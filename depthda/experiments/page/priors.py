"""How often each class occurs, in training and in test: the shift of class priors."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.progress import track

from depthda.errors import UserError, many
from depthda.experiments.page.head import key_mark
from depthda.experiments.page.html import Markup, note, number, scroll, section, tag
from depthda.experiments.page.images import RunImages
from depthda.experiments.page.pictures import IGNORED
from depthda.experiments.page.runs import Run
from depthda.experiments.page.scores import class_name

Distribution = tuple[str, np.ndarray]  # what it is of, labelled pixels of each class


def prior_section(
    runs: Sequence[Run], palette: list[list[int]] | None, console: Console
) -> tuple[Markup, list[str]]:
    """Bars of training and test set side by side; also returns what could not be counted."""
    missing: list[str] = []
    training: dict[tuple, Distribution] = {}
    for run in runs:
        try:
            _count_training(run, training, console)
        except UserError as error:
            missing.append(f'Training labels of {run.name} could not be counted: {error}')
    columns = [*training.values(), *_test_counts(runs[0])]
    shown = [(name, counts) for name, counts in columns if counts.sum()]
    said = 'Share of the labelled pixels in per cent.'
    if training and len(shown) > 1:
        said += (
            ' The shift is that of the last column against the first, in points; all in all the '
            f'two differ in {_moved(shown)}\u00a0% of the pixels (total variation distance).'
        )
    return section(
        'Class distribution',
        'priors',
        tag('p', said),
        scroll('Class distribution', _table(runs[0].classes, shown, palette)),
        [note(sentence) for sentence in missing],
    ), missing


def _table(
    classes: Sequence[str], columns: Sequence[Distribution], palette: list[list[int]] | None
) -> Markup:
    shares = [100 * counts / counts.sum() for _, counts in columns]
    widest = max(share.max() for share in shares)
    shift = len(columns) > 1
    heads = [
        tag('th', key_mark(_colour(i)), name, scope='col') for i, (name, _) in enumerate(columns)
    ]
    body = []
    for i, name in enumerate(classes):
        cells = [tag('td', number(share[i])) for share in shares]
        bars = [
            tag(
                'span',
                class_=f'bar s{_colour(k) + 1}',
                style=f'width:{100 * share[i] / widest:.1f}%',
            )
            for k, share in enumerate(shares)
        ]
        difference = number(shares[-1][i] - shares[0][i], sign=True) if shift else None
        body.append(
            tag(
                'tr',
                class_name(name, i, palette),
                cells,
                tag('td', difference, class_='diff') if shift else None,
                tag('td', bars, class_='bars', aria_hidden='true'),
            )
        )
    top = tag(
        'tr',
        tag('th', 'class', scope='col'),
        heads,
        tag('th', 'shift', scope='col') if shift else None,
        tag('td', aria_hidden='true'),
    )
    return tag('table', tag('thead', top), tag('tbody', body), class_='numbers priors')


def _colour(place: int) -> int:
    """Colours in another order than that of the runs, for these are sets."""
    return (5, 2, 3, 4, 0, 1)[place % 6]


def _moved(columns: Sequence[Distribution]) -> str:
    first, last = (counts / counts.sum() for counts in (columns[0][1], columns[-1][1]))
    return number(50 * float(np.abs(last - first).sum()), 1)


def _test_counts(run: Run) -> list[Distribution]:
    if run.tiles is None:
        group = run.report['groups'][run.report['headline']]
        counts = [row['pixels'] for row in group['per_class'].values()]
        return [(f'test: {run.report["headline"]}', np.array(counts))]
    truth = run.tiles.counts[:, :-1].sum(2)
    domains = run.tiles.domains
    # The headline's domain comes last, where the shift is taken.
    headline = run.report['headline'].split('/')[-1]
    names = sorted(dict.fromkeys(domains.tolist()), key=lambda domain: domain == headline)
    return [(f'test: {name or "all"}', truth[domains == name].sum(0)) for name in names]


def _count_training(run: Run, known: dict[tuple, Distribution], console: Console) -> None:
    """Add the label counts of a run's training images, by domain, where not known already."""
    images = RunImages(run, 'train_dataloader')
    infos = [info for info in images.infos if info.get('seg_map_path')]
    if not infos:
        raise UserError(f'the training set of {run.folder} has no labels.')
    for domain in dict.fromkeys(info.get('domain') for info in infos):
        members = [info for info in infos if info.get('domain') == domain]
        files = tuple(info['seg_map_path'] for info in members)
        if files in known:
            continue
        counts = np.zeros(len(run.classes), np.int64)
        task = f'training labels {domain or ""}'
        for info in track(members, task, console=console, transient=True):
            found = np.bincount(images.truth(info).ravel(), minlength=256)
            if len(found) > 256 or found[len(run.classes) : IGNORED].any():
                raise UserError(f'{info["seg_map_path"]} has labels that are no class: mend it.')
            counts += found[: len(run.classes)]
        name = f'training: {domain or "all"}, {many(len(members), "image")}'
        taken = any(name == other for other, _ in known.values())
        known[files] = (f'{name} ({run.name})' if taken else name, counts)
