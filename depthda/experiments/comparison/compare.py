"""Compare two models: pair their runs, and give an interval for each source of randomness."""

import re
from collections.abc import Sequence
from itertools import groupby
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from depthda.errors import UserError, check_count, many
from depthda.evaluation.tile_counts import FILE, TileCounts, load_tiles
from depthda.experiments import tested_run
from depthda.experiments.budget import differing_budgets, read_budget
from depthda.experiments.comparison import intervals
from depthda.experiments.selection import choices
from depthda.experiments.tested_run import TestedRun, check_same_images, name_pair

Key = tuple[int | None, int | None]  # world, seed
Pair = tuple[TestedRun, TestedRun]


def compare(
    first: str | PathLike,
    second: str | PathLike,
    group: str | None = None,
    resamples: int = 10_000,
    block: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare ``second`` (B) with ``first`` (A); return a dict that can be written as JSON.

    The arguments are the options of ``depthda compare``. Each side is the folder of a run, or a
    folder that holds several runs (seeds, worlds).
    """
    check_count('--block', block)
    notes: list[str] = []
    sides = [_load_side(first, 'A', notes), _load_side(second, 'B', notes)]
    headlines = sorted({run.report['headline'] for side in sides for run in side.values()})
    if not group and len(headlines) > 1:
        raise UserError(
            f'the headlines of the runs differ ({", ".join(headlines)}): choose one with --group.'
        )
    group = group or headlines[0]
    pairs = _pair(*sides, group, notes)
    _warn(pairs, notes)
    worlds = _worlds(pairs, block)
    # The axes are first [pair, side, score] and then [side, pair, score]; scores: mIoU, classes.
    scored = np.array([[intervals.iou(run.tiles.counts.sum(0)) for run in pair] for pair in pairs])
    scored = scored.swapaxes(0, 1)
    gain, drawn = intervals.difference(worlds), intervals.bootstrap(worlds, resamples, seed)
    units = intervals.independent_units([a.world for a, _ in pairs])
    names = ['mIoU', *pairs[0][0].tiles.classes.tolist()]
    rows = [_row(scored[..., i], gain[i], drawn[:, i], units) for i in range(len(names))]
    return {
        'a': str(first),
        'b': str(second),
        'group': group,
        'mIoU': rows[0],
        'per_class': dict(zip(names[1:], rows[1:], strict=True)),
        'pairs': [_describe_pair(*both) for both in zip(pairs, scored[..., 0].T, strict=True)],
        'unit': 'world' if len(worlds) > 1 else 'seed',
        'tiles': [len(world.blocks) for world in worlds],
        'blocks': [world.block_count for world in worlds],
        'block': block,
        'resamples': resamples,
        'bootstrap_seed': seed,
        'selection': [
            {'side': name, 'folder': str(run.folder)} | choice.describe()
            for name, side in zip('AB', zip(*pairs, strict=True), strict=True)
            for run in side
            for choice in choices(run)
        ],
        'notes': notes,
    }


def _describe_pair(pair: Pair, mious: np.ndarray) -> dict[str, Any]:
    a, b = ({'folder': str(run.folder), 'mIoU': float(mious[i])} for i, run in enumerate(pair))
    return dict(world=pair[0].world, seed=pair[0].seed, a=a, b=b, difference=b['mIoU'] - a['mIoU'])


def _load_side(folder: str | PathLike, name: str, notes: list[str]) -> dict[Key, TestedRun]:
    runs: dict[Key, TestedRun] = {}
    for path in tested_run.find_runs(Path(folder)):
        if (path / 'run.json').is_file() and not (path / 'result.json').is_file():
            notes.append(f'{name}: {path} has not finished (no result.json), so it is left out.')
            continue
        run = tested_run.load_run(path)
        if run.tiles is None:
            load_tiles(path / FILE)  # raises the error that says what is missing
        key = (run.world, run.seed)
        if other := runs.get(key):
            raise UserError(
                f'{name} has two runs with {name_pair(*key)}, {other.folder} and {path}: name a '
                'folder with one run for each seed.'
            )
        runs[key] = run
    if not runs:
        raise UserError(f'{folder} contains no finished run: finish one, or name another folder.')
    return runs


def _pair(
    first: dict[Key, TestedRun], second: dict[Key, TestedRun], group: str, notes: list[str]
) -> list[Pair]:
    common = sorted(first.keys() & second.keys(), key=lambda key: [(k is None, k) for k in key])
    a, b = ('; '.join(name_pair(*key) for key in side) for side in (first, second))
    if not common and len(first) + len(second) > 2:
        raise UserError(
            f'A ({a}) and B ({b}) have no world and seed in common, but runs are paired by world '
            'and seed: compare folders with common worlds and seeds.'
        )
    keys = [(key, key) for key in common]
    if not common:  # a single run on each side may have any seed
        keys = [(*first, *second)]
        notes.append(f'A has {a}, and B has {b}. The two runs are compared as a pair.')
    for name, side in (('A', first), ('B', second)) if common else ():
        if unpaired := [name_pair(*key) for key in side if key not in common]:
            notes.append(f'only {name} has {"; ".join(unpaired)}: left out of the comparison.')
    pairs = [(first[one].on(group), second[other].on(group)) for one, other in keys]
    for one, other in pairs:
        if one.folder.resolve() == other.folder.resolve():
            raise UserError(f'A and B are both {one.folder}: name the folders of two runs.')
        check_same_images(one, other)
        check_same_images(next(a for a, _ in pairs if a.world == one.world), one)
        if one.tiles.classes.tolist() != pairs[0][0].tiles.classes.tolist():
            raise UserError(
                f'{one.folder} and {pairs[0][0].folder} have different classes: compare runs with '
                'the same classes.'
            )
    return pairs


def _warn(pairs: Sequence[Pair], notes: list[str]) -> None:
    """Note every difference between the two sides that makes a comparison less fair."""
    sides = dict(zip('AB', zip(*pairs, strict=True), strict=True))
    for name, side in sides.items():
        if any(run.protocol['target_selected'] for run in side):
            notes.append(
                f"{name}'s checkpoint was chosen on labelled images of the tested domain "
                '(target-selected), so its scores are higher than they would be without these '
                'labels.'
            )
        notes += [f'{run.folder} {run.outdated}' for run in side if run.outdated]
        if any(run.report['aggregate'] != 'global' for run in side):
            notes.append(
                f'{name} reports means over batches, but this comparison uses its global mIoU.'
            )
    for what, read in {
        'test-time augmentation': lambda metrics: metrics['tta'],
        'rule by which the checkpoint was chosen': lambda m: (m['selection'] or {}).get('rule'),
        'training images': _training_images,
    }.items():
        values = [{read(run.metrics) for run in side} for side in sides.values()]
        words = [{'unknown' if value is None else str(value) for value in side} for side in values]
        a, b = (' and '.join(sorted(side)) for side in words)
        if a != b:
            notes.append(f'the protocols differ ({what}: A {a}; B {b}).')
    budgets = {name: [read_budget(run.training) for run in side] for name, side in sides.items()}
    notes += [f'the training budgets differ ({phrase}).' for phrase in differing_budgets(budgets)]


def _training_images(metrics: dict[str, Any]) -> str:
    keys = ('domains', 'domain', 'splits', 'split', 'holdout', 'images')
    trained_on = metrics['trained_on'] or {}
    return ', '.join(f'{key} {trained_on[key]}' for key in keys if key in trained_on) or 'unknown'


def _worlds(pairs: Sequence[Pair], block: int) -> list[intervals.World]:
    worlds = []
    for name in dict.fromkeys(a.world for a, _ in pairs):
        members = [pair for pair in pairs if pair[0].world == name]
        counts = np.array([[run.tiles.counts for run in pair] for pair in members])
        world = intervals.World(*counts.swapaxes(0, 1), block_ids(members[0][0].tiles, block))
        if world.block_count < 2:
            images, blocks = many(len(world.blocks), 'image'), world.block_count
            raise UserError(
                f'the {images} of {members[0][0].folder} make {many(blocks, "labelled block")}, '
                'but the bootstrap needs at least 2: use a smaller --block.'
            )
        worlds.append(world)
    return worlds


def block_ids(tiles: TileCounts, block: int) -> np.ndarray:
    """Return the number of the block of each image.

    A block has ``block`` consecutive images of one domain and split, in the order of their names.
    9 comes before 10, because neighbouring numbers in LoveDA are neighbouring tiles of one scene.
    """
    keys = []
    for *cell, stem in tiles.identities():
        parts = re.findall(r'\d+|\D+', stem)
        keys.append((cell, [(0, int(p), '') if p.isdecimal() else (1, 0, p) for p in parts]))
    ids, last = np.empty(len(keys), int), -1
    order = sorted(range(len(keys)), key=keys.__getitem__)
    for _, members in groupby(order, key=lambda i: keys[i][0]):
        for position, i in enumerate(members):
            last += position % block == 0
            ids[i] = last
    return ids


def _row(
    scored: np.ndarray, gain: float, drawn: np.ndarray, units: Sequence[Sequence[int]]
) -> dict[str, Any] | None:
    """Return both sides' means of a score, their difference and its intervals.

    ``scored`` is the score as ``[side, pair]``. The result is None if the difference is undefined.
    """
    if not np.isfinite(gain):
        return None
    scored = np.stack([*scored, scored[1] - scored[0]])
    per_unit = np.array([intervals.mean_of_defined(scored[:, unit], 1) for unit in units])
    gains = per_unit[np.isfinite(per_unit[:, 2]), 2]
    _, low, high = intervals.t_interval(gains)
    first, second, _ = intervals.mean_of_defined(per_unit, 0).tolist()
    tile_low, tile_high = intervals.percentile_interval(drawn)
    return {
        'a': first,
        'b': second,
        'difference': float(gain),
        'over_training': {'n': len(gains), 'low': low, 'high': high},
        'over_tiles': dict(low=tile_low, high=tile_high, defined=float(np.isfinite(drawn).mean())),
    }
