import cv2
import numpy as np
import pytest
import rasterio
from mmengine.config import Config
from mmengine.registry import init_default_scope

from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.errors import UserError


def image(bands=3, size=(48, 64)):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (*size, bands), np.uint8)


def test_depth_is_the_last_channel_and_the_bands_do_not_change(make_tree, pattern):
    path = make_tree() / 'Train/Urban/rdepth/test/1.png'
    picture = image()
    results = LoadDepth()(dict(img=picture, img_path='x.png', depth_path=str(path)))
    stacked = results['img']
    assert stacked.dtype == np.float32 and stacked.shape == (48, 64, 4)
    np.testing.assert_array_equal(stacked[..., :3], picture)
    np.testing.assert_allclose(stacked[..., 3] * 65535, pattern(48, 64)[2], rtol=1e-6)
    assert results['optical_bands'] == 3


def test_with_depth_path_none_the_image_keeps_its_bands(make_tree):
    results = LoadDepth('rdepth/test')(dict(img=image(), img_path='x.png', depth_path=None))
    np.testing.assert_array_equal(results['img'], image().astype(np.float32))
    assert results['img'].dtype == np.float32 and results['optical_bands'] == 3


@pytest.mark.parametrize('image_folder', [None, 'images_png', 'Urban/images_png'])
def test_the_depth_path_follows_from_the_image_path(make_tree, image_folder):
    folder = make_tree() / 'Train/Urban'
    depth = 'Urban/rdepth/test' if image_folder == 'Urban/images_png' else 'rdepth/test'
    load = LoadDepth(folder=depth, image_folder=image_folder)
    results = load(dict(img=image(), img_path=str(folder / 'images_png/2.png')))
    assert results['depth_path'] == str(folder / 'rdepth/test/2.png')


def test_a_relative_image_path_works(make_tree, monkeypatch):
    monkeypatch.chdir(make_tree() / 'Train/Urban/images_png')
    assert LoadDepth('rdepth/test')(dict(img=image(), img_path='2.png'))['img'].shape[2] == 4


def test_a_geotiff_is_found_and_scaled_by_the_value_range(make_tree, tmp_path):
    root = make_tree(depth=None) / 'Train/Urban'
    (root / 'dsm').mkdir()
    with rasterio.open(
        root / 'dsm/0.tif', 'w', driver='GTiff', width=64, height=48, count=1, dtype='float32'
    ) as raster:
        raster.write(np.full((1, 48, 64), 10, np.float32))
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
    'value, message',
    [
        (128, r'should be depth in \(0, 1\]'),
        (-0.1, r'should be depth in \(0, 1\]'),
        (np.nan, 'holds NaN: write 0 where there is no depth'),
    ],
)
def test_an_array_whose_last_channel_is_not_depth_is_refused(value, message):
    array = np.dstack([image(), np.full((48, 64), value)])
    with pytest.raises(UserError, match=message):
        LoadDepth()(dict(img=array, img_path=None))


def test_the_message_about_an_array_without_depth_gives_the_expected_shape():
    with pytest.raises(UserError, match='pipeline needs depth as the last channel: give an H×W×4'):
        LoadDepth('rdepth/test')(dict(img=image(), img_path=None))


@pytest.mark.parametrize(
    ('bands', 'depth_path', 'message'),
    [
        (4, 'a.png', r'x.png has 4 bands, .* set optical_bands=4'),
        (1, 'a.png', r'x.png has 1 band, .* LoadMultibandImage'),
        (5, None, r'has 5 bands'),
    ],
)
def test_a_wrong_number_of_bands_is_refused(bands, depth_path, message):
    with pytest.raises(UserError, match=message):
        LoadDepth()(dict(img=image(bands), img_path='x.png', depth_path=depth_path))


def test_messages_about_wrong_or_missing_maps_name_the_file(make_tree, write_png):
    folder = make_tree() / 'Train/Urban'
    path = str(folder / 'images_png/2.png')
    write_png(folder / 'rdepth/test/2.png', np.ones((30, 20), np.uint16))
    with pytest.raises(UserError, match=r'2.png is 20×30 and its image 64×48'):
        LoadDepth('rdepth/test')(dict(img=image(), img_path=path))
    (folder / 'rdepth/test/2.png').unlink()
    with pytest.raises(UserError, match=r'has no depth map .*rdepth/test/2.png \(or .tif\)'):
        LoadDepth('rdepth/test')(dict(img=image(), img_path=path))
    with pytest.raises(UserError, match='is in no folder tiles'):
        LoadDepth('rdepth/test', image_folder='tiles')(dict(img=image(), img_path=path))
    with pytest.raises(UserError, match='is an H×W×bands array'):
        LoadDepth()(dict(img=np.zeros((3, 64, 128), np.uint8), img_path=None))


def test_without_a_depth_path_or_folder_an_image_has_no_depth(make_tree):
    for path in (str(make_tree() / 'Train/Urban/images_png/2.png'), None):
        results = LoadDepth()(dict(img=image(), img_path=path))
        assert results['img'].dtype == np.float32 and np.array_equal(results['img'], image())
        assert results['depth_path'] is None


def test_invalid_settings_are_refused():
    for bands in (0, 33):
        with pytest.raises(UserError, match=f'optical_bands={bands} of LoadDepth: give 1 to 32'):
            LoadDepth(optical_bands=bands)
    with pytest.raises(UserError, match='low < high'):
        LoadDepth(value_range=(40, 0))


def test_inference_prepares_paths_and_arrays(make_tree):
    from depthda.inference.images import prepare_images

    init_default_scope('mmseg')
    path = make_tree() / 'Train/Urban/images_png/3.png'

    class Model:
        cfg = Config(
            dict(
                test_pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='LoadAnnotations'),
                    dict(type='LoadDepth', folder='rdepth/test'),
                    dict(type='Resize', scale=(32, 24)),
                    dict(type='PackSegInputs'),
                ]
            )
        )

    data, is_batch = prepare_images(str(path), Model)
    assert not is_batch and data['inputs'][0].shape == (4, 24, 32)
    array = np.dstack([cv2.imread(str(path)), np.full((48, 64), 0.5)]).astype(np.float32)
    data, _ = prepare_images([array, array], Model)
    assert len(data['inputs']) == 2 and (data['inputs'][1][3] == 0.5).all()
    with pytest.raises(UserError, match='give an H×W×4 array'):
        prepare_images(array[..., :3], Model)
