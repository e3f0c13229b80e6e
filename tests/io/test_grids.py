import zipfile

import numpy as np
import pytest
import rasterio
from tiny_scenes import write

from depthda.errors import UserError
from depthda.io.grids import place, warp

EAST, NORTH = 500000.0, 5000000.0


@pytest.fixture
def image(tmp_path):
    write(tmp_path / 'image.tif', np.zeros((20, 30, 3), np.uint8), (EAST, NORTH))
    with rasterio.open(tmp_path / 'image.tif') as raster:
        yield raster


def heights_of(x, y):
    """Return a slope, which bilinear interpolation keeps exactly."""
    return 3 * (x - EAST) - 2 * (y - NORTH) + 50


def slope(path, rows, columns, east, north, pixel, **more):
    y, x = np.mgrid[:rows, :columns]
    x, y = east + (x + 0.5) * pixel, north - (y + 0.5) * pixel
    write(path, heights_of(x, y).astype(np.float32), (east, north), pixel=pixel, **more)


def test_heights_are_placed_by_their_georeference(tmp_path, image):
    # With pixels of 0.5 m: two columns west, one row south.
    slope(tmp_path / 'dsm.tif', 20, 33, EAST - 1.0, NORTH - 0.5, 0.5)
    with rasterio.open(tmp_path / 'dsm.tif') as raster:
        placed = place(raster, image)
        assert (placed.column, placed.row) == (-2, 1)
        values, valid = placed.read_rows(0, 20, 30)
        assert not valid[0].any() and valid[1:].all()
        assert np.array_equal(values[1:], raster.read(1)[:19, 2:32])


@pytest.mark.parametrize(
    ('grid', 'fault'),
    [
        (dict(east=EAST, north=NORTH, pixel=0.6), 'have pixels of 0.6×0.6 and 0.5×0.5'),
        (dict(east=EAST + 10, north=NORTH, pixel=0.5), 'from column 20, row 0.* does not cover'),
        (dict(east=5.0, north=45.0, pixel=0.000005, crs='EPSG:4326'), 'have pixels of 5e-06'),
    ],
)
def test_heights_on_another_grid_are_refused(tmp_path, image, grid, fault):
    slope(tmp_path / 'dsm.tif', 20, 30, **grid)
    with rasterio.open(tmp_path / 'dsm.tif') as raster, pytest.raises(UserError, match=fault):
        place(raster, image)


def test_warped_heights_are_those_at_the_pixels(tmp_path, image):
    slope(tmp_path / 'dsm.tif', 9, 12, EAST + 2.0, NORTH - 1.0, 1.0)
    with rasterio.open(tmp_path / 'dsm.tif') as raster, warp(raster, image) as placed:
        values, valid = placed.read_rows(0, 20, 30)
        strips = [placed.read_rows(first, 5, 30) for first in range(0, 20, 5)]
    y, x = np.mgrid[:20, :30]
    x, y = EAST + (x + 0.5) * 0.5, NORTH - (y + 0.5) * 0.5
    covered = (x > EAST + 2) & (x < EAST + 14) & (y < NORTH - 1) & (y > NORTH - 10)
    assert np.array_equal(valid, covered)
    # Within half a DSM pixel of the DSM's edge there is no neighbour to interpolate with.
    inside = (x > EAST + 2.5) & (x < EAST + 13.5) & (y < NORTH - 1.5) & (y > NORTH - 9.5)
    assert np.abs(values - heights_of(x, y))[inside].max() < 1e-3
    again = np.concatenate([strip[0] for strip in strips])
    assert np.array_equal(again, values, equal_nan=True)


def test_warping_keeps_no_data_and_its_value_does_not_leak(tmp_path, image):
    heights = np.full((10, 15), 80, np.float32)
    heights[3:6, 4:8] = -32768
    write(tmp_path / 'dsm.tif', heights, (EAST, NORTH), pixel=1.0, nodata=-32768)
    with rasterio.open(tmp_path / 'dsm.tif') as raster, warp(raster, image) as placed:
        values, valid = placed.read_rows(0, 20, 30)
    assert not valid[7:11, 9:15].any() and valid[:5].all() and valid[:, :7].all()
    assert np.unique(values[valid]).tolist() == [80]


def test_heights_in_another_crs_are_reprojected(tmp_path, image):
    from rasterio.warp import transform

    # A grid in degrees that covers the image; its sloping heights reveal any misplacement.
    lon, lat = transform('EPSG:32632', 'EPSG:4326', [EAST, EAST + 15], [NORTH, NORTH - 10])
    west, north, pixel = lon[0] - 0.0001, lat[0] + 0.0001, 0.000005
    rows, columns = (int((b - a) / pixel) + 40 for a, b in ((lat[1], lat[0]), (lon[0], lon[1])))
    y, x = np.mgrid[:rows, :columns]
    east, norths = transform(
        'EPSG:4326',
        'EPSG:32632',
        (west + (x.ravel() + 0.5) * pixel).tolist(),
        (north - (y.ravel() + 0.5) * pixel).tolist(),
    )
    heights = heights_of(np.array(east), np.array(norths)).reshape(rows, columns)
    write(
        tmp_path / 'dsm.tif',
        heights.astype(np.float32),
        (west, north),
        crs='EPSG:4326',
        pixel=pixel,
    )
    with rasterio.open(tmp_path / 'dsm.tif') as raster, warp(raster, image) as placed:
        values, valid = placed.read_rows(0, 20, 30)
    y, x = np.mgrid[:20, :30]
    expected = heights_of(EAST + (x + 0.5) * 0.5, NORTH - (y + 0.5) * 0.5)
    # GDAL interpolates the transformation, with errors up to an eighth of a pixel.
    assert valid.all() and np.abs(values - expected).max() < (3 + 2) * 0.5 / 8


def test_a_file_in_a_zip_is_named_by_its_path(tmp_path, image):
    slope(tmp_path / 'dsm.tif', 20, 30, EAST + 10, NORTH, 0.5)
    with zipfile.ZipFile(tmp_path / 'all.zip', 'w') as archive:
        archive.write(tmp_path / 'dsm.tif', 'DSM/dsm.tif')
    with (
        rasterio.open(f'/vsizip/{{{tmp_path}/all.zip}}/DSM/dsm.tif') as raster,
        pytest.raises(UserError, match=f'^{tmp_path}/all.zip/DSM/dsm.tif .*does not cover'),
    ):
        place(raster, image)


def test_heights_of_another_or_an_unknown_area_are_refused(tmp_path, image):
    slope(tmp_path / 'far.tif', 9, 9, EAST + 900, NORTH, 1.0)
    write(tmp_path / 'bare.tif', np.zeros((20, 30), np.float32))
    for name, fault in (
        ('far.tif', 'far.tif does not overlap .*image.tif: check'),
        ('bare.tif', 'bare.tif has no georeference'),
    ):
        with rasterio.open(tmp_path / name) as raster, pytest.raises(UserError, match=fault):
            with warp(raster, image):
                pass
