"""Whether two models differ: their runs paired, and an interval for each source of chance."""

from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from depthda.errors import UserError, many
from depthda.experiments.comparison.intervals import (
    World,
    bootstrap,
    difference,
    iou,
    labelled_blocks,
    mean_of_defined,
    percentile_interval,
    t_interval,
)
from depthda.experiments.protocol import judge
from depthda.experiments.selection import choices
from depthda.experiments.tables.training import differing_budgets, read_budget, training_config
from depthda.experiments.tested_run import (
    Key,
    TestedRun,
    block_ids,
    check_same_images,
    find_runs,
    is_unfinished,
    load_run,
    say,
)

Pair = tuple[TestedRun, TestedRun]


def compare(
    first: str | PathLike,
    second: str | PathLike,
    group: str | None = None,
    resamples: int = 10_000,
    block: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare ``second`` (B) with ``first`` (A); plain built-ins, fit for JSON.

    Args:
        first, second: A run's folder, or one that holds several runs (seeds, worlds).
        group: The images to compare on, as ``metrics.json`` names them; default: its headline.
        resamples: Of the bootstrap.
        block: Neighbouring images that are drawn together.
        seed: Of the bootstrap.
    """
    if resamples < 1 or block < 1:
        raise UserError(f'{resamples} resamples of blocks of {block}: both must be at least 1.')
    notes: list[str] = []
    sides = [
        _load_side(Path(folder), name, notes) for folder, name in ((first, 'A'), (second, 'B'))
    ]
    group = group or _headline([run for side in sides for run in side.values()])
    pairs = _pair(*sides, group, notes)
    _warn(pairs, notes)
    worlds = _worlds(pairs, block)
    # [side, pair, mIoU and classes]
    scored = np.array([[iou(run.tiles.counts.sum(0)) for run in pair] for pair in pairs])
    scored = scored.swapaxes(0, 1)
    gain, drawn, units = difference(worlds), bootstrap(worlds, resamples, seed), _units(pairs)
    names = ['mIoU', *pairs[0][0].tiles.classes.tolist()]
    rows = [_row(scored[..., i], gain[i], drawn[:, i], units) for i in range(len(names))]
    return {
        'a': str(first),
        'b': str(second),
        'group': group,
        'mIoU': rows[0],
        'per_class': dict(zip(names[1:], rows[1:], strict=True)),
        'pairs': [
            {
                'world': a.world,
                'seed': a.seed,
                'a': {'folder': str(a.folder), 'mIoU': one},
                'b': {'folder': str(b.folder), 'mIoU': other},
                'difference': other - one,
            }
            for (a, b), one, other in zip(pairs, *scored[..., 0].tolist(), strict=True)
        ],
        'unit': 'world' if len(worlds) > 1 else 'seed',
        'tiles': [len(world.blocks) for world in worlds],
        'blocks': [labelled_blocks(world.first, world.blocks).shape[1] for world in worlds],
        'block': block,
        'resamples': resamples,
        'bootstrap_seed': seed,
        'selection': [
            {'side': name, 'folder': str(run.folder), **asdict(choice), 'optimism': choice.optimism}
            for name, side in zip('AB', zip(*pairs, strict=True), strict=True)
            for run in side
            for choice in choices(run.folder, run.metrics)
        ],
        'notes': notes,
    }


def _load_side(folder: Path, name: str, notes: list[str]) -> dict[Key, TestedRun]:
    runs: dict[Key, TestedRun] = {}
    for path in find_runs(folder):
        if is_unfinished(path):
            notes.append(f'{name}: {path} is not finished (no result.json) and is left out.')
            continue
        run = load_run(path)
        if other := runs.get(run.key):
            raise UserError(
                f'{name} has two runs of {say(run.key)}, {other.folder} and {path}: give a folder '
                'with one run of each seed.'
            )
        runs[run.key] = run
    if not runs:
        raise UserError(f'{folder} holds no finished run.')
    return runs


def _headline(runs: Sequence[TestedRun]) -> str:
    names = sorted({run.metrics['report']['headline'] for run in runs})
    if len(names) > 1:
        raise UserError(f'the headlines of the runs differ ({", ".join(names)}): give --group.')
    return names[0]


def _pair(
    first: dict[Key, TestedRun], second: dict[Key, TestedRun], group: str, notes: list[str]
) -> list[Pair]:
    common = sorted(first.keys() & second.keys(), key=lambda key: [(k is None, k) for k in key])
    if not common:
        raise UserError(
            f'no run of A ({"; ".join(map(say, first))}) has the world and seed of a run of B '
            f'({"; ".join(map(say, second))}), and pairs are made by these.'
        )
    for name, side in (('A', first), ('B', second)):
        if alone := [say(key) for key in side if key not in common]:
            notes.append(f'{name} alone has {"; ".join(alone)}: left out, for want of a pair.')
    pairs = [(first[key].on(group), second[key].on(group)) for key in common]
    for one, other in pairs:
        if one.folder.resolve() == other.folder.resolve():
            raise UserError(f'A and B are both {one.folder}: give the folders of two runs.')
        check_same_images(one, other)
        check_same_images(next(a for a, _ in pairs if a.world == one.world), one)
        if one.tiles.classes.tolist() != pairs[0][0].tiles.classes.tolist():
            raise UserError(f'{one.folder} and {pairs[0][0].folder} have other classes.')
    return pairs


def _warn(pairs: Sequence[Pair], notes: list[str]) -> None:
    """Say what makes the two sides less alike than a comparison wants them to be."""
    sides = [[run.metrics for run in side] for side in zip(*pairs, strict=True)]
    for name, side in zip('AB', sides, strict=True):
        if any(judge(metrics)['target_selected'] for metrics in side):
            notes.append(
                f"{name}'s checkpoint was chosen on labelled images of the tested domain "
                '(target-selected): its figures are better than it could do without these labels.'
            )
        if any(metrics['report']['aggregate'] != 'global' for metrics in side):
            notes.append(f'{name} reports means over batches; here its global mIoU is compared.')
    for what, describe in {
        'test-time augmentation': lambda metrics: metrics['tta'],
        'rule by which the checkpoint was chosen': lambda m: (m['selection'] or {}).get('rule'),
        'training images': _training_images,
    }.items():
        said = [sorted({_word(describe(metrics)) for metrics in side}) for side in sides]
        if said[0] != said[1]:
            a, b = (' and '.join(each) for each in said)
            notes.append(f'the protocols differ, {what}: A {a}; B {b}.')
    budgets = {
        name: [read_budget(training_config(run.folder, run.metrics)) for run in side]
        for name, side in zip('AB', zip(*pairs, strict=True), strict=True)
    }
    notes += [f'the training budgets differ, {phrase}.' for phrase in differing_budgets(budgets)]


def _word(recorded: Any) -> str:
    return 'unknown' if recorded is None else str(recorded)


def _training_images(metrics: dict[str, Any]) -> str:
    known = ('domains', 'domain', 'splits', 'split', 'holdout', 'images')
    trained_on = metrics['trained_on'] or {}
    return ', '.join(f'{key} {trained_on[key]}' for key in known if key in trained_on) or 'unknown'


def _worlds(pairs: Sequence[Pair], block: int) -> list[World]:
    worlds = []
    for name in dict.fromkeys(a.world for a, _ in pairs):
        own = [pair for pair in pairs if pair[0].world == name]
        stacked = [np.stack([run.tiles.counts for run in side]) for side in zip(*own, strict=True)]
        world = World(*stacked, block_ids(own[0][0].tiles, block))
        if (blocks := labelled_blocks(world.first, world.blocks).shape[1]) < 2:
            raise UserError(
                f'the {many(len(world.blocks), "image")} of {own[0][0].folder} make '
                f'{many(blocks, "labelled block")}, and 2 at least are needed to draw from: '
                'give a smaller --block.'
            )
        worlds.append(world)
    return worlds


def _units(pairs: Sequence[Pair]) -> list[list[int]]:
    """What varies independently: the worlds, or the seeds where there is one world."""
    worlds = [a.world for a, _ in pairs]
    if len(set(worlds)) == 1:
        return [[i] for i in range(len(pairs))]
    return [[i for i, w in enumerate(worlds) if w == name] for name in dict.fromkeys(worlds)]


def _row(
    scored: np.ndarray, gain: float, drawn: np.ndarray, units: Sequence[Sequence[int]]
) -> dict[str, Any] | None:
    """One figure, ``scored`` by side and pair: difference, intervals; None if never defined."""
    if not np.isfinite(gain):
        return None
    per_unit = np.array(
        [mean_of_defined(np.stack([*scored, scored[1] - scored[0]])[:, unit], 1) for unit in units]
    )
    gains = per_unit[np.isfinite(per_unit[:, 2]), 2]
    _, low, high = t_interval(gains)
    first, second, _ = mean_of_defined(per_unit, 0).tolist()
    tile_low, tile_high = percentile_interval(drawn)
    return {
        'a': first,
        'b': second,
        'difference': float(gain),
        'over_training': {'n': len(gains), 'low': low, 'high': high},
        'over_tiles': {
            'low': tile_low,
            'high': tile_high,
            'defined': float(np.isfinite(drawn).mean()),
        },
    }
