import mmcv
import numpy as np
import pytest
import rasterio
from PIL import Image

from depthda.datasets.transforms.load_multiband_image import LoadMultibandImage
from depthda.errors import UserError

BANDS = np.random.default_rng(0).integers(0, 256, (4, 16, 24), np.uint8)  # R, G, B, NIR


def write(path, bands=BANDS, **profile):
    with rasterio.open(
        path,
        'w',
        driver='GTiff',
        width=24,
        height=16,
        count=len(bands),
        dtype=bands.dtype,
        **profile,
    ) as raster:
        raster.write(bands)
    return str(path)


def check(path, bands=BANDS):
    results = LoadMultibandImage()(dict(img_path=path))
    expected = bands[[2, 1, 0, *range(3, len(bands))]].transpose(1, 2, 0)
    np.testing.assert_array_equal(results['img'], expected)
    assert results['img'].dtype == bands.dtype
    assert results['img_shape'] == results['ori_shape'] == (16, 24)


@pytest.mark.parametrize(
    'profile',
    [
        {},  # GDAL tags the fourth band as alpha, as in the official Potsdam RGBIR files
        dict(photometric='RGB', alpha='unspecified'),
        dict(photometric='MINISBLACK'),
        dict(photometric='RGB', compress='lzw', tiled=True, blockxsize=16, blockysize=16),
        dict(interleave='band'),
    ],
)
def test_four_band_tiff(tmp_path, profile):
    check(write(tmp_path / 'a.tif', **profile))


def test_tiffs_of_16_bits_and_of_three_bands(tmp_path):
    check(write(tmp_path / 'a.tif', BANDS.astype(np.uint16) * 40), BANDS.astype(np.uint16) * 40)
    check(write(tmp_path / 'b.tif', BANDS[:3]), BANDS[:3])


def test_an_rgba_png_is_read_as_by_mmcv(tmp_path):
    Image.fromarray(BANDS.transpose(1, 2, 0)).save(tmp_path / 'a.png')
    check(str(tmp_path / 'a.png'))
    loaded = LoadMultibandImage(to_float32=True)(dict(img_path=str(tmp_path / 'a.png')))['img']
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, mmcv.imread(str(tmp_path / 'a.png'), flag='unchanged'))


def test_mmcv_reads_four_bands_wrongly(tmp_path):
    """This is why the loader exists. If this fails, the loader can be removed."""
    path = write(tmp_path / 'a.tif')
    expected = BANDS[[2, 1, 0, 3]].transpose(1, 2, 0)
    for backend in ('cv2', 'tifffile'):
        assert (mmcv.imread(path, flag='unchanged', backend=backend) != expected).any()


def test_an_unreadable_image_is_named(tmp_path):
    (tmp_path / 'a.tif').write_text('none')
    with pytest.raises(UserError, match=r'a\.tif cannot be read'):
        LoadMultibandImage()(dict(img_path=str(tmp_path / 'a.tif')))
