"""Tested runs on disk: found, read, and checked to have seen the same images."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from depthda.errors import UserError, many
from depthda.evaluation.tile_counts import FILE, TileCounts, load_tiles

Key = tuple[int | None, int | None]  # (world, seed)


@dataclass(frozen=True)
class TestedRun:
    """A run's folder, world and seed, its ``metrics.json``, and the counts of its test images."""

    __test__ = False  # not a test, whatever pytest makes of the name

    folder: Path
    world: int | None
    seed: int | None
    metrics: dict[str, Any]
    tiles: TileCounts

    @property
    def key(self) -> Key:
        return self.world, self.seed

    def on(self, group: str) -> 'TestedRun':
        """The run with the images of one group, in one order whatever the data set's was."""
        try:
            tiles = self.tiles.group(group)
        except UserError as error:
            raise UserError(f'{self.folder}: {error}') from error
        identities = _identities(tiles)
        order = sorted(range(len(tiles)), key=identities.__getitem__)
        columns = [part[order] for part in (tiles.names, tiles.domains, tiles.splits)]
        return replace(self, tiles=TileCounts(*columns, tiles.classes, tiles.counts[order]))


def say(key: Key) -> str:
    """A world and seed in words."""
    world, seed = key
    seed = 'an unknown seed' if seed is None else f'seed {seed}'
    return ('' if world is None else f'world {world}, ') + seed


def find_runs(folder: Path) -> list[Path]:
    """The run folders (with ``metrics.json``): ``folder`` itself, or up to two levels below it."""
    if not folder.is_dir():
        raise UserError(f'there is no folder {folder}: give a run, or a folder of runs.')
    level, found = [folder], []
    for _ in range(3):
        found += [path for path in level if (path / 'metrics.json').is_file()]
        # What lies in a run belongs to that run.
        open_ends = [path for path in level if path not in found]
        level = [sub for path in open_ends for sub in sorted(path.iterdir()) if sub.is_dir()]
    if not found:
        raise UserError(f'{folder} holds no tested run (no metrics.json): test one first.')
    return found


def is_unfinished(folder: Path) -> bool:
    """Whether an experiment's run has not come to its end."""
    return (folder / 'run.json').is_file() and not (folder / 'result.json').is_file()


def load_run(folder: Path) -> TestedRun:
    """Read a run; world and seed are those of ``result.json``, where there is one."""
    metrics = _read(folder / 'metrics.json')
    if metrics.get('report') is None:
        raise UserError(
            f'{folder} was tested on images without labels (the server protocol): there is nothing '
            'to compare image by image; put the figures of the server beside each other.'
        )
    tiles = load_tiles(folder / FILE)
    head = metrics['report']['headline']
    counted = tiles.group(head).counts[:, :-1].sum(0).tolist()
    if counted != metrics['report']['groups'][head]['confusion_matrix']:
        raise UserError(f'{FILE} and metrics.json of {folder} are of two tests: test it again.')
    path = folder / 'result.json'
    named = _read(path) if path.is_file() else {'world': None, 'seed': metrics.get('seed')}
    return TestedRun(folder, named['world'], named['seed'], metrics, tiles)


def check_same_images(one: TestedRun, other: TestedRun) -> None:
    """Refuse two runs that were not tested on the same images with the same labels."""
    where = f'{one.folder} and {other.folder}'
    classes = [run.tiles.classes.tolist() for run in (one, other)]
    if classes[0] != classes[1]:
        raise UserError(f'{where} have other classes: {classes[0]} and {classes[1]}.')
    names = [_identities(run.tiles) for run in (one, other)]
    if names[0] != names[1]:
        odd = sorted(set(names[0]) ^ set(names[1])) or names[0]
        shown = ', '.join('/'.join(filter(None, name)) for name in odd[:3])
        raise UserError(
            f'{where} were not tested on the same images ({len(names[0])} and {len(names[1])}; not '
            f'in both: {shown}{", …" if len(odd) > 3 else ""}): test both on one set.'
        )
    # The truth does not depend on the model: under one name another truth is another image.
    truths = [run.tiles.counts.sum(2) for run in (one, other)]
    unlike = (truths[0] != truths[1]).any(1)
    if unlike.any():
        raise UserError(
            f'{where} were tested with other labels on {many(int(unlike.sum()), "image")} '
            f'({one.tiles.names[unlike.argmax()]}, …): test both on one set, under one protocol.'
        )


def block_ids(tiles: TileCounts, block: int) -> np.ndarray:
    """Number blocks of ``block`` images that are neighbours by name, within a domain and split.

    Names are ordered as people do, 9 before 10: LoveDA's neighbouring numbers are neighbouring
    tiles of one scene.
    """
    keys = [(cell, _natural(stem)) for *cell, stem in _identities(tiles)]
    ids, cell, place, last = np.empty(len(keys), int), None, 0, -1
    for i in sorted(range(len(keys)), key=keys.__getitem__):
        if keys[i][0] != cell:
            cell, place = keys[i][0], 0
        last += place % block == 0
        ids[i] = last
        place += 1
    return ids


def _identities(tiles: TileCounts) -> list[tuple[str, str, str]]:
    stems = [Path(name).stem for name in tiles.names]
    return list(zip(tiles.domains.tolist(), tiles.splits.tolist(), stems, strict=True))


def _natural(text: str) -> list[tuple[int, int, str]]:
    return [(0, int(p), '') if p.isdecimal() else (1, 0, p) for p in re.findall(r'\d+|\D+', text)]


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise UserError(f'{path} is not JSON ({error.msg}): test this run again.') from error
