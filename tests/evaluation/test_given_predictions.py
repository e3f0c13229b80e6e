import shutil

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from refusals import refusal

from depthda.errors import UserError
from depthda.evaluation.given_predictions import (
    check_predictions,
    find_predictions,
    read_prediction,
)

CLASSES = ['background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural']
IMAGES = ['a/1.tif', 'a/2.tif', 'a/3.tif']


@pytest.fixture
def maps(tmp_path):
    for name in '123':
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.full((16, 16), int(name), np.uint8))
    return tmp_path


def check(maps, images=IMAGES):
    return check_predictions(find_predictions(maps, images), [(16, 16)] * len(images), CLASSES)


def test_maps_are_found_in_the_order_of_the_images_and_hashed(maps):
    (maps / 'notes.txt').write_text('not a map')
    (maps / '.hidden.png').write_text('nor this')
    first = check(maps)
    assert first[0] == 1 and len(first[1]) == 12
    cv2.imwrite(str(maps / '1.png'), np.zeros((16, 16), np.uint8))
    other = check(maps)
    assert other[0] == 0 and other[1] != first[1]
    assert [path.stem for path in find_predictions(maps, IMAGES[::-1])] == ['3', '2', '1']


def test_a_palette_is_read_by_its_indices(tmp_path):
    indices = np.arange(64, dtype=np.uint8).reshape(8, 8) % 7
    image = Image.fromarray(indices, 'P')
    image.putpalette([7 * i % 256 for i in range(768)])
    image.save(tmp_path / 'a.png')
    assert np.array_equal(read_prediction(tmp_path / 'a.png'), indices)


def test_two_images_with_the_same_name_are_refused(maps):
    assert refusal(check, maps, ['a/1.png', 'b/1.png']) == (
        'a/1.png and b/1.png have the same name, so their predictions cannot be told apart: score '
        'one domain or split at a time.'
    )


def test_a_file_that_is_not_an_image(maps):
    (maps / '1.png').write_text('nothing')
    with pytest.raises(UserError, match=r'1\.png cannot be scored: \S*1\.png cannot be read'):
        check(maps)


def spoil_missing(first, second, third):
    first.unlink()
    second.rename(second.with_name('x.png'))


def spoil_kind(*paths):
    for path in paths:
        path.rename(path.with_suffix('.jpg'))


def spoil_format(first, second, *others):
    for path, kind in ((first, 'BMP'), (second, 'JPEG')):
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(path, format=kind)


def spoil_size(first, *others):
    cv2.imwrite(str(first), np.zeros((8, 4), np.uint8))


def spoil_colours(*paths):
    for path in paths:
        cv2.imwrite(str(path), np.zeros((16, 16, 3), np.uint8))


def spoil_type(first, *others):
    tifffile.imwrite(first, np.zeros((16, 16), np.float32))


def count_from_one(*paths):
    for path in paths:
        labels = np.arange(16 * 16).reshape(16, 16) % 7
        cv2.imwrite(str(path), (labels + 1).astype(np.uint8))


def no_class(first, *others):
    cv2.imwrite(str(first), np.full((16, 16), 255, np.uint8))


def twice(first, *others):
    shutil.copy(first, first.with_suffix('.tif'))


@pytest.mark.parametrize(
    'spoil, message',
    [
        (
            spoil_missing,
            'the predictions in {maps} do not match the 3 test images of this config: 2 missing '
            '(1.png, 2.png) and 1 without a test image (x.png); name each prediction after its '
            'image.',
        ),
        (
            spoil_kind,
            '{maps} contains 1.jpg, 2.jpg, 3.jpg instead of index maps: write .png or .tif files '
            '(JPEG changes the values).',
        ),
        (
            spoil_format,
            '{maps}: 1.png cannot be scored: BMP file with the suffix .png; write class indices as '
            'PNG or TIFF.',
        ),
        (spoil_size, '{maps}: 1.png cannot be scored: 4×8 pixels instead of 16×16.'),
        (
            spoil_colours,
            '{maps}: 1.png, 2.png, 3.png cannot be scored: 3 bands; write the 2-D array of '
            'class indices, not a coloured image of it.',
        ),
        (
            spoil_type,
            '{maps}: 1.png cannot be scored: values of type float32; write class indices as '
            '8-bit integers.',
        ),
        (
            count_from_one,
            '{maps}: the value 7 in 1.png, 2.png, 3.png is not a class (0…6); the values start at '
            '1, as in the label files of LoveDA (1 is background), so subtract 1.',
        ),
        (
            no_class,
            '{maps}: the value 255 in 1.png is not a class (0…6); give every pixel a class (255 is '
            'no-data in labels, or white in an image).',
        ),
        (
            twice,
            '{maps}/1.png and {maps}/1.tif are predictions of the same image: keep one of them.',
        ),
    ],
)
def test_maps_that_cannot_be_scored_are_refused(spoil, message, maps):
    spoil(*sorted(maps.iterdir()))
    assert refusal(check, maps) == message.format(maps=maps)
