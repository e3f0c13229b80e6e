"""Input that once became wrong tiles silently: each case is refused, or causes a warning."""

import os

import cv2
import numpy as np
import pytest
import rasterio
import tifffile
from rasterio import Affine
from refusals import refusal
from tiny_isprs import Download, write_tif
from tiny_scenes import Scenes, write

from depthda.depth.maps import read_depth
from depthda.errors import UserError
from depthda.preparation import loveda
from depthda.preparation.folder import prepare_folder
from depthda.preparation.isprs import IsprsSettings, prepare_isprs
from depthda.preparation.splits import read_splits

SMALL = {('Train', 'Rural'): (0, 0)}
CLIPPED = 'warning: most {} are outside {} and are clipped: choose another range'
PLACE, UPSIDE_DOWN = (500000.0, 5000000.0), Affine(0.5, 0, 500000.0, 0, 0.5, 4999990.0)


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    """One scene of 20×26, with its paths relative to the current folder."""
    monkeypatch.chdir(tmp_path)
    return Scenes(tmp_path, sizes=((20, 26),))


def refused(scenes, **settings):
    """Return the message of a run that fails and leaves nothing behind."""
    with pytest.raises(UserError) as caught:
        prepare_folder(scenes.root / 'out', scenes.settings(**settings))
    assert not (scenes.root / 'out').exists()
    return str(caught.value).replace(f'{scenes.root}/', '')


def warnings(scenes, **settings):
    lines = []
    prepare_folder(scenes.root / 'out', scenes.settings(**settings), report=lines.append)
    return lines


def test_a_tiff_of_several_pages(scenes):
    pages = np.stack([scenes.images[0], scenes.images[0]])
    tifffile.imwrite('rgb/town_0_RGB.tif', pages, photometric='rgb')
    assert refused(scenes) == (
        'rgb/town_0_RGB.tif is a TIFF with 2 pages: save each page as a separate file, or all '
        'bands of one image as one page'
    )


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('miniswhite', 'stores white as 0 (MINISWHITE): save it with black as 0 (MINISBLACK)'),
        ('palette', 'has a palette: save it as red, green, blue'),
    ],
)
def test_values_that_are_not_brightness(scenes, kind, message):
    colours = dict(colormap=np.zeros((3, 256), np.uint16)) if kind == 'palette' else {}
    tifffile.imwrite('rgb/town_0_RGB.tif', scenes.images[0][..., 0], photometric=kind, **colours)
    assert refused(scenes) == f'rgb/town_0_RGB.tif {message}'


def test_a_label_of_floats(scenes):
    (scenes.root / 'classes.txt').write_text('field 0\nwood 1\nwater 2\n')
    (scenes.root / 'mask/town_0.png').unlink()
    write('mask/town_0.tif', scenes.labels[0].astype(np.float32))
    assert refused(scenes) == (
        'mask/town_0.tif has 1 band of float32, but labels by value need one band of integers: '
        'first set pixels without a value (NaN) to an unused value such as 255, because they would '
        'become 0, then save the file as uint8 (rio convert --dtype uint8 FILE NEW)'
    )


def test_heights_in_another_coordinate_system(scenes):
    write('dsm/town_0_dsm.tif', scenes.heights[0], PLACE, nodata=-9999, crs='EPSG:32633')
    files = 'dsm/town_0_dsm.tif and rgb/town_0_RGB.tif'
    assert refused(scenes) == (
        f'{files} have different coordinate systems (EPSG:32633 and EPSG:32632): resample the '
        'heights to the grid of the image, or use --warp-depth'
    )
    # Two systems that describe the same places are interchangeable.
    write('dsm/town_0_dsm.tif', scenes.heights[0], PLACE, nodata=-9999, crs='EPSG:25832')
    assert warnings(scenes) == []


def test_labels_in_another_coordinate_system(scenes):
    colours = np.zeros((20, 26, 3), np.uint8)
    (scenes.root / 'mask/town_0.png').unlink()
    write('mask/town_0.tif', colours, PLACE, crs='EPSG:32633')
    assert refused(scenes) == (
        'mask/town_0.tif and rgb/town_0_RGB.tif have different coordinate systems (EPSG:32633 and '
        'EPSG:32632): use files on the grid of the image'
    )


