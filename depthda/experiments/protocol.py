"""What a figure may be compared with: who chose the checkpoint, and on which images."""

from collections.abc import Mapping
from typing import Any


def judge(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The protocol of a result, from what its checkpoint and test set say of themselves.

    ``protocol`` is ``'server'`` if the test had no labels. ``target_selected`` tells whether the
    checkpoint was chosen by a score on labelled images of a tested domain; a figure chosen so is
    marked wherever it is shown. ``target_images_seen`` are the training images of a tested domain,
    labelled or not. A set that does not name its domains is told by its folder. Where several
    domains were tested, the headline's counts.
    """
    tested = dict(metrics['tested_on'])
    headline = (metrics.get('report') or {}).get('headline', '').split('/')[-1]
    if headline in _domains(tested):
        tested['domains'] = [headline]
    selected_on = (metrics.get('selection') or {}).get('on')
    trained_on = metrics.get('trained_on')
    return {
        'protocol': 'local' if metrics.get('report') else 'server',
        'target_selected': bool(selected_on) and _share(selected_on, tested),
        'selected_on': selected_on,
        'target_images_seen': trained_on if trained_on and _share(trained_on, tested) else None,
    }


def _share(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two data sets hold images of a common domain."""
    if one.get('data_root') != other.get('data_root'):
        return False
    first, second = _domains(one), _domains(other)
    return bool(first & second) if first and second else True


def _domains(described: Mapping[str, Any]) -> set[str]:
    return set(described.get('domains') or filter(None, [described.get('domain')]))
