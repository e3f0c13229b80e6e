import struct
import zlib

import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image
from tiny_rasters import write_raster

from depthda.errors import UserError
from depthda.io import headers
from depthda.io.headers import file_format, orientation, read_header


@pytest.mark.parametrize(
    ('mode', 'bands'), [('L', 1), ('I;16', 1), ('P', 1), ('LA', 2), ('RGB', 3), ('RGBA', 4)]
)
def test_png_and_tiff(tmp_path, mode, bands):
    kind = 'uint16' if mode == 'I;16' else 'uint8'
    Image.new(mode, (31, 17)).save(tmp_path / 'a.png')
    assert read_header(tmp_path / 'a.png') == (31, 17, bands, kind)
    write_raster(tmp_path / 'a.tif', np.zeros((17, 31, bands), np.uint16))
    assert read_header(tmp_path / 'a.tif') == (31, 17, bands, 'uint16')


def exif_with(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_size_of_a_jpeg_is_that_after_its_rotation(tmp_path, orientation):
    path = tmp_path / 'a.JPG'
    Image.new('RGB', (31, 17)).save(path, format='JPEG', exif=exif_with(orientation))
    height, width, bands = cv2.imread(str(path)).shape
    assert read_header(path) == (width, height, bands, 'uint8')
    assert (width, height) == ((17, 31) if orientation >= 5 else (31, 17))


def test_damaged_files_have_no_header(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.random.default_rng(0).integers(0, 9, (64, 64, 3)))
    content = (tmp_path / 'a.png').read_bytes()
    assert read_header(tmp_path / 'a.png') == (64, 64, 3, 'uint8')
    (tmp_path / 'a.png').write_bytes(content + b'\0' * 10)  # harmless
    assert read_header(tmp_path / 'a.png') == (64, 64, 3, 'uint8')
    broken = {'half.png': content[: len(content) // 2], 'empty.png': b''}
    broken |= {f'page.{suffix}': b'<html>404</html>' * 10 for suffix in ('png', 'tif', 'jpg')}
    for name, damaged in broken.items():
        (tmp_path / name).write_bytes(damaged)
    assert headers.read_headers(tmp_path / name for name in broken) == [None] * 5


@pytest.mark.parametrize('kind', ['png', 'jpg', 'tif'])
def test_the_orientation_is_the_one_that_opencv_follows(tmp_path, kind):
    path, pixels = tmp_path / f'a.{kind}', np.zeros((32, 16, 3), np.uint8)
    pixels[:16, :8] = 255
    Image.fromarray(pixels).save(path)
    assert orientation(path) == 1
    for tag, corner in ((1, (0, 0)), (2, (0, 15)), (3, (31, 15)), (4, (31, 0))):
        Image.fromarray(pixels).save(path, exif=exif_with(tag))
        assert orientation(path) == tag
        assert cv2.imread(str(path))[corner].min() > 200
        with rasterio.open(path) as raster:
            assert raster.read()[:, 0, 0].min() > 200


def test_orientation_where_the_tag_is_in_an_unusual_place_or_broken(tmp_path):
    # After the pixels, as some editors write it.
    Image.new('L', (8, 8)).save(tmp_path / 'a.png')
    content = (tmp_path / 'a.png').read_bytes()
    tag = b'MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
    for exif, expected in ((tag, 6), (b'nothing', 1), (tag[:12], 1)):
        chunk = struct.pack('>I', len(exif)) + b'eXIf' + exif
        chunk += struct.pack('>I', zlib.crc32(chunk[4:]))
        (tmp_path / 'a.png').write_bytes(content[:-12] + chunk + content[-12:])
        assert orientation(tmp_path / 'a.png') == expected
    (tmp_path / 'a.jpg').write_bytes(b'\xff\xd8\xff\xe1\0')
    assert orientation(tmp_path / 'a.jpg') == 1
    # Kinds that Pillow does not open.
    for big in ('NO', 'YES'):
        write_raster(tmp_path / 'a.tif', np.zeros((8, 8, 6), np.float32), bigtiff=big)
        assert orientation(tmp_path / 'a.tif') == 1


def test_formats_are_recognised_by_content(tmp_path):
    picture = Image.new('RGB', (31, 17))
    for kind, format_ in (
        ('png', 'PNG'), ('jpg', 'JPEG'), ('tif', 'TIFF'), ('bmp', 'BMP'), ('gif', 'GIF'),
        ('webp', 'WebP'), ('jp2', 'JPEG 2000'), ('pcx', None),
    ):  # fmt: skip
        path = tmp_path / f'a.{kind}'
        picture.save(path)
        assert file_format(path) == format_
        path = path.rename(tmp_path / f'{kind}.png')
        rename = 'rename it, or ' if kind in ('jpg', 'tif') else ''
        fault = f'a {format_} named .png: {rename}save it as PNG'
        assert headers.misnamed(path) == (None if kind in ('png', 'pcx') else fault)
    (tmp_path / 'g.png').write_bytes(b'')
    assert file_format(tmp_path / 'g.png') is None


def test_a_broken_link_is_named(tmp_path):
    for name, target in (('a.png', 'gone.png'), ('b.jpg', 'b.jpg')):
        (tmp_path / name).symlink_to(target)
        for read in (read_header, headers.is_complete, file_format):
            with pytest.raises(UserError, match=rf'{name} cannot be opened \(.*\): correct'):
                read(tmp_path / name)
