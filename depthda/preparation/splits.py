"""Assign tiles to train, val and test so that no split shows the ground of another."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthda.datasets.copies import equal_files
from depthda.errors import UserError, few, many
from depthda.io.files import read_lines
from depthda.io.rasters import open_raster
from depthda.preparation.scene import Boxes, Grid, Scene, scene_name

Shares = Mapping[str, float]


@dataclass(frozen=True)
class Splits:
    """How tiles are divided into splits.

    Args:
        shares: Share of each split; None: use ``lists``.
        lists: Names of the images of each split; images in no list are left out.
        by: ``'image'`` keeps the tiles of an image together; ``'block'`` cuts the ground.
        seed: Seed of the random order of the images.
    """

    shares: Shares | None = None
    lists: Mapping[str, Sequence[str]] | None = None
    by: str = 'image'
    seed: int = 0

    @property
    def names(self) -> list[str]:
        return list(self.shares if self.lists is None else self.lists)


def read_splits(parts: Sequence[str] | None, by: str, seed: int | None) -> Splits | None:
    """Read ``NAME=SHARE`` or ``NAME=FILE`` for each split."""
    if not parts:
        if by == 'block' or seed is not None:
            option = '--seed' if seed is not None else '--split-by block'
            raise UserError(f'{option} is about splits: add --split')
        return None
    named: dict[str, str] = {}
    shares: dict[str, float] = {}
    for part in parts:
        name, sign, value = part.partition('=')
        if not sign or not re.fullmatch(r'[\w-]+', name) or name in named:
            raise UserError(f'--split {part}: write NAME=SHARE or NAME=FILE, each name once')
        for usual in ('train', 'val', 'test'):
            # The same letters in another order, or one of them missing.
            if not Counter(name) - Counter(usual) and name != usual and len(name) >= len(usual) - 1:
                raise UserError(f'--split {part}: {name} looks misspelt; write {usual}=… instead')
        named[name] = value
        with suppress(ValueError):  # otherwise it is a file
            shares[name] = float(value)
    if len(shares) == len(named):
        return Splits(shares, None, by, seed or 0)
    if shares:
        raise UserError(
            f'--split {" ".join(parts)} mixes shares and lists: give a share for each (train=0.7) '
            'or a file for each (train=train.txt)'
        )
    if by == 'block':
        raise UserError('--split-by block takes shares (train=0.7), not lists')
    return Splits(None, {name: _read_list(name, value) for name, value in named.items()})


def _read_list(name: str, value: str) -> list[str]:
    if not Path(value).is_file():
        raise UserError(
            f'--split {name}={value}: {value or "nothing"} is neither a share (0.7) nor a file '
            'with one name per line'
        )
    return [scene_name(line) for line in read_lines(value)]


def split_tiles(grids: Mapping[str, Grid], splits: Splits | None) -> dict[str, str | None]:
    """Return the split of each tile that is written; '' if the dataset is not split."""
    if splits is None:
        return {tile: '' for grid in grids.values() for tile in grid.boxes}
    if splits.lists is not None:
        of_image = by_list(list(grids), splits.lists)
    elif splits.by == 'image':
        of_image = by_image(grids, splits.shares, splits.seed)
    else:
        maps = _on_map(grids)
        if len(maps) > 1 or not all(grid.map_boxes for grid in grids.values()):
            # Not all on one map: each image is a region by itself.
            maps = {name: grid.boxes for name, grid in grids.items()}
        return by_block(maps.values(), splits.shares)
    return {tile: split for name, split in of_image.items() for tile in grids[name].boxes}


def _on_map(grids: Mapping[str, Grid]) -> dict[str, Boxes]:
    """Group the tiles that have a place on a map by its coordinate system."""
    found: dict[str, dict] = {}
    for grid in grids.values():
        if grid.map_boxes:
            found.setdefault(grid.crs, {}).update(grid.map_boxes)
    return found


def split_counts(grids: Mapping[str, Grid], splits: Mapping[str, str | None]) -> dict[str, int]:
    """Count tiles on both sides of a cut, images in no list, and tiles that share ground.

    The last are pairs of tiles of different splits.
    """
    return dict(
        crossing=sum(split is None for split in splits.values()),
        unlisted=sum(splits.keys().isdisjoint(grid.boxes) for grid in grids.values()),
        shared=shared_ground(_on_map(grids), splits),
    )


def refuse_copies(
    scenes: Iterable[Scene], grids: Mapping[str, Grid], splits: Mapping[str, str | None]
) -> None:
    """Refuse files of the same bytes in different splits: scores on them would be too good.

    Images of one colour may be in several: most are places without data, and nothing is learned
    from them.
    """
    used = {
        str(scene.reference): grids[scene.name]
        for scene in scenes
        if any(splits.get(tile) for tile in grids[scene.name].boxes)
    }
    pairs: list[str] = []
    for paths in equal_files(used):
        # The file and split of each place in the image, whichever copy comes first.
        places: dict[tuple, tuple[str, str]] = {}
        apart = {}
        for path in paths:
            for tile, box in used[path].boxes.items():
                if split := splits[tile]:
                    first, other = places.setdefault(box, (path, split))
                    if split != other:
                        apart[path] = f'{path} in {split} = {first} in {other}'
        if apart and not _is_plain(paths[0]):
            pairs += apart.values()
    if pairs:
        raise UserError(
            f'{many(len(pairs), "copy", "copies")} of images would be in another split than the '
            f'original ({few(pairs)}): keep one file of each image, or name all copies of an image '
            'in one list (--split NAME=FILE)'
        )


def _is_plain(path: str) -> bool:
    with open_raster(path) as raster:
        pixels = raster.read()
    return bool((pixels == pixels[:, :1, :1]).all())


def check_shares(shares: Shares) -> None:
    """Refuse shares that do not add up to the whole."""
    if not all(0 < share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        given = ' '.join(f'{name}={share:g}' for name, share in shares.items())
        raise UserError(f'the shares {given} are not positive numbers that add up to 1')


def by_image(names: Iterable[str], shares: Shares, seed: int) -> dict[str, str]:
    """Return the split of each image, drawn at random.

    The order depends only on the seed and each name, so two machines split a dataset alike, and
    another image changes little.
    """
    drawn = sorted(names, key=lambda name: hashlib.sha256(f'{seed}/{name}'.encode()).digest())
    splits = dict(zip(drawn, _deal(len(drawn), shares), strict=True))
    if empty := sorted(set(shares) - set(splits.values())):
        raise UserError(
            f'{len(drawn)} images leave none for {" and ".join(empty)}: take other shares, or '
            '--split-by block, which also splits images'
        )
    return splits


def by_list(names: Sequence[str], lists: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the split of each image that a list names."""
    known = set(names)
    for split, members in lists.items():
        if not members:
            raise UserError(f'the list of {split} is empty: name one image per line')
        if absent := [name for name in members if name not in known]:
            raise UserError(
                f'the list of {split} names {many(len(absent), "image")} that the folder does not '
                f'hold ({few(absent)}): the images are {", ".join(names[:2])}, …'
            )
    listed = Counter(name for members in lists.values() for name in members)
    if repeated := [name for name, count in listed.items() if count > 1]:
        raise UserError(f'{repeated[0]} is in the lists more than once: an image has one split')
    return {name: split for split, members in lists.items() for name in members}


