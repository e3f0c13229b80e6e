import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image

from depthda.errors import UserError
from depthda.io.headers import file_format, is_whole, orientation, read_header, read_headers


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
def test_a_jpeg_has_the_size_that_it_is_trained_on(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / 'a.jpg'
    Image.new('RGB', (31, 17)).save(path, exif=exif)
    height, width, bands = cv2.imread(str(path)).shape
    assert read_header(path) == (width, height, bands, 'uint8')
    assert (width == 17) == (orientation >= 5)


def test_broken_files_have_no_header(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.random.default_rng(0).integers(0, 9, (64, 64, 3)))
    whole = (tmp_path / 'a.png').read_bytes()
    assert read_header(tmp_path / 'a.png') == (64, 64, 3, 'uint8')
    (tmp_path / 'a.png').write_bytes(whole + b'\0' * 10)  # harmless
    assert read_header(tmp_path / 'a.png') == (64, 64, 3, 'uint8')
    (tmp_path / 'half.png').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'page.png').write_text('<html>404</html>' * 10)
    (tmp_path / 'page.tif').write_text('<html>404</html>')
    (tmp_path / 'page.jpg').write_text('<html>404</html>')
    (tmp_path / 'empty.png').write_bytes(b'')
    names = ['half.png', 'page.png', 'page.tif', 'page.jpg', 'empty.png']
    assert read_headers(tmp_path / name for name in names) == [None] * 5


def test_formats_are_told_by_content_and_jpegs_by_how_they_are_turned(tmp_path):
    picture, exif = Image.new('RGB', (31, 17)), Image.Exif()
    exif[0x0112] = 6
    for name, kind in (('a.png', 'PNG'), ('b.jpg', 'JPEG'), ('c.tif', 'TIFF'), ('d.bmp', None)):
        picture.save(tmp_path / name, exif=exif)
        assert file_format(tmp_path / name) == kind
        assert orientation(tmp_path / name) == (6 if kind == 'JPEG' else 1)
    picture.save(tmp_path / 'e.jpg')
    picture.save(tmp_path / 'f.jpg', format='PNG')
    assert [orientation(tmp_path / name) for name in ('e.jpg', 'f.jpg')] == [1, 1]
    (tmp_path / 'g.png').write_bytes(b'')
    assert file_format(tmp_path / 'g.png') is None


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    for name, target in (('a.png', 'gone.png'), ('b.jpg', 'b.jpg')):
        (tmp_path / name).symlink_to(target)
        for read in (read_header, is_whole, file_format):
            with pytest.raises(UserError, match=rf'{name} cannot be opened \(.*\): correct'):
                read(tmp_path / name)
