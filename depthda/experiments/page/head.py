"""The head of the page, and the sections on the origin of the scores and on selection rules."""

from collections.abc import Callable, Sequence
from typing import Any

from depthda.errors import many
from depthda.experiments.budget import NOT_RECORDED, differing_budgets, read_budget
from depthda.experiments.page import html
from depthda.experiments.page.html import DASH, TARGET_SELECTED, Markup, Section, join, number, tag
from depthda.experiments.page.runs import name_dataset
from depthda.experiments.selection import Choice, choices
from depthda.experiments.tested_run import TestedRun


def head(title: str, runs: Sequence[TestedRun]) -> Markup:
    """Return the title and the main scores of the runs, side by side."""
    main_group = runs[0].report['headline']
    tested = f'Tested on {name_dataset(runs[0].metrics["tested_on"])}.'
    if main_group != 'all':
        tested += f' The scores below are for {main_group}.'
    cards = tag('div', [_card(i, run, runs[0]) for i, run in enumerate(runs)], class_='cards')
    return tag('header', tag('h1', title), tag('p', tested, class_='lead'), cards)


def _card(index: int, run: TestedRun, first: TestedRun) -> Markup:
    report = run.report
    miou, base = report.get('mIoU'), first.report.get('mIoU')
    others = [f'{key} {number(report[key])}' for key in ('mF1', 'OA', 'Kappa') if key in report]
    lines = [tag('p', ' · '.join(others), class_='rest')]
    if run is not first and None not in (miou, base):
        difference = f'{number(miou - base, sign=True)} compared with {first.name}'
        lines.append(tag('p', difference, class_='rest'))
    if run.protocol['target_selected']:
        warning = (
            ' The checkpoint was chosen by its score on labelled images of a tested domain, so '
            'this score is not comparable with those of methods that use no target labels.'
        )
        lines.append(tag('p', TARGET_SELECTED, warning, class_='rest'))
    name = tag('p', html.key_mark(index), run.name, class_='name')
    score = tag('p', number(miou), tag('span', ' mIoU', class_='unit'), class_='big')
    return tag('div', name, score, lines, class_='card')


def basis_section(runs: Sequence[TestedRun]) -> Section:
    """Return a table of what the scores depend on: data, protocol, checkpoint, versions."""
    several, body = len(runs) > 1, []
    for label, read in _ROWS.items():
        cells = [DASH if (cell := read(run)) is None else cell for run in runs]
        content = [tag('td', cell) for cell in cells]
        if several and len(set(map(str, cells))) == 1:
            # A value that all runs share is written once, so that differences stand out.
            content = [tag('td', cells[0], colspan=len(runs), class_='same')]
        body.append(tag('tr', tag('th', label, scope='row'), content))
    heads = html.column_heads(None, *(run.name for run in runs)) if several else []
    notes = []
    if differing := differing_budgets({run.name: [read_budget(run.training)] for run in runs}):
        listed = [f' {phrase[0].upper()}{phrase[1:]}.' for phrase in differing]
        notes.append(html.note('The training budgets differ.', listed))
    if missing := [run.name for run in runs if not run.metrics.get('trained_on')]:
        notes.append(html.note(f'The training data of {", ".join(missing)} is not recorded.'))
    notes += [html.note(f'{run.name} {run.outdated}') for run in runs if run.outdated]
    title = 'Where the scores come from'
    return html.section(title, 'basis', notes, html.table(title, heads, body, class_='facts'))


def _training(run: TestedRun) -> str:
    budget = ', '.join(map(' '.join, read_budget(run.training).items()))
    return NOT_RECORDED if run.training is None else budget


def _selection(run: TestedRun) -> Markup:
    selection = run.metrics.get('selection') or {}
    words = selection.get('rule') or NOT_RECORDED
    if selection.get('on'):
        words += f', on {name_dataset(selection["on"])}'
    return join(words, [' ', TARGET_SELECTED] if run.protocol['target_selected'] else None)


