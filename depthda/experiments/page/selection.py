"""What a choice of the checkpoint by target labels would gain: three scores of each training."""

from collections.abc import Sequence

from depthda.experiments.page.head import key_mark
from depthda.experiments.page.html import Markup, join, note, number, scroll, section, tag
from depthda.experiments.page.runs import Run
from depthda.experiments.selection import Choice, choices

_HOW = (
    ' Validate on source and target images and let the source choose: give val_dataloader.dataset '
    'both domains and val_evaluator the source as its headline, or test several checkpoints with '
    'the same --work-dir.'
)


def selection_section(runs: Sequence[Run]) -> Markup:
    """Best on target, last, and chosen on source, side by side."""
    rows, missing = [], []
    for place, run in enumerate(runs):
        found = choices(run.folder, run.metrics)
        rows += [_row(place, run, choice) for choice in found]
        if not found:
            missing.append(run.name)
    badge = tag('strong', 'target-selected', class_='badge')
    heads = ['run', 'from', join('best on target ', badge), 'last', 'chosen on source']
    heads.append('optimism')
    table = tag(
        'table',
        tag('thead', tag('tr', [_head(place, head) for place, head in enumerate(heads)])),
        tag('tbody', rows),
        class_='numbers',
    )
    words = (
        'mIoU on images of the tested domain by the checkpoint that each rule chooses, with its '
        'iteration. Optimism is the best on target minus what is chosen on source (without that, '
        'the last).'
    )
    lead = [tag('p', words), scroll('Selection', table)] if rows else None
    absent = f'No log of {", ".join(missing)} allows to compare rules of selection.{_HOW}'
    return section('Selection', 'selection', lead, note(absent) if missing else None)


def _head(place: int, content: Markup | str) -> Markup:
    return tag('th', content, scope='col', class_='words' if place == 1 else None)


def _row(place: int, run: Run, choice: Choice) -> Markup:
    values = (choice.best_on_target, choice.last, choice.chosen_on_source)
    cells = [
        tag('td', number(value), tag('span', f' at {step:,}', class_='quiet') if step else None)
        for value, step in zip(values, choice.steps, strict=True)
    ]
    name = tag('th', key_mark(place), run.name, scope='row')
    optimism = tag('td', number(choice.optimism, sign=True))
    return tag('tr', name, tag('td', choice.source, class_='words'), cells, optimism)
