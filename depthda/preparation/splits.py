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
    by: str = 'image'  # 'image' keeps the tiles of an image together; 'block' cuts the area
    seed: int = 0  # seed of the random order of the images

    def __post_init__(self) -> None:
        shares = self.shares
        if shares and not (min(shares.values()) > 0 and abs(sum(shares.values()) - 1) <= 1e-6):
            text = ' '.join(f'{name}={share:g}' for name, share in shares.items())
            raise UserError(f'the shares {text} must be positive numbers that add up to 1')

    @property
    def names(self) -> list[str]:
        return list(self.shares if self.lists is None else self.lists)


def read_splits(arguments: Sequence[str] | None, by: str, seed: int | None) -> Splits | None:
    """Read the splits from ``NAME=SHARE`` or ``NAME=FILE`` arguments; None without any."""
    if not arguments:
        for option, is_set in (('--seed', seed is not None), ('--split-by block', by == 'block')):
            if is_set:
                raise UserError(f'{option} only applies to splits: add --split')
        return None
    values: dict[str, str] = {}
    shares: dict[str, float] = {}
    for argument in arguments:
        name, sign, value = argument.partition('=')
        if not sign or not re.fullmatch(r'[\w-]+', name) or name in values:
            raise UserError(
                f'--split {argument}: write NAME=SHARE or NAME=FILE, with each name only once'
            )
        for usual in ('train', 'val', 'test'):
            # ``name`` has the same letters in another order, or lacks one of them.
            if not Counter(name) - Counter(usual) and name != usual and len(name) >= len(usual) - 1:
                raise UserError(f'--split {argument}: {name} looks misspelt: write {usual}=…')
        values[name] = value
        with suppress(ValueError):  # if it is not a number, it is a file
            shares[name] = float(value)
    if len(shares) == len(values):
        return Splits(shares, by=by, seed=seed or 0)
    if shares:
        raise UserError(
            f'--split {" ".join(arguments)} mixes shares and files: use a share for each split '
            '(train=0.7), or a file for each split (train=train.txt)'
        )
    if by == 'block':
        raise UserError('--split-by block needs shares (train=0.7), not files')
    lists = {}
    for name, value in values.items():
        if not Path(value).is_file():
            raise UserError(
                f'--split {name}={value}: {value!r} is neither a share (0.7) nor a file with one '
                'image name per line'
            )
        lists[name] = [*map(scene_name, read_lines(value))]
    return Splits(lists=lists)


def split_tiles(scenes: Sequence[Scene], splits: Splits | None) -> TileSplits:
    """Return the split of each tile: '' if the dataset is not split, None if it is left out."""
    if splits and splits.lists is None and splits.by == 'block':
        regions = [*_on_map(scenes).values()]
        if len(regions) > 1 or not all(scene.map_boxes for scene in scenes):
            # The images are not all on one map, so each is a separate region.
            regions = [scene.boxes for scene in scenes]
        split_of = by_block(regions, splits.shares)
    else:
        image_split = dict.fromkeys((scene.name for scene in scenes), '')
        if splits and splits.lists is None:
            image_split = by_image(image_split, splits.shares, splits.seed)
        elif splits:
            image_split = by_list([*image_split], splits.lists)
        listed = [scene for scene in scenes if scene.name in image_split]
        split_of = {tile: image_split[scene.name] for scene in listed for tile in scene.boxes}
    _refuse_copies(scenes, split_of)
    return split_of


def _on_map(scenes: Iterable[Scene]) -> dict[str, Boxes]:
    """Return the tiles with map coordinates, grouped by their coordinate system."""
    boxes: dict[str, dict] = {}
    for scene in scenes:
        if scene.map_boxes:
            boxes.setdefault(scene.crs, {}).update(scene.map_boxes)
    return boxes


def split_counts(scenes: Iterable[Scene], splits: TileSplits) -> dict[str, int]:
    """Count tiles that a cut crosses, images in no list, and overlaps of different splits."""
    return dict(
        crossing=sum(split is None for split in splits.values()),
        unlisted=sum(splits.keys().isdisjoint(scene.boxes) for scene in scenes),
        shared=count_overlaps(_on_map(scenes), splits),
    )


