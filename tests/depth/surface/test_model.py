import shutil

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from tiny_rasters import write_raster
from tiny_surface import PLACE, hills, write_surface

from depthda.depth.surface import model as module
from depthda.depth.surface.ground import ground_below
from depthda.depth.surface.model import Surface, read_grid, world_file
from depthda.errors import UserError

pytestmark = pytest.mark.filterwarnings('ignore::rasterio.errors.NotGeoreferencedWarning')


def all_rows(surface):
    strips = list(surface.strips())
    heights, valid = (np.concatenate([getattr(s, k) for s in strips]) for k in ('heights', 'valid'))
    return heights, valid, sum(strip.below_ground for strip in strips)


@pytest.mark.parametrize(
    'dtype', ['uint8', 'int16', 'uint16', 'int32', 'uint32', 'float32', 'float64']
)
def test_any_type_of_number(tmp_path, dtype):
    heights = hills(0, dtype=dtype)
    found, valid, below = all_rows(Surface(write_surface(tmp_path / 'x.tif', heights)))
    assert found.dtype == np.float32 and valid.all() and below == 0
    np.testing.assert_array_equal(found, heights.astype(np.float32))


@pytest.mark.parametrize('rows', [1, 7, 39, 40, 1000])
def test_strips_add_up_to_the_raster(tmp_path, monkeypatch, rows):
    heights = hills(0)
    path = write_surface(tmp_path / 'x.tif', heights)
    monkeypatch.setattr(module, '_STRIP', rows * 50)
    np.testing.assert_array_equal(all_rows(Surface(path))[0], heights)
    found, valid, below = all_rows(Surface(path, window_pixels=7))
    expected = heights - ground_below(heights, np.ones(heights.shape, bool), (3, 3))
    np.testing.assert_array_equal(found, np.maximum(expected, 0))
    assert below == (expected < 0).sum() > 0


def test_every_kind_of_no_data(tmp_path):
    heights = hills(0)
    heights[0, 0], heights[0, 1], heights[0, 2], heights[0, 3] = -9999, np.nan, np.inf, -32767
    heights[0, 4] = -3.4028234663852886e38
    path = write_surface(tmp_path / 'x.tif', heights, nodata=-9999)
    nodata = (-32767.0, -3.4028234663852886e38)
    for values, invalid in ((), 3), (nodata[:1], 4), (nodata, 5):
        _, valid, _ = all_rows(Surface(path, values))
        assert not valid[0, [0, 1, 2, 3, 4][:invalid]].any()
        assert valid.sum() == heights.size - invalid


def test_no_data_that_an_integer_type_cannot_hold(tmp_path):
    heights = hills(0, dtype='uint8')
    heights[0, 0] = 0
    path = write_surface(tmp_path / 'x.tif', heights)
    assert all_rows(Surface(path, (-9999.0, 0.5)))[1].all()
    assert all_rows(Surface(path, (-9999.0, 0.0)))[1].sum() == heights.size - 1


def test_a_mask_and_a_scale(tmp_path):
    heights = hills(0, dtype='int16')
    path = write_surface(tmp_path / 'x.tif', heights)
    mask = np.full(heights.shape, 255, np.uint8)
    mask[3:9, 4:6] = 0
    with rasterio.open(path, 'r+') as raster:
        raster.write_mask(mask)
        raster.scales, raster.offsets = (0.01,), (5.0,)
    found, valid, _ = all_rows(Surface(path))
    np.testing.assert_array_equal(valid, mask > 0)
    np.testing.assert_allclose(found[valid], heights[valid] * 0.01 + 5, rtol=1e-6)


def test_terrain_is_subtracted_and_heights_below_it_are_0(tmp_path):
    heights, terrain = hills(0), hills(1) - 3
    heights[5, 5], terrain[6, 6] = -9999, -9999
    surface = Surface(
        write_surface(tmp_path / 'dsm.tif', heights, nodata=-9999),
        nodata=(-9999.0,),
        terrain=write_surface(tmp_path / 'dtm.tif', terrain),
    )
    surface.check()
    found, valid, below = all_rows(surface)
    assert not valid[5, 5] and not valid[6, 6] and valid.sum() == heights.size - 2
    above = heights - terrain
    np.testing.assert_array_equal(found[valid], np.maximum(above, 0)[valid])
    assert below == (above[valid] < 0).sum() > 0


@pytest.mark.parametrize(
    'change, difference',
    [
        ({'crs': 'EPSG:32633'}, 'reference systems EPSG:32632 and EPSG:32633'),
        ({'transform': Affine(0.4, 0, 400_000, 0, -0.4, 5_000_000)}, r'pixels \(0.5, -0.5\)'),
        ({'transform': Affine(0.5, 0.1, 400_000, 0.1, -0.5, 5_000_000)}, 'pixels'),
        ({'transform': Affine(0.5, 0, 400_000.5, 0, -0.5, 5_000_000)}, r'at \(400000.0, 5000000.0'),
        ({'transform': None}, 'the other has none'),
        ({'size': (40, 51)}, 'sizes 50×40 and 51×40'),
    ],
)
def test_terrain_on_another_grid_is_refused(tmp_path, change, difference):
    path = write_surface(tmp_path / 'dsm.tif', hills(0))
    size = change.pop('size', (40, 50))
    other = write_surface(tmp_path / 'dtm.tif', hills(1, size), **change)
    with pytest.raises(UserError, match=f'different grids .*{difference}.*: warp the terrain'):
        Surface(path, terrain=other).check()


