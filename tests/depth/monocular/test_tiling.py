import numpy as np
import pytest

from depthda.depth.monocular.tiling import TileGrid

SIZES = [(100, 100), (100, 333), (7, 50), (51, 20), (20, 20), (41, 77)]


@pytest.mark.parametrize('height, width', SIZES)
def test_tiles_cover_the_scene_and_overlap(height, width):
    grid = TileGrid(height, width, tile=20, overlap=6)
    seen = np.zeros((height, width), int)
    for top, left, bottom, right in grid.boxes:
        assert (bottom - top, right - left) == (min(height, 20), min(width, 20))
        assert top >= 0 and left >= 0 and bottom <= height and right <= width
        seen[top:bottom, left:right] += 1
    assert seen.min() == 1
    for axis in (0, 1):
        starts = sorted({box[axis] for box in grid.boxes})
        assert not len(starts) > 1 or np.diff(starts).max() <= 14


@pytest.mark.parametrize('height, width', SIZES)
def test_equal_tiles_blend_into_their_scene(height, width):
    scene = np.random.default_rng(0).random((height, width)).astype(np.float32)
    grid = TileGrid(height, width, tile=20, overlap=6)
    tiles = [(scene[t:b, left:right] - 3) / 2 for t, left, b, right in grid.boxes]
    count = len(tiles)
    blended = grid.blend(tiles, np.full(count, 2.0), np.full(count, 3.0))
    np.testing.assert_allclose(blended, scene, atol=2e-6)


def test_different_tiles_blend_smoothly():
    grid = TileGrid(1, 100, tile=60, overlap=20)
    assert [box[1::2] for box in grid.boxes] == [(0, 60), (40, 100)]
    blended = grid.blend([np.zeros((1, 60)), np.ones((1, 60))], np.ones(2), np.zeros(2))[0]
    assert (blended[:40] == 0).all() and (blended[60:] == 1).all()
    expected = np.sin((np.arange(20) + 0.5) / 20 * np.pi / 2) ** 2
    np.testing.assert_allclose(blended[40:60], expected, atol=1e-6)
    # No kink: the slope at the edges of a tile is small compared with that in the middle.
    steps = np.diff(blended)
    assert max(steps[39], steps[59]) < 0.1 * steps.max()
