import struct
import zlib

import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image

from depthda.errors import UserError
from depthda.io.headers import (
    file_format,
    is_whole,
    misnamed,
    orientation,
    read_header,
    read_headers,
)


@pytest.mark.parametrize(
    ('mode', 'bands'), [('L', 1), ('I;16', 1), ('P', 1), ('LA', 2), ('RGB', 3), ('RGBA', 4)]
)
def test_png(tmp_path, mode, bands):
    kind = 'uint16' if mode == 'I;16' else 'uint8'
    Image.new(mode, (31, 17)).save(tmp_path / 'a.png')
    assert read_header(tmp_path / 'a.png') == (31, 17, bands, kind)


def test_jpeg_and_tiff(tmp_path):
    Image.new('RGB', (31, 17)).save(tmp_path / 'a.JPG', format='JPEG')
    assert read_header(tmp_path / 'a.JPG') == (31, 17, 3, 'uint8')
    with rasterio.open(
        tmp_path / 'a.tif', 'w', driver='GTiff', width=31, height=17, count=4, dtype='uint16'
    ) as raster:
        raster.write(np.zeros((4, 17, 31), np.uint16))
    assert read_header(tmp_path / 'a.tif') == (31, 17, 4, 'uint16')


@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_size_of_a_jpeg_is_that_of_the_image_turned_by_its_tag(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / 'a.jpg'
    Image.new('RGB', (31, 17)).save(path, exif=exif)
    height, width, bands = cv2.imread(str(path)).shape
    assert read_header(path) == (width, height, bands, 'uint8')
    assert (width == 17) == (orientation >= 5)


def test_damaged_files_have_no_header(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.random.default_rng(0).integers(0, 9, (64, 64, 3)))
    whole = (tmp_path / 'a.png').read_bytes()
    assert read_header(tmp_path / 'a.png') == (64, 64, 3, 'uint8')
    (tmp_path / 'a.png').write_bytes(whole + b'\0' * 10)  # readable despite the excess bytes
    assert read_header(tmp_path / 'a.png') == (64, 64, 3, 'uint8')
    (tmp_path / 'half.png').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'page.png').write_text('<html>404</html>' * 10)
    (tmp_path / 'page.tif').write_text('<html>404</html>')
    (tmp_path / 'page.jpg').write_text('<html>404</html>')
    (tmp_path / 'empty.png').write_bytes(b'')
    names = ['half.png', 'page.png', 'page.tif', 'page.jpg', 'empty.png']
    assert read_headers(tmp_path / name for name in names) == [None] * 5


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tif'])
def test_the_orientation_is_the_one_that_opencv_applies(tmp_path, suffix):
    path, pixels = tmp_path / f'a.{suffix}', np.zeros((32, 16, 3), np.uint8)
    pixels[:16, :8] = 255
    Image.fromarray(pixels).save(path)
    assert orientation(path) == 1
    for value, corner in ((1, (0, 0)), (2, (0, 15)), (3, (31, 15)), (4, (31, 0))):
        exif = Image.Exif()
        exif[0x0112] = value
        Image.fromarray(pixels).save(path, exif=exif)
        assert orientation(path) == value
        assert cv2.imread(str(path))[corner].min() > 200
        with rasterio.open(path) as raster:
            assert raster.read()[:, 0, 0].min() > 200


def test_the_orientation_with_a_late_or_damaged_tag(tmp_path):
    # Some editors write the tag after the pixels.
    Image.new('L', (8, 8)).save(tmp_path / 'a.png')
    whole = (tmp_path / 'a.png').read_bytes()
    tag = b'MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
    for content, expected in ((tag, 6), (b'nothing', 1), (tag[:12], 1)):
        chunk = struct.pack('>I', len(content)) + b'eXIf' + content
        chunk += struct.pack('>I', zlib.crc32(chunk[4:]))
        (tmp_path / 'a.png').write_bytes(whole[:-12] + chunk + whole[-12:])
        assert orientation(tmp_path / 'a.png') == expected
    (tmp_path / 'a.jpg').write_bytes(b'\xff\xd8\xff\xe1\0')
    assert orientation(tmp_path / 'a.jpg') == 1
    # Pillow does not open these TIFFs.
    for big in ('NO', 'YES'):
        profile = dict(driver='GTiff', width=8, height=8, count=6, dtype='float32', bigtiff=big)
        with rasterio.open(tmp_path / 'a.tif', 'w', **profile) as raster:
            raster.write(np.zeros((6, 8, 8), np.float32))
        assert orientation(tmp_path / 'a.tif') == 1


def test_formats_are_recognised_by_content(tmp_path):
    picture = Image.new('RGB', (31, 17))
    for suffix, format_ in (
        ('png', 'PNG'), ('jpg', 'JPEG'), ('tif', 'TIFF'), ('bmp', 'BMP'), ('gif', 'GIF'),
        ('webp', 'WebP'), ('jp2', 'JPEG 2000'), ('pcx', None),
    ):  # fmt: skip
        path = tmp_path / f'a.{suffix}'
        picture.save(path)
        assert file_format(path) == format_
        path = path.rename(tmp_path / f'{suffix}.png')
        rename = 'rename it, or ' if suffix in ('jpg', 'tif') else ''
        message = f'a {format_} named .png: {rename}save it as PNG'
        assert misnamed(path) == (None if suffix in ('png', 'pcx') else message)
    (tmp_path / 'g.png').write_bytes(b'')
    assert file_format(tmp_path / 'g.png') is None


def test_a_broken_link_is_named(tmp_path):
    for name, target in (('a.png', 'gone.png'), ('b.jpg', 'b.jpg')):
        (tmp_path / name).symlink_to(target)
        for read in (read_header, is_whole, file_format):
            with pytest.raises(UserError, match=rf'{name} cannot be opened \(.*\): correct'):
                read(tmp_path / name)
