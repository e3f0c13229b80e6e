"""The head of the page: which runs, and what their figures rest on."""

from collections.abc import Callable, Sequence
from typing import Any

from depthda.errors import many
from depthda.experiments.page.html import DASH, Markup, join, note, number, scroll, section, tag
from depthda.experiments.page.runs import Run, describe, describe_set
from depthda.experiments.tables.training import NOT_RECORDED, differing_budgets, read_budget

KEY_FIGURES = ('mIoU', 'mF1', 'OA', 'Kappa')


def head(title: str, runs: Sequence[Run]) -> Markup:
    """Title and key figures, the runs side by side."""
    headline = runs[0].report['headline']
    tested = f'Tested on {describe(runs[0])}.'
    if headline != 'all':
        tested += f' Headline figures: {headline}.'
    return tag(
        'header',
        tag('h1', title),
        tag('p', tested, class_='lead'),
        tag('div', [_card(i, run, runs[0]) for i, run in enumerate(runs)], class_='cards'),
    )


def _card(place: int, run: Run, first: Run) -> Markup:
    report = run.report
    miou, base = report.get('mIoU'), first.report.get('mIoU')
    difference = None
    if run is not first and None not in (miou, base):
        difference = f'{number(miou - base, sign=True)} against {first.name}'
    rest = [f'{key} {number(report[key])}' for key in KEY_FIGURES[1:] if key in report]
    return tag(
        'div',
        tag('p', key_mark(place), run.name, class_='name'),
        tag('p', number(miou), tag('span', ' mIoU', class_='unit'), class_='big'),
        tag('p', ' · '.join(rest), class_='rest'),
        tag('p', difference, class_='rest') if difference else None,
        _badge(run),
        class_='card',
    )


def key_mark(place: int) -> Markup:
    """The line that stands for a run in the charts."""
    return tag('span', class_=f'key s{place % 6 + 1}', aria_hidden='true')


def _badge(run: Run) -> Markup | None:
    if not run.protocol['target_selected']:
        return None
    return tag(
        'p',
        tag('strong', 'target-selected', class_='badge'),
        ' the checkpoint was chosen by its score on labelled images of a tested domain: not '
        'comparable with figures that saw no target label.',
        class_='rest',
    )


def basis_section(runs: Sequence[Run]) -> Markup:
    """Where the figures come from: data, protocol, checkpoint, versions."""
    rows: list[tuple[str, Callable[[Run], Any]]] = [
        ('Trained on', lambda run: describe_set(run.metrics.get('trained_on'))),
        ('Tested on', describe),
        ('Training', _training),
        ('Checkpoint chosen by', _selection),
        ('Protocol', _protocol),
        ('Test-time augmentation', _augmentation),
        ('Scores', _aggregate),
        ('Seed', lambda run: run.metrics.get('seed')),
        ('Config', lambda run: tag('code', run.metrics['config'])),
        ('Checkpoint', _checkpoint),
        ('Commit', lambda run: run.metrics.get('commit')),
        ('Device', lambda run: run.metrics.get('device')),
        ('Test took', lambda run: f'{number(run.metrics.get("seconds"), 1)} s'),
        ('Tested at', lambda run: run.tested.strftime('%Y-%m-%d %H:%M')),
        ('Versions', _versions),
    ]
    corner = tag('td') if len(runs) > 1 else None
    names = [tag('th', run.name, scope='col') for run in runs]
    body = []
    for label, read in rows:
        cells = [read(run) for run in runs]
        shown = [DASH if cell is None else cell for cell in cells]
        if len(runs) > 1 and len(set(map(str, shown))) == 1:
            # Said once, what differs stands out.
            content = [tag('td', shown[0], colspan=len(runs), class_='same')]
        else:
            content = [tag('td', cell) for cell in shown]
        body.append(tag('tr', tag('th', label, scope='row'), content))
    top = tag('thead', tag('tr', corner, names)) if len(runs) > 1 else None
    table = tag('table', top, tag('tbody', body), class_='facts')
    notes = []
    if differing := differing_budgets({run.name: [read_budget(run.training)] for run in runs}):
        listed = [f' {phrase[0].upper()}{phrase[1:]}.' for phrase in differing]
        notes.append(note('The training budgets differ.', listed))
    if missing := [run.name for run in runs if not run.metrics.get('trained_on')]:
        said = f'What {", ".join(missing)} was trained on is not recorded.'
        notes.append(note(said))
    title = 'What the figures rest on'
    return section(title, 'basis', notes, scroll(title, table))


def _training(run: Run) -> str:
    budget = read_budget(run.training)
    if set(budget.values()) == {NOT_RECORDED}:
        return NOT_RECORDED
    return ', '.join(f'{name} {value}' for name, value in budget.items())


def _selection(run: Run) -> Markup:
    selection = run.metrics.get('selection') or {}
    words = selection.get('rule') or 'not recorded'
    if selection.get('on'):
        words += f', on {describe_set(selection["on"])}'
    badge = tag('strong', 'target-selected', class_='badge')
    return join(words, [' ', badge] if run.protocol['target_selected'] else None)


def _protocol(run: Run) -> str:
    protocol = run.protocol
    if not run.metrics.get('trained_on'):
        return protocol['protocol']
    seen = protocol['target_images_seen']
    words = 'images of the tested domain in training' if seen else 'tested domain not in training'
    return f'{protocol["protocol"]}; {words}'


def _aggregate(run: Run) -> str:
    if run.report['aggregate'] == 'global':
        return 'from one confusion matrix of all pixels'
    return f'means over batches of {many(run.report["batch_size"], "image")}'


def _augmentation(run: Run) -> str | None:
    averaged = run.metrics['tta']
    return averaged if averaged is None else 'flips averaged' if averaged else 'none'


def _checkpoint(run: Run) -> Markup:
    made = run.metrics['checkpoint']
    if made is None:
        given = run.metrics['predictions']
        return join('none: scored as given, ', tag('code', given['folder']))
    return join(tag('code', made['file']), ' (SHA-256 ', tag('code', made['sha256']), ')')


def _versions(run: Run) -> str:
    return ', '.join(f'{name} {version}' for name, version in run.metrics['versions'].items())
