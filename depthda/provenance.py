"""Describe what a score depends on: data, versions, commit, machine."""

import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthda.dependencies import installed_version
from depthda.io.files import read_json
from depthda.version import __version__

if TYPE_CHECKING:  # mmengine.runner imports torch, which the preparation of data does not need
    from mmengine.runner import Runner

# File in a translated dataset that records its source and its model.
TRANSLATION = 'translation.json'

_DISTRIBUTIONS = ('torch', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmsegmentation')
_DISTRIBUTIONS += ('transformers', 'numpy', 'opencv-python')


def describe_dataset(dataset: Any) -> dict[str, Any]:
    """Describe the images of a dataset, for checkpoints and ``metrics.json``."""
    keys = ('data_root', 'data_prefix', 'domains', 'splits', 'domain', 'split', 'holdout')
    values = {key: getattr(dataset, key, None) for key in keys}
    described = {key: value for key, value in values.items() if value is not None}
    # A transform may give images the style of the images in other folders.
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    if folders := [step.folder for step in steps if getattr(step, 'takes_style', False)]:
        described['styled_after'] = folders
    # A DomainPairDataset has two datasets.
    for name, part in getattr(dataset, 'sets', {}).items():
        described[name] = describe_dataset(part)
    root = described.get('data_root')
    if root is not None and (translation := read_json(Path(root or '.') / TRANSLATION)):
        described['translation'] = {
            key: translation[key] for key in ('config', 'checkpoint', 'trained_on')
        }
    # A concatenation has several datasets.
    if parts := getattr(dataset, 'datasets', None):
        described['parts'] = [describe_dataset(part) for part in parts]
    return {'type': type(dataset).__name__, **described, 'images': len(dataset)}


def narrowed(described: dict[str, Any], group: str) -> dict[str, Any]:
    """Return the description of one group of a dataset: a domain, a split, or ``SPLIT/DOMAIN``.

    A description without that group is returned unchanged. The number of images is left out,
    because it is not known for a group.
    """
    result = dict(described)
    for name in group.split('/'):
        for key in ('domains', 'splits'):
            if name in result.get(key, ()) and len(result[key]) > 1:
                result[key] = [name]
                result.pop('images', None)
        parts = [part for part in result.get('parts', ()) if part.get('domain') == name]
        if parts:
            result = dict(parts[0]) if len(parts) == 1 else result | {'parts': parts}
    return result


def samples_per_iteration(runner: 'Runner') -> int | None:
    """Return the number of samples per iteration over all processes, or None if it varies."""
    from mmengine.dist import get_world_size

    size = runner.train_dataloader.batch_size
    return size and size * get_world_size()


def versions() -> dict[str, str]:
    """Return the versions of the project, Python and the libraries that affect scores."""
    base = {'depthda': __version__, 'python': platform.python_version()}
    return base | {name: installed_version(name) or 'unknown' for name in _DISTRIBUTIONS}


def device_name() -> str:
    """Return the name of the GPU, or of the processor if there is none."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'{platform.processor() or platform.machine()} ({torch.get_num_threads()} threads)'


def git_commit() -> str | None:
    """Return the commit, with ``-dirty`` if files have changed; None outside of a checkout."""
    root = Path(__file__).parents[1]
    if not (root / '.git').exists():
        return None
    described = subprocess.run(
        ['git', '-C', root, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'],
        capture_output=True,
        text=True,
    )
    return described.stdout.strip() or None
