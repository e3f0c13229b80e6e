"""Assign tiles to train, val and test so that no split shows the ground of another."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from depthda.errors import UserError, few, many

Shares = Mapping[str, float]


class Box(NamedTuple):
    """The place of a tile: in pixels of its image, or on the map."""

    left: float
    top: float
    right: float
    bottom: float


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


def shared_ground(maps: Mapping[str, Mapping[str, Box]], splits: Mapping[str, str | None]) -> int:
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


def by_block(regions: Iterable[Mapping[str, Box]], shares: Shares) -> dict[str, str | None]:
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


def _cut(boxes: Mapping[str, Box], shares: Shares) -> dict[str, str | None]:
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