def _protocol(run: TestedRun) -> str:
    protocol = run.protocol
    if not run.metrics.get('trained_on'):
        return protocol['protocol']
    used = 'images' if protocol['target_images_seen'] else 'no images'
    scored = ', including the scored images' if protocol['transductive'] else ''
    return f'{protocol["protocol"]}; training used {used} of the tested domain{scored}'


def _aggregate(run: TestedRun) -> str:
    if run.report['aggregate'] == 'global':
        return 'from one confusion matrix of all pixels'
    return f'means over batches of {many(run.report["batch_size"], "image")}'


def _checkpoint(run: TestedRun) -> Markup:
    checkpoint = run.metrics['checkpoint']
    if checkpoint is None:
        folder = run.metrics['predictions']['folder']
        return join('none, because saved predictions were scored: ', tag('code', folder))
    file, digest = (tag('code', checkpoint[key]) for key in ('file', 'sha256'))
    return join(file, ' (SHA-256 ', digest, ')')


_TTA = {None: None, False: 'none', True: 'averaged over flips'}
_ROWS: dict[str, Callable[[TestedRun], Any]] = {
    'Trained on': lambda run: name_dataset(run.metrics.get('trained_on')),
    'Tested on': lambda run: name_dataset(run.metrics['tested_on']),
    'Training': _training,
    'Checkpoint chosen by': _selection,
    'Protocol': _protocol,
    'Test-time augmentation': lambda run: _TTA[run.metrics['tta']],
    'Scores': _aggregate,
    'Seed': lambda run: run.metrics.get('seed'),
    'Config': lambda run: tag('code', run.metrics['config']),
    'Checkpoint': _checkpoint,
    'Commit': lambda run: run.metrics.get('commit'),
    'Device': lambda run: run.metrics.get('device'),
    'Test duration': lambda run: f'{number(run.metrics.get("seconds"), 1)} s',
    'Tested at': lambda run: run.tested.strftime('%Y-%m-%d %H:%M'),
    'Versions': lambda run: ', '.join(map(' '.join, run.metrics['versions'].items())),
}


_HOW = (
    ' To compare them, validate on both domains and choose on the source: set both domains in '
    'val_dataloader.dataset, and the source as the headline of val_evaluator. Or test several '
    'checkpoints with the same --work-dir.'
)


def selection_section(runs: Sequence[TestedRun]) -> Section:
    """Return a table with the scores of the checkpoints that three selection rules choose."""
    by_run = [choices(run) for run in runs]
    rows = [_row(i, runs[i], choice) for i, of_run in enumerate(by_run) for choice in of_run]
    missing = [run.name for run, of_run in zip(runs, by_run, strict=True) if not of_run]
    best = join('best on target ', TARGET_SELECTED)
    heads = html.column_heads('run', best, 'last', 'chosen on source', 'optimism')
    heads.insert(1, tag('th', 'from', scope='col', class_='words'))
    text = (
        'Each rule chooses a checkpoint. The table shows the mIoU of this checkpoint on the tested '
        'domain, and its iteration. Optimism is the best score on the target minus the score '
        'chosen on the source, or minus the last score if the source was not validated.'
    )
    lead = [tag('p', text), html.table('Selection', heads, rows)] if rows else None
    absent = f'The logs of {", ".join(missing)} do not allow a comparison of selection rules.{_HOW}'
    return html.section('Selection', 'selection', lead, html.note(absent) if missing else None)


def _row(index: int, run: TestedRun, choice: Choice) -> Markup:
    values = (choice.best_on_target, choice.last, choice.chosen_on_source)
    at = [tag('span', f' at {step:,}', class_='quiet') if step else None for step in choice.steps]
    cells = [tag('td', number(value), step) for value, step in zip(values, at, strict=True)]
    name = tag('th', html.key_mark(index), run.name, scope='row')
    optimism = tag('td', number(choice.optimism, sign=True))
    return tag('tr', name, tag('td', choice.source, class_='words'), cells, optimism)
