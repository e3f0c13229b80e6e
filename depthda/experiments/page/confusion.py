"""Confusion matrices as heat maps: what each class is taken for."""

from collections.abc import Sequence

import numpy as np

from depthda.experiments.page.head import key_mark
from depthda.experiments.page.html import Markup, number, scroll, section, tag
from depthda.experiments.page.runs import Run


def confusion_section(runs: Sequence[Run]) -> Markup:
    """One matrix a run, of its headline images."""
    headline = runs[0].report['headline']
    return section(
        'Confusion matrix',
        'confusion',
        tag(
            'p',
            '' if headline == 'all' else f'Images: {headline}. ',
            'Rows are truth, columns prediction; each cell is the share of its row in per cent '
            '(the diagonal is recall). Point at a cell for the pixels.',
        ),
        tag('div', [_matrix(i, run) for i, run in enumerate(runs)], class_='matrices'),
    )


def _matrix(place: int, run: Run) -> Markup:
    headline = run.report['groups'][run.report['headline']]
    counts = np.array(headline['confusion_matrix'], dtype=np.int64)
    truth = counts.sum(1)
    heads = [tag('th', tag('span', name), scope='col', class_='turned') for name in run.classes]
    body = []
    for name, row, total in zip(run.classes, counts, truth, strict=True):
        cells = [
            _cell(name, other, int(n), int(total))
            for other, n in zip(run.classes, row, strict=True)
        ]
        body.append(tag('tr', tag('th', name, scope='row'), cells))
    table = tag(
        'table',
        tag('thead', tag('tr', tag('td', 'truth ↓ prediction →', class_='corner'), heads)),
        tag('tbody', body),
        class_='heat',
    )
    caption = tag('figcaption', key_mark(place), run.name)
    return tag('figure', caption, scroll(f'Confusion matrix of {run.name}', table))


def _cell(truth: str, prediction: str, count: int, total: int) -> Markup:
    share = 100 * count / total if total else None
    what = f'{truth} taken for {prediction}' if truth != prediction else f'{truth} found'
    return tag(
        'td',
        number(share, 1),
        title=f'{what}: {count:,} of {total:,} pixels ({number(share)} %)',
        style=f'--v:{share or 0:.1f}%',
        class_='strong' if (share or 0) >= 70 else 'middle' if (share or 0) >= 55 else None,
    )
