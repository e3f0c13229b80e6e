import mmcv
import numpy as np
import pytest
from PIL import Image
from tiny_rasters import write_raster

from depthda.datasets.transforms.load_multiband_image import LoadMultibandImage
from depthda.errors import UserError

BANDS = np.random.default_rng(0).integers(0, 256, (4, 16, 24), np.uint8)  # R, G, B, NIR


def write(path, bands=BANDS, **profile):
    return str(write_raster(path, np.moveaxis(bands, 0, -1), **profile))


def check(path, bands=BANDS):
    results = LoadMultibandImage()(dict(img_path=path))
    expected = bands[[2, 1, 0, *range(3, len(bands))]].transpose(1, 2, 0)
    np.testing.assert_array_equal(results['img'], expected)
    assert results['img'].dtype == bands.dtype
    assert results['img_shape'] == results['ori_shape'] == (16, 24)


@pytest.mark.parametrize(
    'bands, profile',
    [
        (BANDS, {}),  # GDAL tags the fourth band as alpha, as in the official Potsdam RGBIR files
        (BANDS, dict(photometric='RGB', alpha='unspecified')),
        (BANDS, dict(photometric='MINISBLACK')),
        (BANDS, dict(photometric='RGB', compress='lzw', tiled=True, blockxsize=16, blockysize=16)),
        (BANDS, dict(interleave='band')),
        (BANDS.astype(np.uint16) * 40, {}),
        (BANDS[:3], {}),
    ],
)
def test_tiff(tmp_path, bands, profile):
    check(write(tmp_path / 'a.tif', bands, **profile), bands)


def test_an_rgba_png_is_read_as_by_mmcv(tmp_path):
    Image.fromarray(BANDS.transpose(1, 2, 0)).save(tmp_path / 'a.png')
    check(str(tmp_path / 'a.png'))
    loaded = LoadMultibandImage(to_float32=True)(dict(img_path=str(tmp_path / 'a.png')))['img']
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, mmcv.imread(str(tmp_path / 'a.png'), flag='unchanged'))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / 'a.tif').write_text('none')
    with pytest.raises(UserError, match=r'a\.tif cannot be read'):
        LoadMultibandImage()(dict(img_path=str(tmp_path / 'a.tif')))
