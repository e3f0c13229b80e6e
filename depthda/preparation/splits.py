"""Tiles shared out among train, val and test, so that none of them shows another's ground."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from depthda.errors import UserError, few, many

Shares = Mapping[str, float]


class Box(NamedTuple):
    """Where a tile lies: in pixels of its image, or on the map."""

    left: float
    top: float
    right: float
    bottom: float


def check_shares(shares: Shares) -> None:
    """Refuse shares that do not make up the whole."""
    if not all(0 < share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        told = ' '.join(f'{name}={share:g}' for name, share in shares.items())
        raise UserError(f'the shares {told} are not positive numbers that add up to 1')


def by_image(names: Iterable[str], shares: Shares, seed: int) -> dict[str, str]:
    """The split of each image.

    The order is drawn from the seed and each name, so two machines part a set alike, and an image
    more changes little.
    """
    drawn = sorted(names, key=lambda name: hashlib.sha256(f'{seed}/{name}'.encode()).digest())
    splits = dict(zip(drawn, _deal(len(drawn), shares), strict=True))
    if empty := sorted(set(shares) - set(splits.values())):
        raise UserError(
            f'{len(drawn)} images leave none for {" and ".join(empty)}: take other shares, or '
            '--split-by block, which parts images too'
        )
    return splits


def by_list(names: Sequence[str], lists: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The split of each image that a list names."""
    known = set(names)
    listed = Counter(name for members in lists.values() for name in members)
    for split, members in lists.items():
        if not members:
            raise UserError(f'the list of {split} is empty: name an image a line')
        if absent := [name for name in members if name not in known]:
            raise UserError(
                f'the list of {split} names {many(len(absent), "image")} that the folder does not '
                f'hold ({few(absent)}): the images are '
                f'{", ".join(names[:2])}, …'
            )
    if twice := [name for name, count in listed.items() if count > 1]:
        raise UserError(f'{twice[0]} is in the lists more than once: an image has one split')
    return {name: split for split, members in lists.items() for name in members}


def shared_ground(maps: Mapping[str, Mapping[str, Box]], splits: Mapping[str, str | None]) -> int:
    """Pairs of tiles in different splits that overlap, of those on one map."""
    pairs = 0
    for boxes in maps.values():
        kept = [name for name in boxes if splits.get(name)]
        if not kept:
            continue
        kept.sort(key=lambda name: boxes[name].left)
        of = np.array([splits[name] for name in kept])
        left, top, right, bottom = np.array([boxes[name] for name in kept]).T
        # Neighbours meet at an edge, give or take the rounding of coordinates.
        slack = 1e-3 * (right - left).min()
        ends = np.searchsorted(left, right - slack)
        for n, end in enumerate(ends):
            beside = np.s_[n + 1 : end]  # those that begin before this one ends
            meets = (top[beside] < bottom[n] - slack) & (top[n] < bottom[beside] - slack)
            pairs += int((meets & (of[beside] != of[n])).sum())
    return pairs


def by_block(regions: Iterable[Mapping[str, Box]], shares: Shares) -> dict[str, str | None]:
    """The split of each tile, by its name: each region is cut across its longer side.

    Tiles that lie on both sides of a cut get None: they would show ground of both.
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
    width = max(box.right for box in boxes.values()) - min(box.left for box in boxes.values())
    height = max(box.bottom for box in boxes.values()) - min(box.top for box in boxes.values())
    low, high = (0, 2) if width >= height else (1, 3)
    spans = {name: (box[low], box[high]) for name, box in boxes.items()}
    ordered = sorted(spans, key=lambda name: (spans[name], name))
    dealt = _deal(len(ordered), shares)
    # A cut is where the first tile of the next split begins: whole columns of tiles stay whole.
    cuts = {}
    for name, split in zip(ordered, dealt, strict=True):
        cuts.setdefault(split, spans[name][0])
    bounds = list(cuts.values())[1:]
    found: dict[str, str | None] = {}
    for name in ordered:
        begin, end = spans[name]
        slack = 1e-6 * (end - begin)
        at = sum(begin >= bound - slack for bound in bounds)
        crossed = any(begin + slack < bound < end - slack for bound in bounds)
        found[name] = None if crossed else list(cuts)[at]
    return found


def _deal(count: int, shares: Shares) -> list[str]:
    """``count`` places in the order of the shares, each as many as it is due."""
    dealt: list[str] = []
    reached = 0.0
    for name, share in shares.items():
        reached += share
        dealt += [name] * (round(reached * count) - len(dealt))
    return dealt
