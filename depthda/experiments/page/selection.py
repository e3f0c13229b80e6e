"""The section that shows how much the score gains if target labels choose the checkpoint."""

from collections.abc import Sequence

from depthda.experiments.page import html
from depthda.experiments.page.html import TARGET_SELECTED, Markup, Section, join, number, tag
from depthda.experiments.selection import Choice, choices
from depthda.experiments.tested_run import TestedRun

_HOW = (
    ' Validate on source and target images and let the source choose: give val_dataloader.dataset '
    'both domains and val_evaluator the source as its headline, or test several checkpoints with '
    'the same --work-dir.'
)


def selection_section(runs: Sequence[TestedRun]) -> Section:
    """Return a table with the best score on the target, the last, and the one chosen on source."""
    found = [choices(run) for run in runs]
    rows = [_row(i, runs[i], choice) for i, some in enumerate(found) for choice in some]
    missing = [run.name for run, some in zip(runs, found, strict=True) if not some]
    best = join('best on target ', TARGET_SELECTED)
    heads = html.column_heads('run', best, 'last', 'chosen on source', 'optimism')
    heads.insert(1, tag('th', 'from', scope='col', class_='words'))
    text = (
        'mIoU on the tested domain of the checkpoint that each rule chooses, and its iteration. '
        'Optimism is the best score on the target minus the score chosen on the source, or minus '
        'the last score if the source was not validated.'
    )
    lead = [tag('p', text), html.table('Selection', heads, rows)] if rows else None
    absent = f'The logs of {", ".join(missing)} do not allow a comparison of selection rules.{_HOW}'
    return html.section('Selection', 'selection', lead, html.note(absent) if missing else None)


def _row(place: int, run: TestedRun, choice: Choice) -> Markup:
    values = (choice.best_on_target, choice.last, choice.chosen_on_source)
    at = [tag('span', f' at {step:,}', class_='quiet') if step else None for step in choice.steps]
    cells = [tag('td', number(value), step) for value, step in zip(values, at, strict=True)]
    name = tag('th', html.key_mark(place), run.name, scope='row')
    optimism = tag('td', number(choice.optimism, sign=True))
    return tag('tr', name, tag('td', choice.source, class_='words'), cells, optimism)
