"""Assign tiles to train, val and test so that no two splits show the same ground."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from depthda.datasets.copies import equal_files
from depthda.errors import UserError, few, many
from depthda.io.files import read_lines
from depthda.io.rasters import open_raster
from depthda.preparation.scene import Boxes, Scene, scene_name

Shares = Mapping[str, float]
TileSplits = dict[str, str | None]  # the split of each tile by its name; None: it is left out


@dataclass(frozen=True)
class Splits:
    """How tiles are divided into splits."""

    shares: Shares | None = None  # share of each split; None: use ``lists``
    lists: Mapping[str, Sequence[str]] | None = None  # images by split; unlisted ones are left out
    by: str = 'image'  # 'image' keeps the tiles of an image together; 'block' cuts the ground
    seed: int = 0  # seed of the random order of the images

    @property
    def names(self) -> list[str]:
        return list(self.shares if self.lists is None else self.lists)


def read_splits(parts: Sequence[str] | None, by: str, seed: int | None) -> Splits | None:
    """Read the splits from ``NAME=SHARE`` or ``NAME=FILE`` arguments; None without any."""
    if not parts:
        for option, given in (('--seed', seed is not None), ('--split-by block', by == 'block')):
            if given:
                raise UserError(f'{option} is about splits: add --split')
        return None
    named: dict[str, str] = {}
    shares: dict[str, float] = {}
    for part in parts:
        name, sign, value = part.partition('=')
        if not sign or not re.fullmatch(r'[\w-]+', name) or name in named:
            raise UserError(f'--split {part}: write NAME=SHARE or NAME=FILE, each name once')
        for usual in ('train', 'val', 'test'):
            # ``name`` has the same letters in another order, or lacks one of them.
            if not Counter(name) - Counter(usual) and name != usual and len(name) >= len(usual) - 1:
                raise UserError(f'--split {part}: {name} looks misspelt; write {usual}=… instead')
        named[name] = value
        with suppress(ValueError):  # if it is not a number, it is a file
            shares[name] = float(value)
    if len(shares) == len(named):
        return Splits(shares, by=by, seed=seed or 0)
    if shares:
        raise UserError(
            f'--split {" ".join(parts)} mixes shares and lists: give a share for each (train=0.7) '
            'or a file for each (train=train.txt)'
        )
    if by == 'block':
        raise UserError('--split-by block takes shares (train=0.7), not lists')
    lists = {}
    for name, value in named.items():
        if not Path(value).is_file():
            raise UserError(
                f'--split {name}={value}: {value or "nothing"} is neither a share (0.7) nor a file '
                'with one name per line'
            )
        lists[name] = [*map(scene_name, read_lines(value))]
    return Splits(lists=lists)


def split_tiles(scenes: Sequence[Scene], splits: Splits | None) -> TileSplits:
    """Return the split of each tile: '' if the dataset is not split, None if it is left out."""
    if splits and splits.lists is None and splits.by == 'block':
        regions = [*_on_map(scenes).values()]
        if len(regions) > 1 or not all(scene.map_boxes for scene in scenes):
            # The images are not all on one map, so each is a region by itself.
            regions = [scene.boxes for scene in scenes]
        found = by_block(regions, splits.shares)
    else:
        of_image = dict.fromkeys((scene.name for scene in scenes), '')
        if splits and splits.lists is None:
            of_image = by_image(of_image, splits.shares, splits.seed)
        elif splits:
            of_image = by_list([*of_image], splits.lists)
        listed = [scene for scene in scenes if scene.name in of_image]
        found = {tile: of_image[scene.name] for scene in listed for tile in scene.boxes}
    _refuse_copies(scenes, found)
    return found


def _on_map(scenes: Iterable[Scene]) -> dict[str, Boxes]:
    """Return the tiles with map coordinates, grouped by their coordinate system."""
    found: dict[str, dict] = {}
    for scene in scenes:
        if scene.map_boxes:
            found.setdefault(scene.crs, {}).update(scene.map_boxes)
    return found


def split_counts(scenes: Iterable[Scene], splits: TileSplits) -> dict[str, int]:
    """Count tiles that a cut crosses, images in no list, and pairs of tiles that share ground.

    The two tiles of such a pair are in different splits.
    """
    return dict(
        crossing=sum(split is None for split in splits.values()),
        unlisted=sum(splits.keys().isdisjoint(scene.boxes) for scene in scenes),
        shared=shared_ground(_on_map(scenes), splits),
    )


def _refuse_copies(scenes: Iterable[Scene], splits: TileSplits) -> None:
    """Refuse files with the same bytes in different splits: scores on them would be too good.

    Images of a single colour are allowed in several splits. Most of them are places without data,
    and nothing is learned from them.
    """
    boxes = {str(scene.reference): scene.boxes for scene in scenes}
    pairs: list[str] = []
    for paths in equal_files(path for path in boxes if any(map(splits.get, boxes[path]))):
        # The file and split of each place in the image, from the first copy that has the place.
        places: dict[tuple, tuple[str, str]] = {}
        apart = {}
        for path in paths:
            for tile, box in boxes[path].items():
                if split := splits[tile]:
                    first, other = places.setdefault(box, (path, split))
                    if split != other:
                        apart[path] = f'{path} in {split} = {first} in {other}'
        if apart:
            with open_raster(paths[0]) as raster:
                pixels = raster.read()
            pairs += apart.values() if (pixels != pixels[:, :1, :1]).any() else ()
    if pairs:
        raise UserError(
            f'{many(len(pairs), "copy", "copies")} of images would be in another split than the '
            f'original ({few(pairs)}): keep one file of each image, or name all copies of an image '
            'in one list (--split NAME=FILE)'
        )


def check_shares(shares: Shares) -> None:
    """Refuse shares that are not positive or do not add up to 1."""
    if min(shares.values()) <= 0 or not abs(sum(shares.values()) - 1) <= 1e-6:
        given = ' '.join(f'{name}={share:g}' for name, share in shares.items())
        raise UserError(f'the shares {given} are not positive numbers that add up to 1')


def by_image(names: Iterable[str], shares: Shares, seed: int) -> dict[str, str]:
    """Return the split of each image, drawn at random.

    The random order depends only on the seed and the names. So every machine splits a dataset
    alike, and an additional image changes little.
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
    """Return the split of each listed image."""
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