def shared_ground(maps: Mapping[str, Boxes], splits: Mapping[str, str | None]) -> int:
    """Count the pairs of tiles that overlap on one map but are in different splits."""
    pairs = 0
    for boxes in maps.values():
        kept = sorted((name for name in boxes if splits.get(name)), key=lambda n: boxes[n].left)
        if not kept:
            continue
        split = np.array([splits[name] for name in kept])
        left, top, right, bottom = np.array([boxes[name] for name in kept]).T
        # Neighbours share an edge, up to the rounding of coordinates.
        slack = 1e-3 * (right - left).min()
        ends = np.searchsorted(left, right - slack)
        for n, end in enumerate(ends):
            later = np.s_[n + 1 : end]  # tiles that begin before this one ends
            overlaps = (top[later] < bottom[n] - slack) & (top[n] < bottom[later] - slack)
            pairs += int((overlaps & (split[later] != split[n])).sum())
    return pairs


def by_block(regions: Iterable[Boxes], shares: Shares) -> dict[str, str | None]:
    """Return the split of each tile, by its name; each region is cut across its longer side.

    Tiles that lie on both sides of a cut get None, because they show the ground of both.
    """
    splits: dict[str, str | None] = {}
    for boxes in regions:
        splits |= _cut(boxes, shares)
    if empty := sorted(set(shares) - set(splits.values())):
        raise UserError(
            f'{len(splits)} tiles leave none for {" and ".join(empty)}: take smaller tiles, a '
            'stride as large as the tile, or other shares'
        )
    return splits


def _cut(boxes: Boxes, shares: Shares) -> dict[str, str | None]:
    left, top, right, bottom = zip(*boxes.values(), strict=True)
    across = max(right) - min(left) >= max(bottom) - min(top)
    low, high = (0, 2) if across else (1, 3)
    spans = {name: (box[low], box[high]) for name, box in boxes.items()}
    ordered = sorted(spans, key=lambda name: (spans[name], name))
    # A cut is where the first tile of the next split begins: whole columns of tiles stay whole.
    cuts: dict[str, float] = {}
    for name, split in zip(ordered, _deal(len(ordered), shares), strict=True):
        cuts.setdefault(split, spans[name][0])
    bounds = list(cuts.values())[1:]
    found: dict[str, str | None] = {}
    for name in ordered:
        begin, end = spans[name]
        slack = 1e-6 * (end - begin)
        block = sum(begin >= bound - slack for bound in bounds)
        crossed = any(begin + slack < bound < end - slack for bound in bounds)
        found[name] = None if crossed else list(cuts)[block]
    return found


def _deal(count: int, shares: Shares) -> list[str]:
    """Return ``count`` names of splits, in the order of the shares and as many as each is due."""
    dealt: list[str] = []
    reached = 0.0
    for name, share in shares.items():
        reached += share
        dealt += [name] * (round(reached * count) - len(dealt))
    return dealt
