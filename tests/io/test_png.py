import cv2
import numpy as np
import pytest
from PIL import Image

from depthda.io.headers import read_header
from depthda.io.png import png_strips, read_note

CODES = np.random.default_rng(0).integers(0, 65536, (150, 37)).astype(np.uint16)


@pytest.mark.parametrize('rows', [1, 63, 64, 150])
def test_other_libraries_read_the_codes_and_the_note_is_kept(tmp_path, rows):
    path = tmp_path / 'x.png'
    with png_strips(path, 37, 150) as picture:
        for top in range(0, 150, rows):
            picture.write(CODES[top : top + rows])
        picture.note = '{"a": 1}'
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), CODES)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(np.asarray(opened), CODES)
    assert read_note(path).strip() == '{"a": 1}'
    assert tuple(read_header(path)) == (37, 150, 1, 'uint16')


def test_a_smooth_picture_is_compressed_well(tmp_path):
    smooth = (np.add.outer(np.arange(300), np.arange(300)) * 50).astype(np.uint16)
    with png_strips(tmp_path / 'x.png', 300, 300) as picture:
        picture.write(smooth)
    assert (tmp_path / 'x.png').stat().st_size < smooth.nbytes / 20
    (tmp_path / 'x.png').unlink()
    # Half a picture leaves no file, and a note that is too long is an error.
    with pytest.raises(RuntimeError), png_strips(tmp_path / 'x.png', 37, 150) as picture:
        picture.write(CODES[:70])
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match='room'), png_strips(tmp_path / 'x.png', 37, 150) as out:
        out.write(CODES)
        out.note = 'x' * 2000
