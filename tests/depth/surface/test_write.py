import json

import cv2
import numpy as np
import pytest
import rasterio
from tiny_surface import PLACE, hills, write_surface

from depthda.depth.maps import normalize_heights, read_depth, write_depth
from depthda.depth.surface import model as surface_module
from depthda.depth.surface.model import Surface
from depthda.depth.surface.write import Recipe, fill_nearest, write_map
from depthda.io.png import read_note


def write(tmp_path, heights, value_range=(100, 120), fill=False, name='x', **profile):
    """Return the codes of the map of these heights, and the content of its note."""
    surface = Surface(write_surface(tmp_path / f'{name}.tif', heights, **profile), (-1.0,))
    path = tmp_path / f'{name}.png'
    write_map(surface, surface.check(), {'a': 1}, path, Recipe(value_range, fill, 'key'))
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED), json.loads(read_note(path))


@pytest.mark.parametrize('rows', [1, 30, 1000])
def test_strips_have_the_codes_of_the_complete_map(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(surface_module, '_STRIP', rows * 50)
    heights = hills(0, (150, 50))
    heights[3, 5:9], heights[140, 1] = np.nan, 50
    codes, note = write(tmp_path, heights)
    write_depth(
        tmp_path / 'complete.png', normalize_heights(heights, np.isfinite(heights), (100, 120))
    )
    expected = cv2.imread(str(tmp_path / 'complete.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(codes, expected)
    assert (codes[3, 5:9] == 0).all() and codes[140, 1] == 1
    np.testing.assert_array_equal(read_depth(tmp_path / 'x.png'), expected / np.float32(65535))
    assert note == {
        'settings': 'key',
        'input': {'a': 1},
        'pixels': 7500,
        'no_height': 4,
        'clipped_low': int((heights < 100).sum()),
        'clipped_high': int((heights > 120).sum()),
        'below_ground': 0,
        'relief': True,
        'suspect': None,
    }


def test_the_map_has_the_position_of_its_surface_model(tmp_path):
    write(tmp_path, hills(0))
    with rasterio.open(tmp_path / 'x.png') as picture:
        assert picture.transform.almost_equals(PLACE)
    # Without a georeference there is no world file, and an old one is removed.
    write(tmp_path, hills(0), transform=None)
    assert not (tmp_path / 'x.pgw').exists()


def test_filling_uses_the_nearest_height():
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 65536, (30, 40)).astype(np.uint16)
    codes[rng.random(codes.shape) < 0.5] = 0
    codes[10:20, 10:25] = 0
    filled = fill_nearest(codes)
    known = np.argwhere(codes > 0)
    np.testing.assert_array_equal(filled[codes > 0], codes[codes > 0])
    for row, column in np.argwhere(codes == 0):
        distances = ((known - (row, column)) ** 2).sum(1)
        nearest = known[distances == distances.min()]
        assert filled[row, column] in codes[tuple(nearest.T)]


def test_filled_pixels_are_counted_and_an_empty_map_stays_empty(tmp_path):
    heights = hills(0)
    heights[:, 20:] = -1
    codes, note = write(tmp_path, heights, fill=True)
    assert (codes > 0).all() and note['no_height'] == 40 * 30
    np.testing.assert_array_equal(codes[:, 30], codes[:, 19])
    codes, note = write(tmp_path, np.full((4, 5), -1, np.float32), fill=True)
    assert (codes == 0).all() and note['no_height'] == 20 and not note['relief']


def test_a_map_without_relief_is_marked(tmp_path):
    flat = np.full((4, 5), 110, np.float32)
    assert write(tmp_path, flat)[1]['relief'] is False
    flat[0, 0] = np.nan
    assert write(tmp_path, flat)[1]['relief'] is False
    flat[0, 0] = 110.1  # 0.5 % of the range
    assert write(tmp_path, flat)[1]['relief'] is False
    flat[0, 0] = 110.3
    assert write(tmp_path, flat)[1]['relief'] is True
    # Heights that differ, all of them above the range.
    assert write(tmp_path, hills(0) + 50)[1]['relief'] is False


@pytest.mark.parametrize(
    'value, share, suspect',
    [
        (-9999, 0.001, True),
        (-9999, 0.7, True),  # most of the map, so the median does not help
        (-1000, 0.1, True),
        (0, 0.1, True),  # 0 where all else is at 500
        # Limits of float32 in several roundings.
        (3.4028234663852886e38, 0.1, True),
        (3.4e38, 0.1, True),
        (-3.4e38, 0.1, True),
        (450, 0.1, False),  # a quarry
        (600, 0.01, False),  # a tower
    ],
)
def test_heights_that_look_like_no_data_are_marked(tmp_path, value, share, suspect):
    heights = hills(0) + 400
    heights[np.random.default_rng(0).random(heights.shape) < share] = value
    note = write(tmp_path, heights)[1]
    assert note['suspect'] == (pytest.approx(value) if suspect else None)


def test_no_data_of_a_terrain_model_is_marked(tmp_path):
    terrain = hills(1) - 20
    path = write_surface(tmp_path / 'dtm.tif', terrain)
    surface = Surface(write_surface(tmp_path / 'x.tif', hills(0)), terrain=path)
    for suspect in (None, -9999):
        write_map(surface, surface.check(), {}, tmp_path / 'x.png', Recipe((0, 30), False, 'key'))
        assert json.loads(read_note(tmp_path / 'x.png'))['suspect'] == suspect
        terrain[3, 4:7] = -9999
        write_surface(path, terrain)


def test_a_mountain_and_a_lake_are_not_suspect(tmp_path):
    for heights in (
        np.linspace(300, 4000, 2000).reshape(40, 50),
        np.where(np.random.default_rng(0).random((40, 50)) < 0.01, -0.4, 0.0),
    ):
        assert write(tmp_path, heights.astype(np.float32))[1]['suspect'] is None
