import cv2
import numpy as np
import pytest
import tifffile
from tiny_rasters import write_raster

from depthda.depth.maps import read_depth, write_depth
from depthda.errors import UserError

LOW = 1 / 65535


def test_depth_is_the_sixteen_bit_code_over_65535_and_code_zero_is_no_depth(tmp_path):
    codes = np.array([[0, 1, 2], [32768, 65534, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / 'a.png'), codes)
    depth = read_depth(tmp_path / 'a.png')
    assert depth.dtype == np.float32
    expected = [[0, 1 / 65535, 2 / 65535], [32768 / 65535, 65534 / 65535, 1]]
    np.testing.assert_allclose(depth, expected, rtol=1e-6)
    assert depth[0, 0] == 0 and depth[1, 2] == 1


def test_eight_bit_codes_are_all_valid(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.arange(256, dtype=np.uint8).reshape(16, 16))
    depth = read_depth(tmp_path / 'a.png')
    np.testing.assert_array_equal(depth.ravel(), np.arange(1, 257) / 256)


def test_three_equal_bands_count_as_one_and_a_colour_map_is_refused(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cv2.imwrite(str(tmp_path / 'grey.png'), np.dstack([grey] * 3))
    np.testing.assert_array_equal(read_depth(tmp_path / 'grey.png'), (grey + 1.0) / 256)
    cv2.imwrite(str(tmp_path / 'colour.png'), cv2.applyColorMap(grey * 20, cv2.COLORMAP_INFERNO))
    with pytest.raises(UserError, match='colour.png is a colour image'):
        read_depth(tmp_path / 'colour.png')


def test_every_sixteen_bit_code_survives_reading_and_writing(tmp_path):
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    cv2.imwrite(str(tmp_path / 'a.png'), codes)
    write_depth(tmp_path / 'b.png', read_depth(tmp_path / 'a.png'))
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'b.png'), cv2.IMREAD_UNCHANGED), codes)


def test_small_valid_depth_is_not_written_as_no_depth(tmp_path):
    write_depth(tmp_path / 'a.png', np.array([[1e-9, 0.0]]))
    np.testing.assert_array_equal(
        cv2.imread(str(tmp_path / 'a.png'), cv2.IMREAD_UNCHANGED), [[1, 0]]
    )


@pytest.mark.parametrize('bad', [np.nan, -0.1, 1.1])
def test_depth_out_of_range_is_not_written(tmp_path, bad):
    with pytest.raises(ValueError, match='must be H×W in'):
        write_depth(tmp_path / 'a.png', np.array([[0.5, bad]]))
    assert not (tmp_path / 'a.png').exists()


@pytest.mark.parametrize(
    'heights, nodata, value_range, expected',
    [
        # Without a range: from the lowest to the highest valid height.
        (np.float32([[100, 110, 120, -9999, np.nan]]), -9999, None, [[LOW, 0.5, 1, 0, 0]]),
        (np.array([[-5.0, 0, 10, 40, 55]]), None, (0, 40), [[LOW, LOW, 0.25, 1, 1]]),
        (np.int16([[0, 200, 400]]), 0, (0, 400), [[0, 0.5, 1]]),
        (np.full((1, 2), 7.0), None, None, [[0.5, 0.5]]),
        (np.full((1, 2), np.nan), None, None, [[0, 0]]),
    ],
)
def test_heights_of_a_raster_are_mapped_to_depth(tmp_path, heights, nodata, value_range, expected):
    write_raster(tmp_path / 'a.tif', heights, nodata=nodata)
    depth = read_depth(tmp_path / 'a.tif', value_range)
    np.testing.assert_allclose(depth, expected, rtol=1e-6)


def test_unreadable_depth_names_the_file(tmp_path):
    cv2.imwrite(
        str(tmp_path / 'a.png'), np.random.default_rng(0).integers(0, 9, (64, 64), 'uint16')
    )
    content = (tmp_path / 'a.png').read_bytes()
    (tmp_path / 'half.png').write_bytes(content[: len(content) // 2])
    (tmp_path / 'empty.png').write_bytes(b'')
    (tmp_path / 'text.tif').write_text('no raster')
    write_raster(tmp_path / 'rgb.tif', np.zeros((2, 2, 3)))
    tifffile.imwrite(tmp_path / 'pages.tif', np.zeros((2, 9, 9), np.float32))
    names = ('half.png', 'empty.png', 'text.tif', 'rgb.tif', 'absent.png', 'pages.tif is a TIFF')
    for name in names:
        with pytest.raises(UserError, match=name):
            read_depth(tmp_path / name.split()[0])
    (tmp_path / 'a.npy').write_bytes(b'')
    with pytest.raises(UserError, match=r'a\.npy is not a depth map: use \.png'):
        read_depth(tmp_path / 'a.npy')
