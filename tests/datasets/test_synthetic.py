import math

import cv2
import numpy as np
import pytest

from depthda.datasets.synthetic import PARTS, generate_tile, make_world
from depthda.datasets.synthetic.geometry import Sun, cast_shadow
from depthda.errors import UserError

BUILDING, ROAD, FOREST, AGRICULTURE = 2, 3, 6, 7
SIZE = 96


def _tiles(domain, count, **settings):
    world = make_world(size=SIZE, **settings)
    return [generate_tile(world, domain, 'Train', index) for index in range(count)]


def _local(values):
    """Return the difference of each value to its surroundings."""
    values = values.astype(np.float32)
    return values - cv2.blur(values, (41, 41))


def _equal_fields(a, b):
    return [name for name in vars(a) if np.array_equal(getattr(a, name), getattr(b, name))]


def test_a_tile_is_a_function_of_its_key():
    world = make_world(size=SIZE)
    first = generate_tile(world, 'urban', 'Train', 5)
    generate_tile(world, 'rural', 'Test', 1)  # drawing another tile must not matter
    assert _equal_fields(first, generate_tile(world, 'urban', 'Train', 5)) == [*vars(first)]
    for other in (
        generate_tile(world, 'urban', 'Train', 6),
        generate_tile(world, 'urban', 'Val', 5),
        generate_tile(world, 'rural', 'Train', 5),
        generate_tile(make_world(size=SIZE, seed=1), 'urban', 'Train', 5),
    ):
        assert _equal_fields(first, other) == []


@pytest.mark.parametrize('size', [64, 101, 256])
def test_shapes_types_and_ranges(size):
    tile = generate_tile(make_world(size=size), 'rural', 'Val', 0)
    assert tile.image.shape == (size, size, 3)
    assert tile.mask.shape == tile.height.shape == tile.depth.shape == (size, size)
    dtypes = dict(image=np.uint8, mask=np.uint8, height=np.float32, depth=np.uint16)
    assert {name: array.dtype for name, array in vars(tile).items()} == dtypes
    assert tile.depth.min() >= 1 and tile.depth.max() > 55_000
    assert np.isfinite(tile.height).all() and tile.image.std() > 5


def _explained(tiles, field):
    """Return the share of the variance of local values that the classes explain (eta squared)."""
    values = np.concatenate([_local(getattr(tile, field)).ravel() for tile in tiles])
    labels = np.concatenate([tile.mask.ravel() for tile in tiles])
    values, labels = values[labels > 0], labels[labels > 0]
    values -= values.mean()
    groups = [values[labels == code] for code in range(1, 8)]
    return sum(len(group) * group.mean() ** 2 for group in groups) / (values**2).sum()


@pytest.mark.parametrize('domain', ['urban', 'rural'])
def test_the_null_world_only_makes_height_independent_of_class(domain):
    normal, null = _tiles(domain, 60), _tiles(domain, 60, null=True)
    for a, b in zip(normal, null, strict=True):
        assert _equal_fields(a, b) == ['image', 'mask']
    for field in ('height', 'depth'):
        assert _explained(normal, field) > 0.2
        assert _explained(null, field) < 0.02
        # Height and depth vary about as much as in the normal world.
        spread = [np.mean([_local(getattr(t, field)).std() for t in s]) for s in (normal, null)]
        assert spread[1] == pytest.approx(spread[0], rel=0.25)


def test_fidelity_goes_from_noise_to_true_height_and_changes_only_depth():
    for a, b in zip(_tiles('rural', 3), _tiles('rural', 3, fidelity=0.2), strict=True):
        assert _equal_fields(a, b) == ['image', 'mask', 'height']
    correlation = []
    for fidelity in (0.0, 0.3, 0.6, 0.8, 1.0):
        tiles = _tiles('urban', 12, fidelity=fidelity)
        pairs = [(_local(tile.height).ravel(), _local(tile.depth).ravel()) for tile in tiles]
        correlation.append(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))
    assert abs(correlation[0]) < 0.08
    assert (np.diff(correlation) > 0.02).all()
    assert correlation[-1] > 0.9999


# Fields of a tile that do not change when one part of the gap is closed.
UNCHANGED = dict(appearance=['mask', 'height'], geometry=['mask'], layout=[], resolution=[])


@pytest.mark.parametrize(('part', 'unchanged'), UNCHANGED.items())
def test_closing_one_part_of_the_gap_leaves_the_others_open(part, unchanged):
    open_parts = tuple(name for name in PARTS if name != part)
    closed = _tiles('rural', 2, gap=open_parts)
    for a, b in zip(_tiles('rural', 2), closed, strict=True):
        assert _equal_fields(a, b) == unchanged
    world = make_world(gap=open_parts)
    urban, rural = world.domain('urban'), world.domain('rural')
    equal = {name for name in PARTS if getattr(urban, name) == getattr(rural, name)}
    assert equal == {part, 'depth'}  # by default, there is no gap in depth


def test_without_any_gap_the_domains_are_alike_but_not_equal():
    world = make_world(size=SIZE, gap=())
    assert world.domain('urban') == world.domain('rural')
    assert _equal_fields(*(generate_tile(world, d, 'Train', 0) for d in ('urban', 'rural'))) == []


def test_shadow_agrees_with_a_ray_per_pixel():
    rng = np.random.default_rng(0)
    height = np.zeros((40, 40), np.float32)
    height[15:20, 22:28] = 9
    height[30:33, 8:12] = 4
    height += rng.random((40, 40), dtype=np.float32) * 0.05
    sun, gsd = Sun(azimuth_deg=140, elevation_deg=40), 0.5
    east, south = math.sin(math.radians(140)), -math.cos(math.radians(140))
    expected = np.zeros((40, 40))
    for y in range(40):
        for x in range(40):
            for step in range(1, 60):
                row, column = y + round(step * south), x + round(step * east)
                if 0 <= row < 40 and 0 <= column < 40:
                    ray = height[y, x] + step * gsd * math.tan(math.radians(40))
                    expected[y, x] = max(expected[y, x], min(height[row, column] - ray, 1))
    shadow = cast_shadow(height, gsd, sun)
    np.testing.assert_allclose(shadow, cv2.GaussianBlur(expected, (0, 0), 0.7), atol=1e-4)
    # With the sun in the south-east, only the ground north-west of the block is in shadow.
    assert shadow[12, 18] > 0.9 and shadow[22, 30] == 0 and expected.mean() > 0.03


@pytest.mark.parametrize(
    ('settings', 'split', 'message'),
    [
        ({'version': 'v0'}, '', "no synthetic world 'v0': choose from v1"),
        ({'domains': ('urban', 'polar')}, '', "no domain 'polar': choose from urban, rural"),
        (
            {'domains': ('urban', 'urban')},
            '',
            'the domains are urban urban: name one or more, and each only once',
        ),
        ({'gap': ('season',)}, '', "no part 'season': choose from layout"),
        ({'size': 32}, '', 'tiles of 32 pixels are too small'),
        ({'fidelity': 1.5}, '', 'fidelity is 1.5, but it must be from 0 to 1'),
        ({'seed': -1}, '', 'the seed is -1'),
        ({'domains': ('rural',)}, 'Train', "no domain 'urban': choose from rural"),
        ({}, 'train', "no split 'train': choose from Train, Val, Test"),
    ],
)
def test_invalid_settings_are_refused(settings, split, message):
    with pytest.raises(UserError, match=message):
        generate_tile(make_world(**settings), 'urban', split, 0)
