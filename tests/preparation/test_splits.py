"""Splits by image, by list and by block, and overlaps between splits."""

from collections import Counter

import numpy as np
import pytest

from depthda.errors import UserError
from depthda.preparation.scene import Box
from depthda.preparation.splits import Splits, by_block, by_image, by_list, count_overlaps

SHARES = {'train': 0.6, 'val': 0.15, 'test': 0.25}


def tiles(width, height, tile, stride, name='a', left=0, top=0):
    """Return the boxes of a grid whose last tiles are moved back."""
    across = [*range(0, width - tile, stride), width - tile]
    down = [*range(0, height - tile, stride), height - tile]
    return {
        f'{name}_{x}_{y}': Box(left + x, top + y, left + x + tile, top + y + tile)
        for x in across
        for y in down
    }


def test_a_random_split_has_the_shares_and_depends_only_on_names_and_seed():
    names = [f'scene {n}' for n in range(200)]
    found = by_image(names, SHARES, 3)
    assert Counter(found.values()) == {'train': 120, 'val': 30, 'test': 50}
    assert by_image(names[::-1], SHARES, 3) == found != by_image(names, SHARES, 4)
    # Another image moves at most one over each cut.
    more = by_image([*names, 'another'], SHARES, 3)
    assert sum(more[name] != found[name] for name in names) <= 2


def test_too_few_images_are_refused():
    with pytest.raises(UserError, match=r'no image to \w+ \(2 images in total\): change'):
        by_image(['a', 'b'], SHARES, 0)


def test_lists_decide_the_split():
    lists = {'train': ['b'], 'test': ['c', 'a']}
    assert by_list(['a', 'b', 'c', 'd'], lists) == {'b': 'train', 'c': 'test', 'a': 'test'}
    with pytest.raises(UserError, match='val names 1 image that the folder does not contain .e.'):
        by_list(['a', 'b'], {'val': ['e']})
    with pytest.raises(UserError, match='a is in the lists more than once'):
        by_list(['a', 'b'], {'val': ['a'], 'train': ['a', 'b']})


@pytest.mark.parametrize(('width', 'height'), [(400, 90), (90, 400)])
@pytest.mark.parametrize('stride', [20, 13])
def test_blocks_do_not_overlap_and_are_close_to_the_shares(width, height, stride):
    boxes = tiles(width, height, 20, stride)
    found = by_block([boxes], SHARES)
    assert set(found) == set(boxes)
    owner = np.full((height, width), '', object)
    for name, split in found.items():
        left, top, right, bottom = boxes[name]
        if split is not None:
            owners = owner[top:bottom, left:right]
            assert set(owners.ravel()) <= {'', split}
            owners[:] = split
    kept = Counter(split for split in found.values() if split)
    for split, share in SHARES.items():
        assert abs(kept[split] / sum(kept.values()) - share) < 0.1
    # Only overlapping tiles can be on both sides, and few are.
    crossing = sum(split is None for split in found.values())
    assert crossing <= len(boxes) / 10 and (stride < 20) == (crossing > 0)


def test_images_on_one_map_are_cut_as_one():
    # One image continues the other: the cut goes across the map, not across each image.
    map_of_both = tiles(100, 50, 10, 10, 'west') | tiles(100, 50, 10, 10, 'east', left=100)
    found = by_block([map_of_both], {'train': 0.5, 'test': 0.5})
    assert {name[:4]: split for name, split in found.items()} == {'west': 'train', 'east': 'test'}
    assert len(set(zip([n[:4] for n in found], found.values(), strict=True))) == 2
    apart = by_block([tiles(100, 50, 10, 10, name) for name in 'ab'], {'train': 0.5, 'test': 0.5})
    assert Counter((name[0], split) for name, split in apart.items()) == {
        ('a', 'train'): 25, ('a', 'test'): 25, ('b', 'train'): 25, ('b', 'test'): 25,
    }  # fmt: skip


def test_overlaps_are_counted_by_pairs():
    boxes = {
        'a': Box(0, 0, 10, 10),
        'b': Box(10, 0, 20, 10),  # next to a
        'c': Box(9, 5, 19, 15),  # overlaps a and b
        'd': Box(9, 10, 19, 20),  # overlaps c alone
        'e': Box(0, 0, 10, 10),
    }
    splits = {'a': 'train', 'b': 'train', 'c': 'test', 'd': 'train', 'e': None}
    assert count_overlaps({'one': boxes}, splits) == 3
    assert count_overlaps({'one': {'a': boxes['a']}, 'other': {'c': boxes['c']}}, splits) == 0


def test_an_image_that_is_too_small_for_a_cut_is_refused():
    with pytest.raises(UserError, match=r'no tile to \w+ \(1 tile in total\): use'):
        by_block([{'a': Box(0, 0, 9, 9)}], {'train': 0.5, 'test': 0.5})


@pytest.mark.parametrize('shares', [{'a': 0.5, 'b': 0.6}, {'a': 1.5, 'b': -0.5}, {'a': 0.9}])
def test_shares_must_add_up_to_1(shares):
    with pytest.raises(UserError, match='add up to 1'):
        Splits(shares)
