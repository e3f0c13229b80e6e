"""Affine copies of one field are recovered, and the solution is that of plain least squares."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from depthda.depth.monocular.alignment import align_tiles
from depthda.depth.monocular.tiling import TileGrid


def field(height, width):
    y, x = np.mgrid[:height, :width]
    return np.sin(x / 17) + np.cos(y / 13) + x * y / 5000


def cut(scene, boxes):
    return [scene[top:bottom, left:right] for top, left, bottom, right in boxes]


@pytest.mark.parametrize('size', [(90, 130), (40, 200), (32, 32)])
def test_affine_copies_of_one_field_are_recovered(size):
    rng = np.random.default_rng(0)
    scene = field(*size)
    boxes = TileGrid(*size, tile=32, overlap=8).boxes
    scales, shifts = rng.uniform(0.1, 9, len(boxes)), rng.normal(0, 100, len(boxes))
    parts = cut(scene, boxes)
    tiles = [(p - t) / s for p, s, t in zip(parts, scales, shifts, strict=True)]
    found_scales, found_shifts = align_tiles(tiles, boxes, scene)
    np.testing.assert_allclose(found_scales, scales, rtol=1e-6)
    for tile, scale, shift, part in zip(tiles, found_scales, found_shifts, parts, strict=True):
        assert np.abs(scale * tile + shift - part).max() < 1e-6


def some_tiles(seed=1):
    """Return tiles that no scale and shift can reconcile, a coarse pass, and valid pixels."""
    rng = np.random.default_rng(seed)
    scene = field(24, 40)
    boxes = TileGrid(24, 40, tile=16, overlap=6).boxes
    tiles = [
        part * rng.uniform(0.5, 2) + rng.normal(0, 0.5, part.shape) for part in cut(scene, boxes)
    ]
    valid = np.ones(scene.shape, bool)
    valid[5:12, 8:20] = False
    return tiles, boxes, scene + rng.normal(0, 0.2, scene.shape), valid


def dense(tiles, boxes, coarse, tie, valid):
    """Return the same least squares as a plain matrix with a row for each pixel and block."""
    rows, right = [], []

    def row(i, p, j=None, q=0):
        rows.append(np.zeros(2 * len(tiles)))
        rows[-1][2 * i : 2 * i + 2] = p, 1
        if j is not None:
            rows[-1][2 * j : 2 * j + 2] = -q, -1
        right.append(0)

    for y, x in np.argwhere(valid):
        here = [
            (index, tiles[index][y - top, x - left])
            for index, (top, left, bottom, right_) in enumerate(boxes)
            if top <= y < bottom and left <= x < right_
        ]
        for k, (i, p) in enumerate(here):
            for j, q in here[k + 1 :]:
                row(i, p, j, q)
    # Tiles of 16² have blocks of 2².
    for i, (top, left, _, _) in enumerate(boxes):
        for y, x in product(range(0, 16, 2), range(0, 16, 2)):
            block = slice(top + y, top + y + 2), slice(left + x, left + x + 2)
            known = valid[block]
            if known.any():
                row(i, tiles[i][y : y + 2, x : x + 2][known].mean())
                right[-1] = coarse[block][known].mean() * (weight := (tie * known.sum()) ** 0.5)
                rows[-1] *= weight
    return np.array(rows), np.array(right)


@pytest.mark.parametrize('tie', [0.01, 1.0])
def test_the_solution_is_that_of_plain_least_squares(tie):
    tiles, boxes, coarse, valid = some_tiles()
    matrix, right = dense(tiles, boxes, coarse, tie, valid)
    expected = np.linalg.lstsq(matrix, right, rcond=None)[0]
    assert (expected[::2] > 0).all()
    scales, shifts = align_tiles(tiles, boxes, coarse, tie, valid)
    np.testing.assert_allclose(scales, expected[::2], rtol=1e-6)
    np.testing.assert_allclose(shifts, expected[1::2], rtol=1e-6, atol=1e-9)


def test_no_scale_is_negative():
    tiles, boxes, coarse, valid = some_tiles()
    tiles[2] = -tiles[2]
    matrix, right = dense(tiles, boxes, coarse, 0.01, valid)
    assert np.linalg.lstsq(matrix, right, rcond=None)[0][4] < 0
    low = np.tile([0, -np.inf], len(tiles))
    expected = lsq_linear(matrix, right, (low, np.inf), method='bvls').x
    scales, shifts = align_tiles(tiles, boxes, coarse, 0.01, valid)
    assert scales[2] == 0
    np.testing.assert_allclose(scales, expected[::2], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(shifts, expected[1::2], rtol=1e-6, atol=1e-9)


def test_tiles_without_relief_or_data_are_solved():
    scene = field(24, 40)
    boxes = TileGrid(24, 40, tile=16, overlap=6).boxes
    tiles = cut(scene * 3 - 1, boxes)
    tiles[1] = np.full_like(tiles[1], 0.1, np.float32)
    valid = np.ones(scene.shape, bool)
    valid[:, :16] = False
    scales, shifts = align_tiles(tiles, boxes, scene, valid=valid)
    assert np.isfinite(scales).all() and np.isfinite(shifts).all() and scales[1] == 0
    assert align_tiles(tiles, boxes, scene, valid=valid & False)[0].tolist() == [0] * len(boxes)
    flat = align_tiles([np.full((16, 16), 7.0)] * len(boxes), boxes, np.full((24, 40), 2.0))
    assert flat[0].tolist() == [0] * len(boxes) and flat[1] == pytest.approx([2] * len(boxes))
