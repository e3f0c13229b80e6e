"""The synthetic datasets of a table: written once, shared by its runs."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from depthda.datasets.synthetic import PARTS, make_world, write_sample
from depthda.datasets.synthetic.writer import plan
from depthda.errors import UserError

SMOKE_SAMPLE = {'train': 12, 'test': 2, 'size': 128}
_FEW = 200
_DEFAULTS = dict(version='v1', size=256, gap=PARTS, fidelity=None, null=False)
_DEFAULTS |= dict(train=100, val=0, test=20, bands='rgb')


def sample_folder(out: Path, world: int, sample: Mapping[str, Any]) -> Path:
    """Return the folder of a dataset; its name has the main settings and a hash of all."""
    settings = _settings(sample)
    bands = settings['bands']
    if bands == 'rgb':  # keep the hashes of existing datasets
        del settings['bands']
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    name = f'world-{world}' + ('_null' if settings['null'] else '')
    name += '' if bands == 'rgb' else f'_{bands}'
    name += '' if settings['fidelity'] is None else f'_fidelity-{settings["fidelity"]:g}'
    if tuple(settings['gap']) != PARTS:
        name += '_gap-' + ('-'.join(settings['gap']) or 'none')
    return out / 'samples' / f'{name}-{digest[:6]}'


def make_samples(
    samples: Iterable[tuple[Path, int, Mapping[str, Any]]],
    jobs: int,
    progress: Callable[[int, int], None],
) -> None:
    """Write the datasets that do not exist yet; ``progress(done, total)`` counts tiles."""
    todo, total, finished = [], 0, 0
    for folder, world, sample in {str(item[0]): item for item in samples}.values():
        settings = _settings(sample)
        gap, bands = tuple(settings.pop('gap')), settings.pop('bands')
        counts = {name.capitalize(): settings.pop(name) for name in ('train', 'val', 'test')}
        chosen = make_world(domains=('urban', 'rural'), seed=world, gap=gap, **settings)
        todo.append((folder, chosen, counts, bands))
        total += len(plan(chosen, counts))
    # Starting processes takes longer than drawing a few tiles.
    jobs = jobs if total > _FEW else 1
    for folder, world, counts, bands in todo:
        write_sample(
            folder, world, counts, jobs, lambda n, at=finished: progress(at + n, total), bands
        )
        finished += len(plan(world, counts))
        progress(finished, total)


def describe_generator(samples: Iterable[Mapping[str, Any]]) -> str:
    """Return a sentence with the version of the generator and, in a checkout, its commit."""
    versions = ', '.join(sorted({_settings(sample)['version'] for sample in samples}))
    root, commit = Path(__file__).parents[3], ''
    if (root / '.git').exists():  # an installed package has none
        generator = 'depthda/datasets/synthetic'
        command = ['git', '-C', root, 'log', '-1', '--format=%h', '--', generator]
        commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return f'Synthetic world {versions}{f", generator as of commit {commit}" if commit else ""}.'


def _settings(sample: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := set(sample) - set(_DEFAULTS):
        raise UserError(
            f'a synthetic dataset has no setting {unknown.pop()!r}: choose from '
            f'{", ".join(_DEFAULTS)}.'
        )
    settings = _DEFAULTS | dict(sample)
    return settings | {'gap': list(settings['gap'])}