def shared_ground(maps: Mapping[str, Boxes], splits: TileSplits) -> int:
    """Count the pairs of tiles that overlap on one map but are in different splits."""
    pairs = 0
    for boxes in maps.values():
        kept = sorted((name for name in boxes if splits.get(name)), key=lambda n: boxes[n].left)
        if not kept:
            continue
        split = np.array([splits[name] for name in kept])
        left, top, right, bottom = np.array([boxes[name] for name in kept]).T
        # Neighbours share an edge, so overlaps up to rounding errors of coordinates do not count.
        slack = 1e-3 * (right - left).min()
        ends = np.searchsorted(left, right - slack)
        for n, end in enumerate(ends):
            later = np.s_[n + 1 : end]  # tiles that begin before this one ends
            overlaps = (top[later] < bottom[n] - slack) & (top[n] < bottom[later] - slack)
            pairs += int((overlaps & (split[later] != split[n])).sum())
    return pairs


def by_block(regions: Iterable[Boxes], shares: Shares) -> TileSplits:
    """Return the split of each tile by its name; each region is cut across its longer side.

    Tiles that a cut crosses get None, because they show the ground of two splits.
    """
    splits: TileSplits = {}
    for boxes in regions:
        left, top, right, bottom = np.array([*boxes.values()]).T
        across = right.max() - left.min() >= bottom.max() - top.min()
        begins, ends = (left, right) if across else (top, bottom)
        order = sorted(zip(begins, ends, boxes, strict=True))
        # A cut is where the first tile of the next split begins, so it divides no column of tiles.
        cuts: dict[str, float] = {}
        for (begin, *_), split in zip(order, _deal(len(order), shares), strict=True):
            cuts.setdefault(split, begin)
        names, (_, *bounds) = list(cuts), cuts.values()
        slack = 1e-6 * (ends - begins)
        blocks = np.searchsorted(bounds, begins + slack, side='right')
        last = np.searchsorted(bounds, ends - slack)
        for name, block, is_crossed in zip(boxes, blocks, last > blocks, strict=True):
            splits[name] = None if is_crossed else names[block]
    if empty := sorted(set(shares) - set(splits.values())):
        raise UserError(
            f'{len(splits)} tiles leave none for {" and ".join(empty)}: take smaller tiles, a '
            'stride as large as the tile, or other shares'
        )
    return splits


def _deal(count: int, shares: Shares) -> list[str]:
    """Return ``count`` names of splits in the order of ``shares``, each as often as its share."""
    ends = [round(reached * count) for reached in accumulate(shares.values())]
    sizes = np.diff([0, *ends])
    return [name for name, size in zip(shares, sizes, strict=True) for _ in range(size)]