def test_heights_that_are_stored_bottom_up(scenes):
    write('dsm/town_0_dsm.tif', scenes.heights[0][::-1], PLACE, nodata=-9999)
    with rasterio.open('dsm/town_0_dsm.tif', 'r+') as raster:
        raster.transform = UPSIDE_DOWN
    assert refused(scenes) == (
        'dsm/town_0_dsm.tif and rgb/town_0_RGB.tif have their rows in opposite orders, because '
        'dsm/town_0_dsm.tif is stored bottom-up (gdalwarp FILE NEW flips it): resample the heights '
        'to the grid of the image, or use --warp-depth'
    )
    prepare_folder('turned', scenes.settings(cut=dict(tile=None, stride=None, warp=True)))
    write('dsm/town_0_dsm.tif', scenes.heights[0], PLACE, nodata=-9999)
    prepare_folder('upright', scenes.settings(cut=dict(tile=None, stride=None, warp=True)))
    turned, upright = (read_depth(f'{out}/depth/town_0.png') for out in ('turned', 'upright'))
    np.testing.assert_array_equal(turned, upright)


def test_a_range_that_clips_most_heights(scenes):
    (line,) = warnings(scenes, cut=dict(depth_range=(240.0, 900.0)))
    assert line == CLIPPED.format('heights', '--depth-range')


@pytest.mark.parametrize('stretch', [(0.0, 10.0), (30000.0, 60000.0)])
def test_a_stretch_that_clips_most_values(scenes, stretch):
    write('rgb/town_0_RGB.tif', scenes.images[0].astype(np.uint16) * 16 + 11, PLACE)
    (line,) = warnings(scenes, cut=dict(stretch=stretch))
    assert line == CLIPPED.format('values of the images', '--stretch')


def test_a_stretch_far_wider_than_the_values(scenes):
    write('rgb/town_0_RGB.tif', scenes.images[0].astype(np.float32) / 600, PLACE)
    (line,) = warnings(scenes, cut=dict(stretch=(0.0, 10000.0)))
    assert line == (
        'warning: with --stretch 0 10000, the images only use the levels 0 to 0 of 0 to 255: '
        'choose LOW and HIGH near the lowest and highest values of the images'
    )


def test_labels_that_start_at_1_with_a_list_of_names(scenes):
    (scenes.root / 'classes.txt').write_text('water\nforest\nfield\n')
    height, width = scenes.labels[0].shape
    mask = np.arange(height * width, dtype=np.uint8).reshape(height, width) % 3 + 1
    cv2.imwrite('mask/town_0.png', mask)
    assert refused(scenes) == (
        'mask/town_0.png has the value 3, but the class list has only 0, 1, 2, 255: if the labels '
        'start at 1, write each class as name VALUE; otherwise add each value to the class list, '
        'or add it as ignore VALUE if it is not a class'
    )


def test_images_in_place_of_labels(scenes):
    (scenes.root / 'classes.txt').write_text('building 1\nroad 2\n')
    assert refused(scenes).endswith(
        'list the classes as name RED GREEN BLUE; if these files are the images, swap --images '
        'and --labels'
    )


def test_a_stretch_of_all_values_needs_no_warning(scenes):
    write('rgb/town_0_RGB.tif', scenes.images[0].astype(np.uint16) * 16, PLACE)
    assert warnings(scenes, cut=dict(stretch=(0.0, 4080.0))) == []


def test_a_stretch_of_8_bits(scenes):
    only = dict(labels=None, depth=None, cut=dict(classes=None, stretch=(0.0, 3000.0)))
    assert refused(scenes, **only) == (
        'rgb/town_0_RGB.tif has 8-bit values, which --stretch would darken: leave out --stretch'
    )
    write('rgb/a_RGB.tif', scenes.images[0].astype(np.uint16) * 16, PLACE)
    assert refused(scenes, **only) == (
        'rgb/town_0_RGB.tif has 8-bit values, which --stretch would darken, but rgb/a_RGB.tif has '
        'uint16: prepare them as two datasets, and leave out --stretch for the 8-bit images'
    )


