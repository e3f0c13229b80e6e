import numpy as np
import pytest
from tiny_rasters import write_raster

from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.errors import UserError


def image(bands=3, size=(48, 64)):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (*size, bands), np.uint8)


def array_with_depth(value):
    return np.dstack([image(), np.full((48, 64), value)])


FILES = dict(img_path='x.png', depth_path='a.png')


def test_depth_is_the_last_channel_and_the_bands_do_not_change(make_tree, pattern):
    path = make_tree() / 'Train/Urban/rdepth/test/1.png'
    array = image()
    results = LoadDepth()(dict(img=array, img_path='x.png', depth_path=str(path)))
    stacked = results['img']
    assert stacked.dtype == np.float32 and stacked.shape == (48, 64, 4)
    np.testing.assert_array_equal(stacked[..., :3], array)
    np.testing.assert_allclose(stacked[..., 3] * 65535, pattern(48, 64)[2], rtol=1e-6)
    assert results['optical_bands'] == 3


def test_without_a_depth_path_or_a_folder_no_depth_is_added(make_tree):
    path = str(make_tree() / 'Train/Urban/images_png/2.png')
    for folder, files in (
        ('rdepth/test', dict(img_path='x.png', depth_path=None)),
        (None, dict(img_path=path)),
        (None, dict(img_path=None)),
    ):
        results = LoadDepth(folder)(dict(img=image(), **files))
        np.testing.assert_array_equal(results['img'], image().astype(np.float32))
        assert results['img'].dtype == np.float32 and results['optical_bands'] == 3
        assert results['depth_path'] is None


@pytest.mark.parametrize('image_folder', [None, 'images_png', 'Urban/images_png'])
def test_the_depth_path_follows_from_the_image_path(make_tree, monkeypatch, image_folder):
    folder = make_tree() / 'Train/Urban'
    depth = 'Urban/rdepth/test' if image_folder == 'Urban/images_png' else 'rdepth/test'
    load = LoadDepth(folder=depth, image_folder=image_folder)
    results = load(dict(img=image(), img_path=str(folder / 'images_png/2.png')))
    assert results['depth_path'] == str(folder / 'rdepth/test/2.png')
    monkeypatch.chdir(folder / 'images_png')  # a relative path works as well
    assert LoadDepth('rdepth/test')(dict(img=image(), img_path='2.png'))['img'].shape[2] == 4


def test_a_geotiff_is_found_and_scaled_by_the_value_range(make_tree, tmp_path):
    root = make_tree(depth=None) / 'Train/Urban'
    write_raster(root / 'dsm/0.tif', np.full((48, 64), 10, np.float32))
    load = LoadDepth('dsm', value_range=(0, 40))
    results = load(dict(img=image(), img_path=str(root / 'images_png/0.png')))
    np.testing.assert_array_equal(results['img'][..., 3], np.full((48, 64), 0.25))


@pytest.mark.parametrize('bands', [1, 3, 4, 32])
def test_an_array_with_depth_is_accepted(bands):
    array = np.dstack([image(bands).astype(np.float64), np.full((48, 64), 0.4)])
    results = LoadDepth(optical_bands=bands)(dict(img=array, img_path=None))
    assert results['img'].dtype == np.float32 and results['optical_bands'] == bands
    np.testing.assert_array_equal(results['img'], array.astype(np.float32))


@pytest.mark.parametrize(
    'img, settings, sentence',
    [
        (array_with_depth(128), {}, r'should be depth in \(0, 1\]'),
        (array_with_depth(-0.1), {}, r'should be depth in \(0, 1\]'),
        (array_with_depth(np.nan), {}, 'contains NaN: use 0 where there is no depth'),
        (np.zeros((3, 64, 128), np.uint8), {}, 'pass an H×W×bands array'),
        (image(4), FILES, r'x.png has 4 bands, .* set optical_bands=4'),
        (image(1), FILES, r'x.png has 1 band, .* LoadMultibandImage'),
        (image(5), FILES | dict(depth_path=None), 'has 5 bands'),
        (image(), dict(folder='a'), 'pipeline needs depth as the last channel: pass an H×W×4'),
    ],
)
def test_arrays_without_valid_depth_or_with_other_bands_are_refused(img, settings, sentence):
    folder = settings.get('folder')
    with pytest.raises(UserError, match=sentence):
        LoadDepth(folder)(dict(img=img, img_path=None) | settings)


def test_messages_about_wrong_or_missing_maps_name_the_file(make_tree, write_png):
    folder = make_tree() / 'Train/Urban'
    path = str(folder / 'images_png/2.png')
    write_png(folder / 'rdepth/test/2.png', np.ones((30, 20), np.uint16))
    with pytest.raises(UserError, match=r'2.png is 20×30, but its image is 64×48'):
        LoadDepth('rdepth/test')(dict(img=image(), img_path=path))
    (folder / 'rdepth/test/2.png').unlink()
    with pytest.raises(UserError, match=r'has no depth map .*rdepth/test/2.png \(or .tif\)'):
        LoadDepth('rdepth/test')(dict(img=image(), img_path=path))
    with pytest.raises(UserError, match='is not in a folder tiles'):
        LoadDepth('rdepth/test', image_folder='tiles')(dict(img=image(), img_path=path))


def test_wrong_settings():
    for bands in (0, 33):
        with pytest.raises(
            UserError, match=f'optical_bands={bands} of LoadDepth must be from 1 to 32'
        ):
            LoadDepth(optical_bands=bands)
    with pytest.raises(UserError, match='low < high'):
        LoadDepth(value_range=(40, 0))
