"""The synthetic sets of a table: made once, shared by its runs."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from depthda.datasets.synthetic import PARTS, make_world, write_sample
from depthda.datasets.synthetic.writer import plan
from depthda.errors import UserError

SMOKE_SAMPLE = {'train': 12, 'test': 2, 'size': 128}
_FEW = 200
_DEFAULTS = {
    'version': 'v1',
    'train': 100,
    'val': 0,
    'test': 20,
    'size': 256,
    'gap': PARTS,
    'fidelity': None,
    'null': False,
}


def sample_folder(out: Path, world: int, sample: Mapping[str, Any]) -> Path:
    """Where a set lies: a name to read, and a hash of its settings."""
    settings = _settings(sample)
    content = json.dumps(settings, sort_keys=True)
    said = ['null'] if settings['null'] else []
    said += [] if settings['fidelity'] is None else [f'fidelity-{settings["fidelity"]:g}']
    if tuple(settings['gap']) != PARTS:
        said.append('gap-' + ('-'.join(settings['gap']) or 'none'))
    name = '_'.join([f'world-{world}', *said])
    return out / 'samples' / f'{name}-{hashlib.sha256(content.encode()).hexdigest()[:6]}'


def make_samples(
    wanted: Iterable[tuple[Path, int, Mapping[str, Any]]], jobs: int, progress
) -> None:
    """Write the sets that are not there yet; ``progress(done, total)`` counts tiles."""
    todo = []
    for folder, world, sample in dict((str(item[0]), item) for item in wanted).values():
        settings = _settings(sample)
        chosen = make_world(
            settings['version'],
            ('urban', 'rural'),
            world,
            settings['size'],
            tuple(settings['gap']),
            settings['fidelity'],
            settings['null'],
        )
        counts = {name.capitalize(): settings[name] for name in ('train', 'val', 'test')}
        todo.append((folder, chosen, counts))
    total, before = sum(len(plan(world, counts)) for _, world, counts in todo), 0
    # Processes take longer to start than a few tiles to draw.
    jobs = jobs if total > _FEW else 1
    for folder, world, counts in todo:
        write_sample(
            folder, world, counts, jobs, lambda done, at=before: progress(at + done, total)
        )
        before += len(plan(world, counts))
        progress(before, total)


def describe_generator(samples: Iterable[Mapping[str, Any]]) -> str:
    """One sentence on what drew the images: it is frozen, and a table says as of when."""
    versions = ', '.join(sorted({_settings(sample)['version'] for sample in samples}))
    root, commit = Path(__file__).parents[3], ''
    if (root / '.git').exists():  # which an installed package does not have
        generator = 'depthda/datasets/synthetic'
        command = ['git', '-C', root, 'log', '-1', '--format=%h', '--', generator]
        commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return f'Synthetic world {versions}' + (
        f', generator as of commit {commit}.' if commit else '.'
    )


def _settings(sample: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := set(sample) - set(_DEFAULTS):
        raise UserError(f'a sample has no setting {unknown.pop()!r}: use {", ".join(_DEFAULTS)}.')
    settings = _DEFAULTS | dict(sample)
    return settings | {'gap': list(settings['gap'])}