def test_terrain_on_the_same_grid_may_have_a_rounded_origin(tmp_path):
    path = write_surface(tmp_path / 'dsm.tif', hills(0))
    rounded = Affine(0.5, 0, 400_000.001, 0, -0.5, 4_999_999.999)
    Surface(path, terrain=write_surface(tmp_path / 'a.tif', hills(1), rounded)).check()
    # A world file has the position, not the reference system.
    Surface(path, terrain=write_surface(tmp_path / 'b.tif', hills(1), crs=None)).check()


@pytest.mark.parametrize(
    'transform, crs, half',
    [
        (PLACE, 'EPSG:32632', (9, 9)),
        (PLACE, None, (9, 9)),
        # Rows of half a metre, columns of one.
        (Affine(1, 0, 0, 0, -0.5, 9), 'EPSG:32632', (9, 4)),
        # Turned by a right angle: a row is a step of one metre.
        (Affine(0, 1, 0, 0.5, 0, 9), 'EPSG:32632', (4, 9)),
        # US feet, of .3048 m: half a foot is .1524 m.
        (PLACE, 'EPSG:2263', (31, 31)),
    ],
)
def test_a_window_in_metres(tmp_path, transform, crs, half):
    heights = hills(0)
    path = write_surface(tmp_path / 'x.tif', heights, transform, crs)
    found, _, _ = all_rows(Surface(path, window=9.5))
    expected = heights - ground_below(heights, np.ones(heights.shape, bool), half)
    np.testing.assert_array_equal(found, np.maximum(expected, 0))


def test_a_window_without_meaning_is_refused(tmp_path):
    path = write_surface(tmp_path / 'x.tif', hills(0), None)
    with pytest.raises(UserError, match='x.tif has no georeference.* --window-pixels'):
        Surface(path, window=9).check()
    degrees = write_surface(tmp_path / 'd.tif', hills(0), Affine(1e-5, 0, 7, 0, -1e-5, 50), 4326)
    with pytest.raises(UserError, match='d.tif has pixels in degrees.* --window-pixels'):
        Surface(degrees, window=9).check()
    Surface(degrees, window_pixels=9).check()
    # A window larger than the raster covers all of it.
    heights = hills(0)
    found, _, _ = all_rows(Surface(write_surface(tmp_path / 'y.tif', heights), window=1e9))
    everything = heights - ground_below(heights, np.ones(heights.shape, bool), (99, 99))
    np.testing.assert_allclose(found, np.maximum(everything, 0), atol=1e-4)
    with pytest.raises(UserError, match='1.2 pixels wide in .*larger than the largest building'):
        Surface(write_surface(tmp_path / 'y.tif', hills(0)), window=0.6).check()


def test_files_that_are_not_surface_models_are_refused(tmp_path):
    write_surface(tmp_path / 'rgb.tif', np.zeros((3, 3, 3), np.uint8))
    write_surface(tmp_path / 'wave.tif', np.zeros((3, 3), np.complex64))
    pages = np.stack([hills(0), hills(1)])
    tifffile.imwrite(tmp_path / 'pages.tif', pages, photometric='minisblack')
    for name, message in (
        ('rgb.tif', 'rgb.tif has 3 bands of uint8'),
        ('wave.tif', 'wave.tif has 1 band of complex64'),
        ('pages.tif', 'pages.tif is a TIFF with 2 pages'),
    ):
        with pytest.raises(UserError, match=message):
            read_grid(tmp_path / name)
    path = write_surface(tmp_path / 'cut.tif', hills(0))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UserError, match='cut.tif cannot be read'):
        all_rows(Surface(path))


def test_the_identity_is_the_content_of_all_files_of_a_raster(tmp_path):
    path = write_surface(tmp_path / 'a/x.tif', hills(0))
    before = Surface(path).identity()
    (tmp_path / 'b').mkdir()
    assert Surface(shutil.copy(path, tmp_path / 'b/y.tif')).identity() == before
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, 'r+') as raster:
        raster.write_mask(np.zeros((40, 50), np.uint8))
    assert (tmp_path / 'a/x.tif.msk').is_file()
    masked = Surface(path).identity()
    assert masked != before
    other = Surface(path, terrain=tmp_path / 'b/y.tif').identity()
    assert other == masked | {'terrain': before}


@pytest.mark.parametrize('transform', [PLACE, Affine(0.5, 0.1, 3, 0.2, -0.4, 7.123456789)])
def test_a_world_file_puts_the_map_where_the_surface_model_is(tmp_path, transform):
    grid = read_grid(write_surface(tmp_path / 'x.tif', hills(0), transform))
    (tmp_path / 'm.pgw').write_text(world_file(grid))
    write_raster(tmp_path / 'm.png', np.zeros((40, 50), np.uint16))
    with rasterio.open(tmp_path / 'm.png') as picture:
        assert picture.transform.almost_equals(transform, 1e-9)
    assert world_file(read_grid(write_surface(tmp_path / 'y.tif', hills(0), None))) is None
