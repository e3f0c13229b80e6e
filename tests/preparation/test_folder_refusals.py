"""Folders of images are refused for faults of their files or settings."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from refusals import refusal
from tiny_scenes import NO_HEIGHT, Scenes, write

from depthda.datasets.class_list import numbered
from depthda.errors import UserError
from depthda.preparation.folder import prepare_folder

ANY_NAMES = dict(image_suffix=None, depth_suffix=None, cut=dict(classes=numbered(['a', 'b'])))


@pytest.mark.parametrize(
    ('damage', 'fault'),
    [
        (
            lambda root: write(root / 'mask/town_0.png', np.full((20, 26, 3), 7, np.uint8)),
            r'town_0.png has 312 pixels without a class, in 1 colour \(most often \(7, 7, 7\)\): ',
        ),
        (
            lambda root: write(root / 'mask/town_0.png', np.zeros((20, 25, 3), np.uint8)),
            'have different sizes, 25×20 and 26×20: use files on the grid of the image',
        ),
        (
            lambda root: write(root / 'mask/town_0.png', np.zeros((20, 26), np.uint8)),
            'town_0.png has 1 band of uint8, but labels in colours need the bands red, green and '
            'blue with 8 bits: list the classes as name VALUE, or save the labels as RGB$',
        ),
        (lambda root: (root / 'mask/town_0.png').unlink(), '1 of 3 images .* has no label'),
        (
            lambda root: (root / 'dsm/town_9_dsm.tif').write_bytes(b''),
            'contains 1 depth map without an image in .*town_9_dsm.tif',
        ),
        (
            lambda root: (root / 'rgb/town_1_RGB.tif').write_bytes(
                (root / 'rgb/town_1_RGB.tif').read_bytes()[:500]
            ),
            'town_1_RGB.tif cannot be read',
        ),
    ],
)
def test_a_file_with_a_fault_is_named(tmp_path, damage, fault):
    scenes = Scenes(tmp_path)
    damage(tmp_path)
    with pytest.raises(UserError, match=fault):
        prepare_folder(tmp_path / 'out', scenes.settings())


@pytest.mark.parametrize('span', [None, (100.0, 300.0)])
def test_heights_that_look_like_no_data_are_refused_unless_the_range_includes_them(tmp_path, span):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    path = tmp_path / 'dsm/town_1_dsm.tif'
    write(path, scenes.heights[1], scenes.places[1])  # without the no-data tag
    settings = scenes.settings(cut=dict(depth_range=span))
    assert refusal(prepare_folder, out, settings) == (
        f'{path} has the height -9999, which looks like undeclared no-data: declare it in every '
        'such file (rio edit-info --nodata=-9999.0 FILE), or, if it is a height, set --depth-range '
        'LOW HIGH to a range that includes it'
    )
    assert not out.exists()
    prepare_folder(out, scenes.settings(cut=dict(depth_range=(-9999.0, 300.0))))
    with rasterio.open(path, 'r+') as raster:
        raster.nodata = NO_HEIGHT
    prepare_folder(tmp_path / 'declared', settings)


def test_colours_of_a_palette_are_listed_by_their_values(tmp_path):
    scenes = Scenes(tmp_path, [(16, 16)])
    mask = Image.fromarray(np.tile(np.uint8([0, 1, 2, 1]), (16, 4)), 'P')
    mask.putpalette([0, 0, 0, 255, 255, 0, 0, 90, 0])
    mask.save(tmp_path / 'mask/town_0.png')
    with pytest.raises(UserError, match=r'\(its colours come from a palette, .* values are 0, 1'):
        prepare_folder(tmp_path / 'out', scenes.settings())


def test_values_without_a_class_and_blended_labels_are_refused(tmp_path):
    scenes = Scenes(tmp_path, [(16, 16)])
    write(tmp_path / 'mask/town_0.png', np.full((16, 16), 9, np.uint8))
    with pytest.raises(UserError, match='has the value 9, but the class list has only 0, 1, 255'):
        prepare_folder(tmp_path / 'out', scenes.settings(cut=dict(classes=numbered(['a', 'b']))))
    (tmp_path / 'mask/town_0.png').unlink()
    write(tmp_path / 'mask/town_0.jpg', np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(UserError, match='town_0.jpg is a JPEG, and JPEG compression changes'):
        prepare_folder(tmp_path / 'out', scenes.settings())


@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        (dict(cut=dict(classes=None)), '--labels needs --classes'),
        (dict(cut=dict(tile=0)), '--tile 0: use 1 or more$'),
        (dict(cut=dict(stride=13)), '--stride 13 does not fit --tile 12: use a stride from 1'),
        (dict(cut=dict(tile=None)), '--stride needs --tile'),
        (dict(cut=dict(depth_range=(3.0, 1.0))), '--depth-range 3 1 is not a range'),
        (dict(depth=None, cut=dict(warp=True)), '--warp-depth needs --depth'),
        (dict(depth=None, cut=dict(depth_range=(0.0, 1.0))), '--depth-range needs --depth'),
        (dict(depth=None, cut=dict(depth_name='other')), '--depth-name needs --depth'),
        (dict(depth=None, depth_suffix='_dsm.tif'), '--depth-suffix needs --depth'),
        (
            dict(labels=None, label_suffix='.png'),
            '^--label-suffix needs --labels: add it, or leave out --label-suffix$',
        ),
        (dict(cut=dict(classes=numbered('ab'), nearest_colour=True)), 'needs --labels with colour'),
        (dict(cut=dict(bands=(0, 1, 2))), '--bands needs 1 to 32 band numbers, each of them 1 or'),
        (dict(cut=dict(bands=(1,) * 33)), 'needs 1 to 32 band numbers'),
        (dict(cut=dict(stretch=(0.0, 9.0), keep_values=True)), '--keep-values keeps 16'),
        (dict(cut=dict(depth_name='images')), "'images' cannot be a folder"),
        (dict(cut=dict(depth_name='../x')), "'../x' cannot be a folder"),
        (dict(images=Path('out')), ' overlap, so'),
        (dict(images=Path('out/images')), ' overlap, so'),
        (dict(images=Path('.')), ' overlap, so'),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path, change, fault):
    scenes = Scenes(tmp_path, [(16, 16)])
    if 'images' in change:
        change = dict(images=tmp_path / change['images'])
    with pytest.raises(UserError, match=fault):
        prepare_folder(tmp_path / 'out', scenes.settings(**change))
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('name', ['rgb/a.png', 'rgb/a.jpg', 'mask/a.png', 'dsm/a.png'])
def test_a_truncated_image_is_refused(tmp_path, name):
    rng = np.random.default_rng(0)
    for file in (name if name.startswith('rgb/') else 'rgb/a.png', 'mask/a.png', 'dsm/a.png'):
        shape = (64, 64, 3) if file.endswith('jpg') else (64, 64)
        write(tmp_path / file, rng.integers(0, 2, shape, np.uint8))
    settings = Scenes(tmp_path, ()).settings(**ANY_NAMES)
    prepare_folder(tmp_path / 'complete', settings)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=f'{path.name} is truncated'):
        prepare_folder(tmp_path / 'out', settings)


def test_an_image_of_another_format_than_its_suffix_is_named(tmp_path):
    scenes, grey = Scenes(tmp_path, [(16, 16)]), np.zeros((16, 16), np.uint8)
    settings = scenes.settings(depth=None)
    path = tmp_path / 'mask/town_0.png'
    for driver, fault in (
        ('TIFF', 'is a TIFF named .png: rename it, or save it as PNG'),
        (
            'JPEG',
            'is a JPEG, and JPEG compression changes the values of labels: export the labels again '
            'as PNG or TIFF',
        ),
        ('BMP', 'is a BMP named .png: save it as PNG'),
        ('PCX', 'is truncated, or not an image: export it again'),
    ):
        Image.fromarray(grey).save(path, format=driver)
        assert refusal(prepare_folder, tmp_path / 'out', settings) == f'{path} {fault}'
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('name', 'tag'),
    [('rgb/a.jpg', 3), ('rgb/a.png', 6), ('rgb/a.tif', 3), ('mask/a.png', 3), ('dsm/a.tif', 4)],
)
def test_files_with_an_orientation_tag_are_refused(tmp_path, name, tag):
    settings = Scenes(tmp_path, ()).settings(**ANY_NAMES)
    path, kinds = tmp_path / name, {'rgb': 'a.tif', 'mask': 'a.png', 'dsm': 'a.tif'}
    for kind, file in kinds.items():
        target = path if path.parent.name == kind else tmp_path / kind / file
        pixels = np.arange(256, dtype=np.float32 if kind == 'dsm' else np.uint8).reshape(16, 16)
        write(target, pixels % 2 if kind == 'mask' else pixels)
    picture, exif = Image.open(path), Image.Exif()
    exif[0x0112] = tag
    picture.save(path, exif=exif)
    assert refusal(prepare_folder, tmp_path / 'out', settings) == (
        f'{path} has an orientation tag ({tag}), which some tools follow and others ignore: save '
        'it upright (mogrify -auto-orient FILE), and check that image, label and depth have the '
        'same orientation'
    )
    assert not (tmp_path / 'out').exists()
    exif[0x0112] = 1
    picture.save(path, exif=exif)
    prepare_folder(tmp_path / 'out', settings)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    scenes = Scenes(tmp_path)
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='nothing can be written to .*file/out .Not a directory'):
        prepare_folder(tmp_path / 'file/out', scenes.settings())
