"""What a figure may be compared with: who chose the checkpoint, and on which images."""

from collections.abc import Iterator, Mapping
from typing import Any

from depthda.provenance import narrowed


def judge(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The protocol of a result, from what its checkpoint and test set say of themselves.

    ``protocol`` is ``'server'`` if the test had no labels. ``target_selected`` tells whether the
    checkpoint was chosen by a score on labelled images of a tested domain; a figure chosen so is
    marked wherever it is shown. ``target_images_seen`` are the training images of a tested domain,
    labelled or not, and if training images were translated, those that the translation was learned
    from. A set that does not name its domains is told by its folder. Where several domains were
    tested, the headline's counts.
    """
    headline = (metrics.get('report') or {}).get('headline', '')
    tested = [narrowed(part, headline) for part in _parts(metrics['tested_on'])]
    selected_on = (metrics.get('selection') or {}).get('on')
    seen = [
        each
        for each in _learned_from(metrics.get('trained_on'))
        if any(_share(each, part) for part in tested)
    ]
    return {
        'protocol': 'local' if metrics.get('report') else 'server',
        'target_selected': bool(selected_on)
        and any(_share(one, part) for one in _parts(selected_on) for part in tested),
        'selected_on': selected_on,
        'target_images_seen': seen[0] if seen else None,
    }


def _learned_from(trained_on: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """A training set, those it is made of, and those that its translation was learned from."""
    if not trained_on:
        return
    yield from _parts(trained_on)
    translation = trained_on.get('translation') or {}
    for part in (trained_on.get('source'), trained_on.get('target'), translation.get('trained_on')):
        yield from _learned_from(part)


def tested_domains(metrics: Mapping[str, Any]) -> set[str]:
    """The domains that the headline figures of a test are of."""
    headline = (metrics.get('report') or {}).get('headline', '')
    return _domains(narrowed(metrics['tested_on'], headline))


def source_domains(metrics: Mapping[str, Any]) -> set[str]:
    """The domains whose labels the model learned from."""
    trained_on = metrics.get('trained_on') or {}
    return _domains(trained_on.get('source') or trained_on)


def _parts(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The data sets of a concatenation; any other set is its only part."""
    return described.get('parts') or [described]


def _share(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two data sets hold images of a common domain."""
    if one.get('data_root') != other.get('data_root'):
        return False
    first, second = _domains(one), _domains(other)
    return bool(first & second) if first and second else True


def _domains(described: Mapping[str, Any]) -> set[str]:
    found = (each.get('domains') or [each.get('domain')] for each in _parts(described))
    return {name for names in found for name in names if name}
