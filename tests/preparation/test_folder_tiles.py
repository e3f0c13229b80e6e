"""What is in the tiles of a prepared folder, and in its report."""

import json
import os

import numpy as np
import pytest
from prepared_files import read
from tiny_scenes import NO_HEIGHT, Scenes, write

from depthda.datasets.class_list import numbered
from depthda.errors import UserError
from depthda.preparation.folder import prepare_folder
from depthda.preparation.report import describe_folder


def test_tiles_have_the_pixels_of_their_position(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    manifest = prepare_folder(out, scenes.settings())
    valid = np.concatenate([heights[heights != NO_HEIGHT] for heights in scenes.heights])
    low, high = valid.min(), valid.max()
    assert manifest['settings']['depth_range'] == [low, high]
    classes = np.array([0, 1, 255])
    seen = 0
    for n, (height, width) in enumerate(scenes.sizes):
        tops = [0, 8] if height == 20 else [0, 4] if height == 16 else [0, 8, 16, 21]
        lefts = [0, 8, 14] if width == 26 else [0, 4]
        for top in tops:
            for left in lefts:
                name = f'town_{n}_{left}_{top}_{left + 12}_{top + 12}'
                at = np.s_[top : top + 12, left : left + 12]
                assert np.array_equal(read(out / f'images/{name}.png'), scenes.images[n][at])
                labels = read(out / f'labels/{name}.png')
                assert np.array_equal(labels, classes[scenes.labels[n][at]])
                codes = read(out / f'depth/{name}.png')
                heights = scenes.heights[n][at].astype(float)
                expected = np.maximum(np.rint((heights - low) / (high - low) * 65535), 1)
                assert codes.dtype == np.uint16
                assert np.abs(codes - np.where(heights == NO_HEIGHT, 0, expected)).max() <= 1
                assert np.array_equal(codes == 0, heights == NO_HEIGHT)
                seen += 1
    assert seen == len(list((out / 'images').iterdir())) == 18
    assert manifest['scenes']['town_1']['size'] == [16, 16]
    for n in range(3):
        facts = manifest['scenes'][f'town_{n}']
        tiles = [read(out / f'labels/{tile}.png') for tile in facts['tiles']]
        assert facts['pixels'] == [sum(int((t == c).sum()) for t in tiles) for c in classes]
        maps = np.stack([read(out / f'depth/{tile}.png') for tile in facts['tiles']])
        assert facts['depth_pixels'] == [int((maps > 0).sum()), maps.size]


def test_whole_images_without_labels_or_heights(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    cut = dict(tile=None, stride=None, classes=None)
    manifest = prepare_folder(out, scenes.settings(labels=None, depth=None, cut=cut))
    assert sorted(os.listdir(out)) == ['.lock', 'images', 'manifest.json']
    for n, image in enumerate(scenes.images):
        assert np.array_equal(read(out / f'images/town_{n}.png'), image)
    assert manifest['classes'] is None and manifest['depth'] is None
    lines = ['x: 3 files from 3 images', 'written: images (3 files)']
    assert describe_folder(manifest, 'x') == lines


def test_values_grey_images_and_maps_of_8_and_16_bits(tmp_path):
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (8, 9), np.uint8)
    values = rng.choice([0, 1, 2, 255], (8, 9)).astype(np.uint8)
    codes = rng.integers(0, 65536, (8, 9), np.uint16)
    bytes_ = rng.integers(0, 256, (8, 9), np.uint8)
    for name, depth in (('a', codes), ('b', bytes_)):
        write(tmp_path / f'rgb/sub/{name}.png', grey)
        write(tmp_path / f'mask/sub/{name}.png', values)
        write(tmp_path / f'dsm/sub/{name}.png', depth)
    cut = dict(tile=None, stride=None, classes=numbered(['x', 'y'], 1), depth_name='rdepth/given')
    settings = Scenes(tmp_path, ()).settings(image_suffix=None, depth_suffix=None, cut=cut)
    prepare_folder(tmp_path / 'out', settings)
    assert np.array_equal(read(tmp_path / 'out/images/sub/a.png'), grey)
    expected = np.select([values == 1, values == 2], [0, 1], 255)
    assert np.array_equal(read(tmp_path / 'out/labels/sub/b.png'), expected)
    assert np.array_equal(read(tmp_path / 'out/rdepth/given/sub/a.png'), codes)
    as_16 = np.rint((bytes_ + 1.0) / 256 * 65535)
    assert np.abs(read(tmp_path / 'out/rdepth/given/sub/b.png') - as_16).max() <= 1


def test_bands_are_chosen_and_values_stretched(tmp_path):
    scenes = Scenes(tmp_path, ())
    pixels = np.random.default_rng(2).integers(0, 4000, (12, 12, 4)).astype(np.uint16)
    write(tmp_path / 'rgb/a_RGB.tif', pixels)
    only = dict(labels=None, depth=None)
    with pytest.raises(UserError, match=r'_RGB.tif has 4 bands: select .* \(1 2 3 4 keeps all;'):
        prepare_folder(tmp_path / 'out', scenes.settings(**only, cut=dict(classes=None)))
    cut = dict(classes=None, bands=(4, 1, 2))
    with pytest.raises(UserError, match='values of type uint16: use --stretch LOW HIGH'):
        prepare_folder(tmp_path / 'out', scenes.settings(**only, cut=cut))
    # A run that wrote no tile does not bind the next one to its settings.
    cut |= dict(stretch=(500.0, 3500.0))
    prepare_folder(tmp_path / 'out', scenes.settings(**only, cut=cut))
    shades = np.rint(np.clip((pixels[..., [3, 0, 1]] - 500.0) / 3000 * 255, 0, 255))
    assert np.abs(read(tmp_path / 'out/images/a_0_0_12_12.png') - shades).max() <= 1


def test_tiles_without_image_data_are_left_out_and_small_images_kept(tmp_path):
    scenes = Scenes(tmp_path, ())
    image = np.full((24, 24, 3), 9, np.uint8)
    image[:, :12] = 0
    image[20, 3] = (0, 0, 1)  # one pixel of an image
    write(tmp_path / 'rgb/a_RGB.tif', image, nodata=0)
    write(tmp_path / 'rgb/b_RGB.tif', image[:7, 12:])
    cut = dict(classes=None, stride=12)
    manifest = prepare_folder(tmp_path / 'out', scenes.settings(labels=None, depth=None, cut=cut))
    assert manifest['scenes']['a']['tiles'] == ['a_12_0_24_12', 'a_0_12_12_24', 'a_12_12_24_24']
    assert read(tmp_path / 'out/images/b_0_0_12_7.png').shape == (7, 12, 3)
    lines = '\n'.join(describe_folder(manifest, 'x'))
    assert 'left out (no image data): 1 tile\n' in lines
    assert 'smaller than a tile (training pads crops): 1 image (b)' in lines
    again = prepare_folder(tmp_path / 'out', scenes.settings(labels=None, depth=None, cut=cut))
    assert again == manifest


def test_a_range_clips_outliers_and_must_include_some_heights(tmp_path):
    scenes = Scenes(tmp_path, [(16, 16)])
    scenes.heights[0][scenes.heights[0] == NO_HEIGHT] = 200
    scenes.heights[0][0, 0] = -5000.5  # far below, but no typical no-data
    write(tmp_path / 'dsm/town_0_dsm.tif', scenes.heights[0], scenes.places[0])
    prepare_folder(tmp_path / 'out', scenes.settings(cut=dict(depth_range=(150.0, 250.0))))
    assert read(tmp_path / 'out/depth/town_0_0_0_12_12.png')[0, 0] == 1
    scenes.heights[0][0, 0] = 200
    write(tmp_path / 'dsm/town_0_dsm.tif', scenes.heights[0], scenes.places[0])
    with pytest.raises(UserError) as caught:
        prepare_folder(tmp_path / 'new', scenes.settings(cut=dict(depth_range=(0.0, 30.0))))
    low, high = scenes.heights[0].min(), scenes.heights[0].max()
    assert str(caught.value) == (
        f'the heights span {low:g} to {high:g}, so --depth-range 0 30 would map all of them to one '
        'depth: use a range in the unit of the files'
    )
    assert not (tmp_path / 'new').exists()


def test_masks_of_0_and_255_get_a_warning_and_then_a_class(tmp_path):
    scenes, lines = Scenes(tmp_path, [(16, 16)]), 'ground 0\nbuilding {}\n'
    mask = np.zeros((16, 16), np.uint8)
    mask[:4] = 255
    write(tmp_path / 'mask/town_0.png', mask)
    uncut = dict(tile=None, stride=None)
    for value, last in (
        (
            1,
            'warning: no pixel has the class building, but the value 255, which is ignored, occurs '
            "in 64 pixels: if 255 is a class, write 'building 255' in the class list",
        ),
        (255, f'  {"ignored":<20} {0:>15} {0:7.2%}'),
    ):
        (tmp_path / 'classes.txt').write_text(lines.format(value))
        out = tmp_path / str(value)
        described = describe_folder(prepare_folder(out, scenes.settings(cut=uncut)), 'x')
        assert described[-1] == last
        labels = read(out / 'labels/town_0.png')
        assert np.array_equal(labels, np.where(mask, 255 if value == 1 else 1, 0))


def test_the_report_names_faults(tmp_path):
    scenes = Scenes(tmp_path)
    bare = np.full((16, 16), NO_HEIGHT, np.float32)
    write(tmp_path / 'dsm/town_1_dsm.tif', bare, scenes.places[1], nodata=NO_HEIGHT)
    mask = np.full((16, 16, 3), (250, 250, 9), np.uint8)
    write(tmp_path / 'mask/town_1.png', mask)
    settings = scenes.settings(domain='south', cut=dict(nearest_colour=True))
    manifest = prepare_folder(tmp_path / 'out', settings)
    lines = describe_folder(manifest, 'data/x')
    assert lines[0] == 'data/x: 18 tiles of 12² pixels from 3 images, domain south'
    assert 'without any depth: 1 image (town_1)' in lines
    assert 'unlisted label colours became the nearest listed colour: 1 image (town_1)' in lines
    rows = [line.rsplit(maxsplit=2) for line in lines[lines.index('pixels by class:') + 1 :]]
    assert [row[0].strip() for row in rows] == ['field', 'old wood', 'ignored']
    assert sum(int(row[1].replace(',', '')) for row in rows) == 18 * 144
    assert json.loads((tmp_path / 'out/manifest.json').read_text()) == manifest


def test_pixels_without_a_value_get_a_warning(tmp_path):
    scenes = Scenes(tmp_path, ())
    for name in 'ab':
        image = np.full((20, 20, 3), 0.5, np.float32)
        image[3, 5:7, 0] = image[9, 9] = np.nan  # row 9 is in two rows of tiles
        write(tmp_path / f'rgb/{name}_RGB.tif', image if name == 'b' else np.nan_to_num(image))
    cut = dict(classes=None, stretch=(0.0, 1.0))
    settings = scenes.settings(labels=None, depth=None, cut=cut)
    manifest = prepare_folder(tmp_path / 'out', settings)
    assert read(tmp_path / 'out/images/b_0_0_12_12.png')[3, 5].tolist() == [0, 128, 128]
    assert describe_folder(manifest, 'x')[2:] == [
        'warning: 3 pixels without a value (NaN) became 0 in 1 image (b): label these pixels with '
        'an ignored value'
    ]
