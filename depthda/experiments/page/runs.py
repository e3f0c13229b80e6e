"""Open the runs that a page shows, and describe them."""

import itertools
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depthda.errors import UserError, many
from depthda.experiments.tested_run import TestedRun, check_same_images, find_runs, load_run


def open_runs(paths: Sequence[str | Path], names: Sequence[str] | None = None) -> list[TestedRun]:
    """Read the runs in these folders; refuse runs that were tested on different images."""
    folders = list(dict.fromkeys(folder for path in paths for folder in find_runs(Path(path))))
    if names and len(names) != len(folders):
        raise UserError(
            f'--names has {many(len(names), "name")} for {many(len(folders), "run")} '
            f'({", ".join(map(str, folders))}): pass one name for each run.'
        )
    runs = [load_run(f, n) for f, n in zip(folders, names or _short_names(folders), strict=True)]
    _check_same_test(runs)
    return runs


def _short_names(folders: Sequence[Path]) -> list[str]:
    full = [folder.absolute() for folder in folders]
    names = [folder.name for folder in full]
    if len(set(names)) == len(names):
        return names
    shared = os.path.commonpath(full)
    return [os.path.relpath(folder, shared) for folder in full]


def _check_same_test(runs: Sequence[TestedRun]) -> None:
    """Refuse runs with different test images, classes, labels or kinds of score."""
    groups: dict[tuple, list[TestedRun]] = {}
    for run in runs:
        tested = run.metrics['tested_on']
        names = [tuple(tested.get(f'{key}s') or [tested.get(key)]) for key in ('domain', 'split')]
        groups.setdefault((*names, tested['images'], tuple(run.classes)), []).append(run)
    if len(groups) > 1:
        listed = []
        for members in groups.values():
            folders = ' '.join(str(run.folder) for run in members)
            listed.append(f'{folders} on {name_dataset(members[0].metrics["tested_on"])}')
        raise UserError(
            f'these runs were not tested on the same images and classes ({"; ".join(listed)}): '
            'make one page for each group.'
        )
    for run, key in itertools.product(runs, ('headline', 'aggregate')):
        one, other = runs[0].report[key], run.report[key]
        if one != other:
            raise UserError(
                f'the {key} of the scores is {one!r} for {runs[0].folder} and {other!r} for '
                f'{run.folder}: test both with the same {key}= in SegmentationMetric.'
            )
    counted = [run for run in runs if run.tiles is not None]
    for run in counted[1:]:
        if unmatched := set(run.keys) ^ set(counted[0].keys):
            raise UserError(
                f'{counted[0].folder} and {run.folder} were tested on different images '
                f'({sorted(unmatched)[0]} is in only one of them): test both on the same images.'
            )
        check_same_images(counted[0].on('all'), run.on('all'))


def name_dataset(dataset: Mapping[str, Any] | None) -> str:
    """Describe a dataset in words, from its entry in ``metrics.json`` or in a config."""
    if not dataset:
        return 'not recorded'
    if dataset.get('source') and dataset.get('target'):
        source, target = (name_dataset(dataset[side]) for side in ('source', 'target'))
        return f'{source}; without labels: {target}'
    words = []
    for key in ('domain', 'split'):
        value = dataset.get(f'{key}s') or dataset.get(key) or []
        words.append(' + '.join([value] if isinstance(value, str) else value))
    holdout = dataset.get('holdout')
    words.append(f'{holdout["part"]} part' if holdout else '')
    name = ', '.join(filter(None, words)) or str(dataset.get('data_root') or dataset['type'])
    return f'{name} ({many(dataset["images"], "image")})' if 'images' in dataset else name


def rerun_command(run: TestedRun) -> str:
    """Return the command that writes ``tiles.npz`` and the predictions of a run."""
    metrics, saved = run.metrics, run.metrics.get('predictions')
    words = ['depthda', 'test', metrics['config']]
    words += ['--predictions', saved['folder']] if saved else [metrics['checkpoint']['file']]
    words += ['--tta'] if metrics.get('tta') else []
    words += ['--work-dir', str(run.folder)]
    words += [] if saved else ['--out', str(run.folder / 'predictions')]
    if options := metrics.get('cfg_options'):
        words += ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]
    return shlex.join(words)
