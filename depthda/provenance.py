"""Where a number comes from: data, versions, commit, machine."""

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.runner import Runner

from depthda.dependencies import installed_version
from depthda.io.files import read_json
from depthda.version import __version__

# Beside the tiles of a translated set: what they were made of, and by what.
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
    """Which images a data set holds, as far as it says: for checkpoints and ``metrics.json``."""
    known = ('data_root', 'data_prefix', 'domains', 'splits', 'domain', 'split', 'holdout')
    found = {key: getattr(dataset, key, None) for key in known}
    said = {key: value for key, value in found.items() if value is not None}
    # Of a pair of domains, both.
    for name, part in getattr(dataset, 'sets', {}).items():
        said[name] = describe_dataset(part)
    if 'data_root' in said and (made := read_json(Path(said['data_root'] or '.') / TRANSLATION)):
        said['translation'] = {key: made[key] for key in ('config', 'checkpoint', 'trained_on')}
    # Of a concatenation, each.
    if parts := getattr(dataset, 'datasets', None):
        said['parts'] = [describe_dataset(part) for part in parts]
    return {'type': type(dataset).__name__, **said, 'images': len(dataset)}


def narrowed(described: dict[str, Any], group: str) -> dict[str, Any]:
    """Return the description of one group of a data set: a domain, a split, or ``SPLIT/DOMAIN``.

    A set that does not have the group is returned as it is. How many images a group has is not
    described.
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


def samples_per_iteration(runner: Runner) -> int | None:
    """How many samples all processes of a training take in one iteration, if that is fixed."""
    size = runner.train_dataloader.batch_size
    return size and size * get_world_size()


def versions() -> dict[str, str]:
    """Versions of the project, Python and every library that a figure depends on."""
    found = {'depthda': __version__, 'python': platform.python_version()}
    return found | {name: installed_version(name) or 'unknown' for name in _DISTRIBUTIONS}


def device_name() -> str:
    """The accelerator that computes, or the processor."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'{platform.processor() or platform.machine()} ({torch.get_num_threads()} threads)'


def git_commit() -> str | None:
    """The commit of the source tree the package runs from, ``-dirty`` if changed; None outside."""
    root = Path(__file__).parents[1]
    if not (root / '.git').exists():
        return None
    described = subprocess.run(
        ['git', '-C', root, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'],
        capture_output=True,
        text=True,
    )
    return described.stdout.strip() or None