def test_a_suffix_that_no_depth_map_has(scenes):
    os.rename('dsm/town_0_dsm.tif', 'dsm/town_0.tif')
    assert (
        'has no depth map in dsm (town_0_RGB.tif); that folder contains town_0.tif, but only names '
        'that end with .png are used (command line: --depth-suffix; config: depth_suffix): '
    ) in refused(scenes, depth_suffix='.png')


def test_a_seed_without_splits():
    assert read_splits(None, 'image', None) is None
    assert refusal(read_splits, None, 'image', 5) == '--seed only applies to splits: add --split'


def test_a_folder_that_may_not_be_read(scenes, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if str(path).endswith('mask'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scan(path)

    monkeypatch.setattr(os, 'scandir', refuse)  # root may read every folder
    message = 'the folder mask cannot be read (Permission denied): correct its permissions'
    assert refused(scenes) == message


@pytest.fixture
def potsdam(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Download(tmp_path / 'download').potsdam({'2_10': 1})


def test_no_data_of_potsdam_that_is_not_declared(potsdam):
    path = potsdam / '1_DSM/dsm_potsdam_02_10.tif'
    heights = np.full((21, 26), 100, np.float32)
    heights[:2] = -9999
    write_tif(path, heights)
    for dsm_range in (None, (90.0, 110.0)):
        settings = IsprsSettings('potsdam', tile=8, dsm_range=dsm_range)
        assert refusal(prepare_isprs, [potsdam], 'out', settings) == (
            f'{path} has the height -9999, which looks like undeclared no-data: declare it in '
            'every such file (rio edit-info --nodata=-9999.0 FILE), or, if it is a height, set '
            '--dsm-range LOW HIGH to a range that includes it'
        )
        assert not os.path.exists('out')


def test_a_range_outside_the_heights_of_potsdam(potsdam):
    settings = dict(dataset='potsdam', tile=8)
    with pytest.raises(UserError, match=r'^the heights span .*, so --dsm-range 5000 6000 would'):
        prepare_isprs([potsdam], 'out', IsprsSettings(**settings, dsm_range=(5000.0, 6000.0)))
    assert not os.path.exists('out')
    lines = []
    wide = prepare_isprs([potsdam], 'wide', IsprsSettings(**settings))
    (low, high) = wide['dsm_range']['metres']
    few = IsprsSettings(**settings, dsm_range=(low + 0.8 * (high - low), 5000.0))
    prepare_isprs([potsdam], 'out', few, report=lines.append)
    (line,) = lines
    assert line == CLIPPED.format('heights', '--dsm-range')


def test_masks_of_another_size_than_their_images(tmp_path, monkeypatch):
    monkeypatch.setattr(loveda, 'NUMBERS', SMALL)
    image, mask = (tmp_path / f'in/Train/Rural/{kind}_png/0.png' for kind in ('images', 'masks'))
    for path, shape in ((image, (9, 9, 3)), (mask, (9, 7))):
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.ones(shape, np.uint8))
    folders = [tmp_path / 'in'], tmp_path / 'out'
    message = f'{mask} differs in size from its image, {image}: check that the two belong together'
    assert refusal(loveda.prepare_loveda, *folders, partial=True).startswith(message)
    assert not list((tmp_path / 'out').rglob('masks_png/*'))


def test_the_advice_does_not_name_an_option_that_was_given(tmp_path, monkeypatch):
    monkeypatch.setattr(loveda, 'NUMBERS', SMALL)
    path = tmp_path / 'in/Train/Rural/masks_png/0.png'
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), np.ones((9, 9, 3), np.uint8))
    message = f'{path} is 9×9×3 of type uint8, but a LoveDA label map is 9×9 of type uint8.'
    folders = [tmp_path / 'in'], tmp_path / 'out'
    assert refusal(loveda.prepare_loveda, *folders, partial=True) == message
    assert not (tmp_path / 'out').exists()
