"""Record where a figure comes from: data, versions, commit, machine."""

import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthda.dependencies import installed_version
from depthda.io.files import read_json
from depthda.version import __version__

if TYPE_CHECKING:  # it imports torch, which preparing data does without
    from mmengine.runner import Runner

# Next to the tiles of a translated dataset: what they were made from, and by which model.
TRANSLATION = 'translation.json'

_DISTRIBUTIONS = (
    'torch',
    'onedl-mmengine',
    'onedl-mmcv',
    'onedl-mmsegmentation',
    'transformers',
    'numpy',
    'opencv-python',
)


def describe_dataset(dataset: Any) -> dict[str, Any]:
    """Describe which images a dataset holds, for checkpoints and ``metrics.json``."""
    known = ('data_root', 'data_prefix', 'domains', 'splits', 'domain', 'split', 'holdout')
    values = {key: getattr(dataset, key, None) for key in known}
    described = {key: value for key, value in values.items() if value is not None}
    # The two datasets of a pair of domains.
    for name, part in getattr(dataset, 'sets', {}).items():
        described[name] = describe_dataset(part)
    root = described.get('data_root')
    if root is not None and (made := read_json(Path(root or '.') / TRANSLATION)):
        described['translation'] = {
            key: made[key] for key in ('config', 'checkpoint', 'trained_on')
        }
    # The datasets of a concatenation.
    if parts := getattr(dataset, 'datasets', None):
        described['parts'] = [describe_dataset(part) for part in parts]
    return {'type': type(dataset).__name__, **described, 'images': len(dataset)}


def narrowed(described: dict[str, Any], group: str) -> dict[str, Any]:
    """Return the description of one group of a dataset: a domain, a split, or ``SPLIT/DOMAIN``.

    A description without that group is returned unchanged. The number of images in a group is not
    known, so it is left out.
    """
    found = dict(described)
    for name in group.split('/'):
        for key in ('domains', 'splits'):
            if name in found.get(key, ()) and len(found[key]) > 1:
                found[key] = [name]
                found.pop('images', None)
        parts = [part for part in found.get('parts', ()) if part.get('domain') == name]
        if parts:
            found = dict(parts[0]) if len(parts) == 1 else found | {'parts': parts}
    return found


def samples_per_iteration(runner: 'Runner') -> int | None:
    """Return how many samples all processes take in one iteration, if that is fixed."""
    from mmengine.dist import get_world_size

    size = runner.train_dataloader.batch_size
    return size and size * get_world_size()


def versions() -> dict[str, str]:
    """Return the versions of the project, Python and every library that a figure depends on."""
    found = {'depthda': __version__, 'python': platform.python_version()}
    return found | {name: installed_version(name) or 'unknown' for name in _DISTRIBUTIONS}


def device_name() -> str:
    """Return the name of the GPU that computes, or of the processor."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'{platform.processor() or platform.machine()} ({torch.get_num_threads()} threads)'


def git_commit() -> str | None:
    """Return the commit of the checkout, with ``-dirty`` if it is changed; None outside of one."""
    root = Path(__file__).parents[1]
    if not (root / '.git').exists():
        return None
    described = subprocess.run(
        ['git', '-C', root, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'],
        capture_output=True,
        text=True,
    )
    return described.stdout.strip() or None
