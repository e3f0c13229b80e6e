"""Depth that is estimated for a map equals depth of the scene in memory, and can be continued."""

import numpy as np
import pytest
import rasterio
from stub_model import stub_model, write_scene
from tiny_depth_anything import save_tiny

from depthda.depth.monocular.alignment import align_tiles
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.depth.monocular.streamed import DepthTiles, SceneDepth, enlarged
from depthda.depth.monocular.tiling import TileGrid
from depthda.inference.map_options import MapOptions
from depthda.inference.predict import predict_map
from depthda.inference.predict_scene import Settings
from depthda.inference.scene import ModelBands
from depthda.inference.scene_depth import scene_depth


def test_streamed_tiles_align_and_blend_as_those_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    grid = TileGrid(130, 190, 60, 15)
    y, x = np.mgrid[:130, :190]
    surface = np.sin(x / 25) + np.cos(y / 20) + 0.004 * x
    known = rng.random(surface.shape) > 0.05
    tiles = [
        (surface[top:bottom, left:right] * rng.uniform(0.5, 2) + rng.normal()).astype(np.float32)
        for top, left, bottom, right in grid.boxes
    ]
    coarse = surface[5::10, 5::10].astype(np.float32)
    large = enlarged(coarse, (0, 0, *surface.shape), surface.shape)
    expected = grid.blend(tiles, *align_tiles(tiles, grid.boxes, large, valid=known))
    low, high = expected[known].min(), expected[known].max()
    stored = DepthTiles(tmp_path / 'tiles.raw', grid)
    for index, tile in enumerate(tiles):
        stored.write(index, tile)
    depth = SceneDepth(stored, coarse)

    def has_data(box):
        return known[box[0] : box[2], box[1] : box[3]]

    for index in range(len(tiles)):
        depth.add(index, has_data)
    depth.align(has_data)
    streamed = np.concatenate([depth.rows(top, min(top + 37, 130)) for top in range(0, 130, 37)])
    # 16 bits for each tile, and mean and deviation of the small coarse pass.
    np.testing.assert_allclose(streamed[known], ((expected - low) / (high - low))[known], atol=2e-3)
    assert np.corrcoef(streamed.ravel(), surface.ravel())[0, 1] > 0.9999


@pytest.fixture
def estimator(tmp_path):
    return DepthEstimator.load(str(save_tiny(tmp_path / 'weights')))


def test_depth_of_a_scene_of_one_tile_is_that_of_the_network(tmp_path, estimator):
    values = write_scene(tmp_path / 's.tif', 70, 70)
    making = scene_depth(estimator, tmp_path / 's.tif', ModelBands(3), tmp_path / 'part', {})
    with making as rows:
        streamed, valid = rows.read(0, 70)
    rgb = np.ascontiguousarray(values.transpose(1, 2, 0))
    estimated = estimator.whole([estimator.preprocessing(rgb)], [(70, 70)])[0]
    expected = (estimated - estimated.min()) / (estimated.max() - estimated.min())
    assert valid.all()
    np.testing.assert_allclose(streamed[0], expected, atol=1e-3)


def test_a_killed_depth_pass_continues_to_the_same_map(tmp_path, estimator):
    values = write_scene(tmp_path / 's.tif', 150, 120)
    values[:, :60, :30] = 0
    write_scene(tmp_path / 's.tif', values=values, nodata=0)
    options = MapOptions(Settings(32, 16))
    arguments = (tmp_path / 's.tif', tmp_path / 'whole.tif', options, estimator)
    predict_map(stub_model(True), *arguments)
    network, calls = estimator._network, 0

    def killed(inputs):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return network(inputs)

    estimator._network = killed
    arguments = (tmp_path / 's.tif', tmp_path / 'parts.tif', options, estimator)
    with pytest.raises(KeyboardInterrupt):
        predict_map(stub_model(True), *arguments)
    predict_map(stub_model(True), *arguments)
    assert (tmp_path / 'whole.tif').read_bytes() == (tmp_path / 'parts.tif').read_bytes()
    with rasterio.open(tmp_path / 'whole.tif') as raster:
        assert len(np.unique(raster.read(1))) > 2
