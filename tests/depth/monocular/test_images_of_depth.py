import cv2
import numpy as np
import pytest
from PIL import Image
from refusals import refusal
from tiny_rasters import write_raster

from depthda.depth.monocular.images import OpticalReader
from depthda.errors import UserError


def pixels(bands=3, dtype=np.uint8, top=256, seed=0):
    return np.random.default_rng(seed).integers(0, top, (20, 30, bands)).astype(dtype)


def test_three_bands_are_read_as_rgb_from_every_format(tmp_path):
    image = pixels()
    Image.fromarray(image).save(tmp_path / 'a.png')
    write_raster(tmp_path / 'a.tif', image)
    Image.fromarray(image).save(tmp_path / 'a.jpg', quality=95)
    reader = OpticalReader()
    for name in ('a.png', 'a.tif'):
        read, valid = reader.read(tmp_path / name)
        assert valid is None
        np.testing.assert_array_equal(read, image)
    jpeg = np.asarray(Image.open(tmp_path / 'a.jpg'))
    np.testing.assert_array_equal(reader.read(tmp_path / 'a.jpg')[0], jpeg)
    assert reader.sizes([tmp_path / 'a.png', tmp_path / 'a.jpg']) == [(20, 30), (20, 30)]


def test_one_band_counts_three_times_and_a_palette_as_its_colours(tmp_path):
    grey = pixels(1)
    cv2.imwrite(str(tmp_path / 'grey.png'), grey)
    np.testing.assert_array_equal(
        OpticalReader().read(tmp_path / 'grey.png')[0], grey.repeat(3, axis=2)
    )
    picture = Image.fromarray(pixels()).quantize(16)
    picture.save(tmp_path / 'palette.png')
    np.testing.assert_array_equal(
        OpticalReader().read(tmp_path / 'palette.png')[0], np.asarray(picture.convert('RGB'))
    )


@pytest.mark.parametrize('name', ['a.png', 'a.tif'])
def test_four_bands_need_a_choice(tmp_path, name):
    image = pixels(4)
    write_raster(tmp_path / name, image)
    for check in (OpticalReader().read, lambda path: OpticalReader().sizes([path])):
        with pytest.raises(UserError, match='has 4 bands, .* with --bands 1 2 3'):
            check(tmp_path / name)
    read, _ = OpticalReader(bands=(4, 1, 2)).read(tmp_path / name)
    np.testing.assert_array_equal(read, image[..., [3, 0, 1]])
    with pytest.raises(UserError, match='has 4 bands and no band 5'):
        OpticalReader(bands=(5, 1, 2)).sizes([tmp_path / name])


@pytest.mark.parametrize('name', ['a.png', 'a.tif'])
def test_sixteen_bits_need_a_range(tmp_path, name):
    image = pixels(dtype=np.uint16, top=4000)
    write_raster(tmp_path / name, image)
    with pytest.raises(UserError, match='uint16, .* --value-range LOW HIGH'):
        OpticalReader().read(tmp_path / name)
    read, _ = OpticalReader(value_range=(1000, 3000)).read(tmp_path / name)
    expected = np.clip((image.astype(float) - 1000) / 2000 * 255, 0, 255)
    assert np.abs(read - expected).max() <= 0.5 + 1e-4


def test_pixels_without_data_are_marked(tmp_path):
    image = pixels().clip(1)
    image[3:6, 4:9] = 0
    image[0, 0, 0] = 0  # the other bands still have data
    write_raster(tmp_path / 'a.tif', image, nodata=0)
    _, valid = OpticalReader().read(tmp_path / 'a.tif')
    expected = np.ones((20, 30), bool)
    expected[3:6, 4:9] = False
    np.testing.assert_array_equal(valid, expected)
    floats = pixels().astype(np.float32)
    floats[7, 8, 1] = np.nan
    write_raster(tmp_path / 'b.tif', floats)
    read, valid = OpticalReader(value_range=(0, 255)).read(tmp_path / 'b.tif')
    assert np.argwhere(~valid).tolist() == [[7, 8]] and read[7, 8, 1] == 0


def test_a_jpeg_with_an_orientation_tag_is_read_as_in_training(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / 'a.jpg'
    Image.fromarray(pixels()).save(path, exif=exif)
    assert OpticalReader().sizes([path]) == [(30, 20)]
    read, _ = OpticalReader().read(path)
    training = cv2.imread(str(path))[..., ::-1]
    assert read.shape == training.shape == (30, 20, 3)
    assert np.abs(read.astype(int) - training).mean() < 1


@pytest.mark.parametrize('kind', ['png', 'tif'])
def test_another_file_with_an_orientation_tag_is_refused(tmp_path, kind):
    exif, path = Image.Exif(), tmp_path / f'a.{kind}'
    exif[0x0112] = 3
    Image.new('RGB', (8, 6)).save(path, exif=exif)
    assert refusal(OpticalReader().read, path) == (
        f'{path} has an orientation tag (3), which some tools follow and others ignore: save it '
        'upright (mogrify -auto-orient FILE), and check that image, label and depth have the same '
        'orientation'
    )


@pytest.mark.parametrize('name', ['a.png', 'a.jpg', 'a.tif'])
def test_a_broken_image_is_named(tmp_path, name):
    Image.fromarray(pixels()).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=f'{name} cannot be read.*: (replace|export)'):
        reader = OpticalReader()
        reader.sizes([tmp_path / name])
        reader.read(tmp_path / name)
    (tmp_path / name).write_bytes(b'')
    with pytest.raises(UserError, match=f'{name} cannot be read as an image'):
        OpticalReader().sizes([tmp_path / name])


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'bands': (0, 1, 2)}, '--bands 0 1 2: band numbers start at 1'),
        ({'value_range': (5, 5)}, 'LOW < HIGH'),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        OpticalReader(**settings)