def _refuse_copies(scenes: Iterable[Scene], splits: TileSplits) -> None:
    """Refuse files with the same bytes in different splits: scores on them would be too good.

    Images of a single colour are allowed in several splits. Most of them show areas without data,
    and a model learns nothing from them.
    """
    boxes = {str(scene.reference): scene.boxes for scene in scenes}
    pairs: list[str] = []
    for paths in equal_files(path for path in boxes if any(map(splits.get, boxes[path]))):
        # The file and split of each box in the image, from the first copy that has the box.
        originals: dict[tuple, tuple[str, str]] = {}
        misplaced = {}
        for path in paths:
            for tile, box in boxes[path].items():
                if split := splits[tile]:
                    original, other = originals.setdefault(box, (path, split))
                    if split != other:
                        misplaced[path] = f'{path} in {split} = {original} in {other}'
        if misplaced:
            with open_raster(paths[0]) as raster:
                pixels = raster.read()
            pairs += misplaced.values() if (pixels != pixels[:, :1, :1]).any() else ()
    if pairs:
        raise UserError(
            f'{many(len(pairs), "copy", "copies")} of images would be in a different split than '
            f'the original ({few(pairs)}): keep one file of each image, or put all copies of an '
            'image in one list (--split NAME=FILE)'
        )


def by_image(names: Iterable[str], shares: Shares, seed: int) -> dict[str, str]:
    """Return the split of each image, drawn at random.

    The random order depends only on the seed and the names. So a dataset is split in the same way
    on every machine, and an additional image changes little.
    """
    shuffled = sorted(names, key=lambda name: hashlib.sha256(f'{seed}/{name}'.encode()).digest())
    splits = dict(zip(shuffled, _names_by_share(len(shuffled), shares), strict=True))
    if empty := sorted(set(shares) - set(splits.values())):
        raise UserError(
            f'the shares give no image to {" and ".join(empty)} ({many(len(shuffled), "image")} in '
            'total): change them, or use --split-by block, which also divides images'
        )
    return splits


def by_list(names: Sequence[str], lists: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the split of each listed image."""
    known = set(names)
    for split, members in lists.items():
        if not members:
            raise UserError(f'the list of {split} is empty: write one image name per line')
        if absent := [name for name in members if name not in known]:
            raise UserError(
                f'the list of {split} names {many(len(absent), "image")} that the folder does not '
                f'contain ({few(absent)}): use names such as {", ".join(names[:2])}'
            )
    listed = Counter(name for members in lists.values() for name in members)
    if repeated := [name for name, count in listed.items() if count > 1]:
        raise UserError(f'{repeated[0]} is in the lists more than once: list each image once')
    return {name: split for split, members in lists.items() for name in members}


def count_overlaps(maps: Mapping[str, Boxes], splits: TileSplits) -> int:
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

    Tiles that a cut crosses get None, because they show the areas of two splits.
    """
    splits: TileSplits = {}
    for boxes in regions:
        left, top, right, bottom = np.array([*boxes.values()]).T
        across = right.max() - left.min() >= bottom.max() - top.min()
        begins, ends = (left, right) if across else (top, bottom)
        order = sorted(zip(begins, ends, boxes, strict=True))
        # A cut is where the first tile of the next split begins, so it divides no column of tiles.
        cuts: dict[str, float] = {}
        for (begin, *_), split in zip(order, _names_by_share(len(order), shares), strict=True):
            cuts.setdefault(split, begin)
        names, (_, *bounds) = list(cuts), cuts.values()
        slack = 1e-6 * (ends - begins)
        blocks = np.searchsorted(bounds, begins + slack, side='right')
        last = np.searchsorted(bounds, ends - slack)
        for name, block, is_crossed in zip(boxes, blocks, last > blocks, strict=True):
            splits[name] = None if is_crossed else names[block]
    if empty := sorted(set(shares) - set(splits.values())):
        raise UserError(
            f'the shares give no tile to {" and ".join(empty)} ({many(len(splits), "tile")} in '
            'total): use smaller tiles, a stride as large as the tile, or other shares'
        )
    return splits


def _names_by_share(count: int, shares: Shares) -> list[str]:
    """Return ``count`` names of splits in the order of ``shares``, each as often as its share."""
    ends = [round(reached * count) for reached in accumulate(shares.values())]
    return np.repeat([*shares], np.diff([0, *ends])).tolist()
