"""What a score may be compared with: how its checkpoint was chosen, and on which images."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from depthda.provenance import narrowed

# Marks next to scores: how the training, or the choice of the checkpoint, used the target.
TARGET_SELECTED = 'target-selected'
UNLABELLED = 'unlabelled target:'
TRANSDUCTIVE = 'transductive'
MEANINGS = {
    TARGET_SELECTED: 'the checkpoint was chosen by its score on labelled images of the target '
    'domain, so the score is not comparable with those of methods that see no target labels.',
    UNLABELLED: 'the training saw target images of these splits without their labels. Compare the '
    'row only with rows of the same splits.',
    TRANSDUCTIVE: 'the scored images were among the unlabelled target images of the training.',
}


def judge(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the protocol of a result, from the records of its checkpoint and its test set.

    ``protocol`` is ``'server'`` if the test had no labels, and ``'local'`` otherwise.
    ``target_selected`` is true if the checkpoint was chosen by a score on labelled images of a
    tested domain; every table and page marks such a score. ``target_images_seen`` describes a
    training dataset with images of a tested domain, labelled or not, or is None. Datasets that a
    translation learned from, or whose style was transferred, count as training data too.
    ``transductive`` is true if the scored images were among the unlabelled training images.
    A dataset that does not name its domains is recognised by its folder. If several domains were
    tested, only the domain of the headline counts.
    """
    headline = (metrics.get('report') or {}).get('headline', '')
    tested = [narrowed(part, headline) for part in _parts(metrics['tested_on'])]
    selected_on = (metrics.get('selection') or {}).get('on')
    training = list(_learned_from(metrics.get('trained_on')))

    def is_tested(dataset: Mapping[str, Any]) -> bool:
        return any(_share_domain(dataset, part) for part in tested)

    return {
        'protocol': 'local' if metrics.get('report') else 'server',
        'target_selected': bool(selected_on) and any(map(is_tested, _parts(selected_on))),
        'selected_on': selected_on,
        'target_images_seen': next(filter(is_tested, training), None),
        'transductive': any(
            _share_domain(seen, part) and _share_splits(seen, part)
            for seen in training
            for part in tested
            if not seen.get('labelled')
        ),
    }


def marks(verdicts: Collection[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the marks next to the scores of a row; ``verdicts`` come from :func:`judge`."""
    row_marks = [TARGET_SELECTED] if any(run['target_selected'] for run in verdicts) else []
    seen = filter(None, (run.get('target_images_seen') for run in verdicts))
    unlabelled = [dataset for dataset in seen if not dataset.get('labelled')]
    splits = {' + '.join(_names(data, 'split')) or data.get('folder', 'all') for data in unlabelled}
    row_marks += [f'{UNLABELLED} {", ".join(sorted(splits))}'] if splits else []
    row_marks += [TRANSDUCTIVE] if any(run.get('transductive') for run in verdicts) else []
    return tuple(row_marks)


def _learned_from(
    trained_on: Mapping[str, Any] | None, labelled: bool = True
) -> Iterator[Mapping[str, Any]]:
    """Yield the datasets whose images a training learned from, also through a translation.

    A dataset has ``labelled=True`` if the training used its labels as well.
    """
    if not trained_on:
        return
    yield from (dict(part, labelled=True) if labelled else part for part in _parts(trained_on))
    for part in _parts(trained_on):
        yield from ({'folder': folder} for folder in part.get('styled_after', ()))
    translation = trained_on.get('translation') or {}
    yield from _learned_from(trained_on.get('source'), labelled)
    yield from _learned_from(trained_on.get('target'), labelled=False)
    yield from _learned_from(trained_on.get('translated'), labelled)
    yield from _learned_from(translation.get('trained_on'), labelled=False)


def tested_domains(metrics: Mapping[str, Any]) -> set[str]:
    """Return the domains on which the headline scores of a test were computed."""
    headline = (metrics.get('report') or {}).get('headline', '')
    return set(_names(narrowed(metrics['tested_on'], headline), 'domain'))


def source_domains(metrics: Mapping[str, Any]) -> set[str]:
    """Return the domains whose labels the model learned from."""
    trained_on = metrics.get('trained_on') or {}
    return set(_names(trained_on.get('source') or trained_on, 'domain'))


def _parts(dataset: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the datasets of a concatenation; for any other dataset, a list of it alone."""
    return dataset.get('parts') or [dataset]


def _share_domain(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two datasets hold images of a common domain.

    ``one`` may be known only by its folder.
    """
    root = other.get('data_root')
    if folder := one.get('folder'):
        same_data = bool(root) and Path(folder).is_relative_to(root)
    else:
        same_data = one.get('data_root') == root
    return same_data and _share_name(one, other, 'domain')


def _share_splits(seen: Mapping[str, Any], tested: Mapping[str, Any]) -> bool:
    """Return whether two datasets may share a split; ``'all'`` includes every split."""
    everything = 'folder' not in seen and 'all' in _names(seen, 'split') + _names(tested, 'split')
    return everything or _share_name(seen, tested, 'split')


def _share_name(one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> bool:
    """Return whether two datasets may share a domain or split; without a name, they may."""
    first, second = Path(one.get('folder', '')).parts or _names(one, key), _names(other, key)
    return not first or not second or not set(first).isdisjoint(second)


def _names(dataset: Mapping[str, Any], key: str) -> list[str]:
    """Return the names of the domains or splits of a dataset."""
    of_parts = (part.get(f'{key}s') or [part.get(key)] for part in _parts(dataset))
    return list(dict.fromkeys(name for names in of_parts for name in names if name))
