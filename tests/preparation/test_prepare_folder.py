import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image
from tiny_scenes import NO_HEIGHT, Scenes, write

from depthda.errors import UserError
from depthda.preparation import folder
from depthda.preparation.class_list import numbered
from depthda.preparation.folder import prepare_folder
from depthda.preparation.folder_report import describe
from depthda.preparation.folder_splits import Splits, read_splits


def read(path):
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture[..., ::-1] if picture.ndim == 3 else picture


def every_file(root):
    found = (path for path in sorted(root.rglob('*')) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_tiles_are_the_pixels_of_their_place(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    manifest = prepare_folder(out, scenes.settings())
    low = min(each[each != NO_HEIGHT].min() for each in scenes.heights)
    high = max(each[each != NO_HEIGHT].max() for each in scenes.heights)
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
                wanted = np.maximum(np.rint((heights - low) / (high - low) * 65535), 1)
                assert codes.dtype == np.uint16
                assert np.abs(codes - np.where(heights == NO_HEIGHT, 0, wanted)).max() <= 1
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
    assert describe(manifest, 'x') == [
        'x: 3 pictures of 3 images',
        'written: images (3 files)',
    ]


def test_values_grey_images_and_maps_of_8_and_16_bits(tmp_path):
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (8, 9), np.uint8)
    values = rng.choice([0, 1, 2, 255], (8, 9)).astype(np.uint8)
    codes = rng.integers(0, 65536, (8, 9), np.uint16)
    bytes_ = rng.integers(0, 256, (8, 9), np.uint8)
    for name, depth in (('a', codes), ('b', bytes_)):
        write(tmp_path / f'images/sub/{name}.png', grey)
        write(tmp_path / f'labels/sub/{name}.png', values)
        write(tmp_path / f'depth/sub/{name}.png', depth)
    settings = Scenes(tmp_path / 'other', ()).settings(
        images=tmp_path / 'images',
        labels=tmp_path / 'labels',
        depth=tmp_path / 'depth',
        image_suffix=None,
        depth_suffix=None,
        cut=dict(
            tile=None, stride=None, classes=numbered(['x', 'y'], 1), depth_name='rdepth/given'
        ),
    )
    prepare_folder(tmp_path / 'out', settings)
    assert np.array_equal(read(tmp_path / 'out/images/sub/a.png'), grey)
    wanted = np.select([values == 1, values == 2], [0, 1], 255)
    assert np.array_equal(read(tmp_path / 'out/labels/sub/b.png'), wanted)
    assert np.array_equal(read(tmp_path / 'out/rdepth/given/sub/a.png'), codes)
    as_16 = np.rint((bytes_ + 1.0) / 256 * 65535)
    assert np.abs(read(tmp_path / 'out/rdepth/given/sub/b.png') - as_16).max() <= 1


def test_bands_are_chosen_and_values_stretched(tmp_path):
    scenes = Scenes(tmp_path, ())
    pixels = np.random.default_rng(2).integers(0, 4000, (12, 12, 4)).astype(np.uint16)
    write(tmp_path / 'rgb/a_RGB.tif', pixels)
    only = dict(labels=None, depth=None)
    with pytest.raises(
        UserError, match=r'a_RGB.tif has 4 bands: name those to keep .* \(1 2 3 4 for all;'
    ):
        prepare_folder(tmp_path / 'out', scenes.settings(**only, cut=dict(classes=None)))
    cut = dict(classes=None, bands=(4, 1, 2))
    with pytest.raises(UserError, match='is uint16: give --stretch LOW HIGH'):
        prepare_folder(tmp_path / 'out', scenes.settings(**only, cut=cut))
    # A run that wrote no tile does not bind the next one to its settings.
    cut |= dict(stretch=(500.0, 3500.0))
    prepare_folder(tmp_path / 'out', scenes.settings(**only, cut=cut))
    shades = np.rint(np.clip((pixels[..., [3, 0, 1]] - 500.0) / 3000 * 255, 0, 255))
    assert np.abs(read(tmp_path / 'out/images/a_0_0_12_12.png') - shades).max() <= 1


def test_places_without_image_are_left_out_and_small_images_kept(tmp_path):
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
    said = '\n'.join(describe(manifest, 'x'))
    assert 'left out, without a pixel of an image: 1 tile\n' in said
    assert 'smaller than a tile, and kept whole: 1 image (b)' in said
    again = prepare_folder(tmp_path / 'out', scenes.settings(labels=None, depth=None, cut=cut))
    assert again == manifest


def test_splits_are_lists_that_part_the_tiles(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    splits = Splits({'train': 0.5, 'test': 0.5}, by='block')
    manifest = prepare_folder(out, scenes.settings(splits=splits))
    lists = {name: (out / f'{name}.txt').read_text().split() for name in ('train', 'test')}
    tiles = {path.stem for path in (out / 'images').iterdir()}
    assert set(lists['train']) | set(lists['test']) == tiles
    assert not set(lists['train']) & set(lists['test'])
    assert manifest['splits'] == {name: len(listed) for name, listed in lists.items()}
    assert len(tiles) + manifest['crossing'] == 18 and manifest['crossing'] > 0
    # They lie side by side on the map from west to east, and are cut there.
    east = {name: n * 100 + int(name.split('_')[2]) for name in tiles for n in [int(name[5])]}
    assert max(east[name] for name in lists['train']) < min(east[name] for name in lists['test'])


def test_lists_leave_out_whom_they_do_not_name(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    (tmp_path / 'a.txt').write_text('town_2\n\n')
    (tmp_path / 'b.txt').write_text('town_0.tif\n')
    splits = read_splits([f'train={tmp_path / "a.txt"}', f'val={tmp_path / "b.txt"}'], 'image', 0)
    manifest = prepare_folder(out, scenes.settings(splits=splits))
    assert {name[:6] for name in (out / 'train.txt').read_text().split()} == {'town_2'}
    assert {path.name[:6] for path in (out / 'images').iterdir()} == {'town_0', 'town_2'}
    assert manifest['unlisted'] == 1
    assert 'left out, in no list: 1 image' in describe(manifest, 'x')
    (tmp_path / 'b.txt').write_text('\n')
    splits = read_splits([f'train={tmp_path / "a.txt"}', f'val={tmp_path / "b.txt"}'], 'image', 0)
    with pytest.raises(UserError, match='list of val is empty'):
        prepare_folder(tmp_path / 'other', scenes.settings(splits=splits))


@pytest.mark.parametrize(
    ('parts', 'by', 'fault'),
    [
        (['train'], 'image', 'write NAME=SHARE'),
        (['a=0.5', 'a=0.5'], 'image', 'each name once'),
        (['../a=1'], 'image', 'write NAME=SHARE'),
        (
            ['a=none.txt'],
            'image',
            r'--split a=none.txt: none.txt is neither a share \(0.7\) nor a file '
            'with a name a line$',
        ),
        (['a=70%'], 'image', 'a=70%: 70% is neither a share'),
        (['a='], 'image', '--split a=: nothing is neither a share'),
        (
            ['a=0.5', 'b=b.txt'],
            'image',
            r'--split a=0.5 b=b.txt mixes shares and lists: give a share for each \(train=0.7\) or '
            r'a file for each \(train=train.txt\)$',
        ),
        (['a=none.txt'], 'block', 'takes shares'),
        (None, 'block', 'is about splits: add --split'),
    ],
)
def test_splits_that_cannot_be_read_are_told(parts, by, fault):
    with pytest.raises(UserError, match=fault):
        read_splits(parts, by, 0)


def test_heights_on_another_grid_are_refused_or_warped(tmp_path):
    scenes, out = Scenes(tmp_path, [(20, 26)]), tmp_path / 'out'
    east, north = scenes.places[0]
    y, x = np.mgrid[:14, :17]
    slope = (2.0 * x + 100).astype(np.float32)  # of pixels of 1 m, from 2 m west and north
    write(tmp_path / 'dsm/town_0_dsm.tif', slope, (east - 2, north + 2), pixel=1.0)
    with pytest.raises(UserError, match='town_0_dsm.tif .* pixels of 1×1 .* --warp-depth'):
        prepare_folder(out, scenes.settings())
    assert not list(out.glob('*/*'))
    prepare_folder(out, scenes.settings(cut=dict(warp=True, depth_range=(100.0, 132.0))))
    column = (np.arange(12) + 0.5) * 0.5 + 2 - 0.5
    wanted = np.rint(2.0 * column / 32 * 65535)
    assert np.abs(read(out / 'depth/town_0_0_0_12_12.png') - wanted).max() <= 2


@pytest.mark.parametrize(
    ('spoil', 'fault'),
    [
        (
            lambda root: write(root / 'mask/town_0.png', np.full((20, 26, 3), 7, np.uint8)),
            r'town_0.png has 312 pixels of no class, in 1 colour \(most often \(7, 7, 7\)\)',
        ),
        (
            lambda root: write(root / 'mask/town_0.png', np.zeros((20, 25, 3), np.uint8)),
            'are 25×20 and 26×20: a label has the grid of its image',
        ),
        (
            lambda root: write(root / 'mask/town_0.png', np.zeros((20, 26), np.uint8)),
            'town_0.png has 1 band of uint8, and the list of classes has colours, which are red, '
            'green and blue of 8 bits: write the list as name VALUE, or save masks as RGB$',
        ),
        (lambda root: (root / 'mask/town_0.png').unlink(), '1 of 3 images .* has no label'),
        (
            lambda root: (root / 'dsm/town_9_dsm.tif').write_bytes(b''),
            'holds 1 depth map without an image in .*town_9_dsm.tif',
        ),
        (
            lambda root: (root / 'rgb/town_1_RGB.tif').write_bytes(
                (root / 'rgb/town_1_RGB.tif').read_bytes()[:500]
            ),
            'town_1_RGB.tif cannot be read',
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path, spoil, fault):
    scenes = Scenes(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError, match=fault):
        prepare_folder(tmp_path / 'out', scenes.settings())


@pytest.mark.parametrize('span', [None, (100.0, 300.0)])
def test_heights_that_look_like_no_data_are_refused_unless_the_range_has_them(tmp_path, span):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    path = tmp_path / 'dsm/town_1_dsm.tif'
    write(path, scenes.heights[1], scenes.places[1])  # as it is, but without the tag
    settings = scenes.settings(cut=dict(depth_range=span))
    with pytest.raises(UserError) as caught:
        prepare_folder(out, settings)
    assert str(caught.value) == (
        f'{path} has the height -9999, which looks like no-data that the file does not declare: '
        'declare it in every such file (rio edit-info --nodata=-9999.0 FILE), or give a '
        '--depth-range LOW HIGH that includes it if it is a height'
    )
    assert not out.exists()
    prepare_folder(out, scenes.settings(cut=dict(depth_range=(-9999.0, 300.0))))
    with rasterio.open(path, 'r+') as raster:
        raster.nodata = NO_HEIGHT
    prepare_folder(tmp_path / 'declared', settings)


def test_a_range_clips_outliers_and_holds_a_part_of_the_heights(tmp_path):
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
        f'all heights are {low:g} to {high:g}, so --depth-range 0 30 would make one depth of them: '
        'give a range in the unit of the files'
    )
    assert not (tmp_path / 'new').exists()


def test_colours_of_a_palette_are_listed_by_their_values(tmp_path):
    scenes = Scenes(tmp_path, [(16, 16)])
    mask = Image.fromarray(np.tile(np.uint8([0, 1, 2, 1]), (16, 4)), 'P')
    mask.putpalette([0, 0, 0, 255, 255, 0, 0, 90, 0])
    mask.save(tmp_path / 'mask/town_0.png')
    with pytest.raises(UserError, match=r'8 bits \(its colours are a palette over the values 0, 1'):
        prepare_folder(tmp_path / 'out', scenes.settings())


def test_masks_of_0_and_255_get_a_warning_and_then_a_class(tmp_path):
    scenes, lines = Scenes(tmp_path, [(16, 16)]), 'ground 0\nbuilding {}\n'
    mask = np.zeros((16, 16), np.uint8)
    mask[:4] = 255
    write(tmp_path / 'mask/town_0.png', mask)
    whole = dict(tile=None, stride=None)
    for value, last in (
        (
            1,
            'warning: no pixel of building; 64 pixels have the value 255, which counts as ignored: '
            "write 'building 255' in the list of classes if it is a class",
        ),
        (255, f'  {"ignored":<20} {0:>15} {0:7.2%}'),
    ):
        (tmp_path / 'classes.txt').write_text(lines.format(value))
        out = tmp_path / str(value)
        said = describe(prepare_folder(out, scenes.settings(cut=whole)), 'x')
        assert said[-1] == last
        labels = read(out / 'labels/town_0.png')
        assert np.array_equal(labels, np.where(mask, 255 if value == 1 else 1, 0))


def test_values_of_no_class_and_blended_labels_are_refused(tmp_path):
    scenes = Scenes(tmp_path, [(16, 16)])
    write(tmp_path / 'mask/town_0.png', np.full((16, 16), 9, np.uint8))
    with pytest.raises(UserError, match='has the value 9 of no class .there are 0, 1, 255.'):
        prepare_folder(tmp_path / 'out', scenes.settings(cut=dict(classes=numbered(['a', 'b']))))
    (tmp_path / 'mask/town_0.png').unlink()
    write(tmp_path / 'mask/town_0.jpg', np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(UserError, match='town_0.jpg is JPEG, which blends labels'):
        prepare_folder(tmp_path / 'out', scenes.settings())


@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        (dict(cut=dict(classes=None)), '--labels needs --classes FILE'),
        (dict(cut=dict(tile=0)), '--tile 0: a tile has a side of 1 pixel or more$'),
        (dict(cut=dict(stride=13)), 'tiles of 12 every 13 pixels'),
        (dict(cut=dict(tile=None)), '--stride is about tiles'),
        (dict(cut=dict(depth_range=(3.0, 1.0))), '--depth-range 3 1 is no range'),
        (dict(depth=None, cut=dict(warp=True)), 'are about heights: add --depth'),
        (dict(cut=dict(classes=numbered('ab'), nearest_colour=True)), 'about labels in colours'),
        (dict(cut=dict(bands=(0, 1, 2))), 'takes 1 to 32 bands, counted from 1'),
        (dict(cut=dict(bands=(1,) * 33)), 'takes 1 to 32 bands'),
        (dict(cut=dict(stretch=(0.0, 9.0), keep_values=True)), 'that --keep-values keeps'),
        (dict(cut=dict(depth_name='images')), "'images' cannot be a folder"),
        (dict(cut=dict(depth_name='../x')), "'../x' cannot be a folder"),
        (dict(splits=Splits({'train': 0.5})), 'add up to 1'),
        (dict(images=Path('out')), 'lie in each other'),
        (dict(images=Path('out/images')), 'lie in each other'),
        (dict(images=Path('.')), 'lie in each other'),
    ],
)
def test_settings_that_contradict_are_refused(tmp_path, change, fault):
    scenes = Scenes(tmp_path, [(16, 16)])
    if 'images' in change:
        change = dict(images=tmp_path / change['images'])
    with pytest.raises(UserError, match=fault):
        prepare_folder(tmp_path / 'out', scenes.settings(**change))
    assert not (tmp_path / 'out').exists()


def test_the_next_run_does_what_is_left_alone(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    prepare_folder(out, scenes.settings())
    whole = every_file(out)
    (out / 'depth/town_0_0_0_12_12.png').unlink()
    (out / 'images/.town_0_0_0_12_12-abcd1234.png').write_bytes(b'half')
    before = {path: path.stat().st_mtime_ns for path in out.rglob('town_[12]*')}
    prepare_folder(out, scenes.settings())
    assert every_file(out) == whole
    assert {path: path.stat().st_mtime_ns for path in out.rglob('town_[12]*')} == before


def test_the_order_in_which_images_are_done_leaves_no_trace(tmp_path, monkeypatch):
    scenes = Scenes(tmp_path)
    prepare_folder(tmp_path / 'one', scenes.settings())
    in_order = folder.each_done
    monkeypatch.setattr(folder, 'each_done', lambda *args: reversed(list(in_order(*args))))
    prepare_folder(tmp_path / 'other', scenes.settings())
    assert every_file(tmp_path / 'one') == every_file(tmp_path / 'other')


def test_files_that_change_or_go_are_followed(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    prepare_folder(out, scenes.settings(cut=dict(depth_range=(90.0, 300.0))))
    image = 255 - scenes.images[1]
    write(tmp_path / 'rgb/town_1_RGB.tif', image, scenes.places[1])
    for path in ('rgb/town_0_RGB.tif', 'mask/town_0.png', 'dsm/town_0_dsm.tif'):
        (tmp_path / path).unlink()
    settings = scenes.settings(cut=dict(depth_range=(90.0, 300.0)))
    manifest = prepare_folder(out, settings, replace=True)
    assert np.array_equal(read(out / 'images/town_1_0_0_12_12.png'), image[:12, :12])
    assert not list(out.glob('*/town_0*')) and 'town_0' not in manifest['scenes']


def test_other_settings_and_other_folders_are_refused(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    prepare_folder(out, scenes.settings())
    with pytest.raises(UserError, match='was made with tile 12, and tile 10 is asked for'):
        prepare_folder(out, scenes.settings(cut=dict(tile=10)))
    with pytest.raises(UserError, match='was made with tile 12, and no tile is asked for'):
        prepare_folder(out, scenes.settings(cut=dict(tile=None, stride=None)))
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/thesis.txt').write_text('')
    with pytest.raises(UserError, match='holds something else already'):
        prepare_folder(tmp_path / 'mine', scenes.settings())


def test_domains_side_by_side_have_one_list_of_classes(tmp_path):
    scenes = Scenes(tmp_path)
    prepare_folder(tmp_path / 'set/winter', scenes.settings(domain='winter'))
    prepare_folder(tmp_path / 'set/summer', scenes.settings(domain='summer'))
    (tmp_path / 'classes.txt').write_text('wood 255 255 0\nfield 0 90 0\nignore 0 0 0\n')
    with pytest.raises(UserError, match='domain summer in .* has the classes field, old wood'):
        prepare_folder(tmp_path / 'set/autumn', scenes.settings(domain='autumn'))


def test_the_report_names_what_is_odd(tmp_path):
    scenes = Scenes(tmp_path)
    bare = np.full((16, 16), NO_HEIGHT, np.float32)
    write(tmp_path / 'dsm/town_1_dsm.tif', bare, scenes.places[1], nodata=NO_HEIGHT)
    mask = np.full((16, 16, 3), (250, 250, 9), np.uint8)
    write(tmp_path / 'mask/town_1.png', mask)
    manifest = prepare_folder(
        tmp_path / 'out', scenes.settings(domain='south', cut=dict(nearest_colour=True))
    )
    said = describe(manifest, 'data/x')
    assert said[0] == 'data/x: 18 tiles of 12² of 3 images, domain south'
    assert 'without any depth: 1 image (town_1)' in said
    assert 'labels with colours of no class, which got the nearest: 1 image (town_1)' in said
    rows = [line.rsplit(maxsplit=2) for line in said[said.index('pixels by class:') + 1 :]]
    assert [row[0].strip() for row in rows] == ['field', 'old wood', 'ignored']
    assert sum(int(row[1].replace(',', '')) for row in rows) == 18 * 144
    assert json.loads((tmp_path / 'out/manifest.json').read_text()) == manifest


def test_stopped_after_any_file_and_run_again_gives_the_same_bytes(tmp_path, monkeypatch):
    scenes = Scenes(tmp_path)
    splits = Splits({'train': 0.67, 'test': 0.33})
    prepare_folder(tmp_path / 'clean', scenes.settings(splits=splits))
    clean, out = every_file(tmp_path / 'clean'), tmp_path / 'out'
    replace, left = os.replace, 0

    def stop_in_time(source, target):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, 'replace', stop_in_time)
    for files in (0, 1, 5, 30, 40):
        left = files
        with pytest.raises(KeyboardInterrupt):
            prepare_folder(out, scenes.settings(splits=splits))
    left = 1000
    prepare_folder(out, scenes.settings(splits=splits))
    assert every_file(out) == clean


@pytest.mark.parametrize(
    'kind', ['rgb/town_1.png', 'rgb/town_1.jpg', 'mask/town_1.png', 'dsm/town_1.png']
)
def test_a_picture_that_is_cut_short_is_refused(tmp_path, kind):
    rng = np.random.default_rng(0)
    for name in ('rgb/town_1.png', 'mask/town_1.png', 'dsm/town_1.png'):
        write(tmp_path / name, rng.integers(0, 2, (64, 64), np.uint8))
    if kind.startswith('rgb/') and kind.endswith('jpg'):
        (tmp_path / 'rgb/town_1.png').unlink()
        write(tmp_path / kind, rng.integers(0, 255, (64, 64, 3), np.uint8))
    settings = Scenes(tmp_path / 'other', ()).settings(
        images=tmp_path / 'rgb',
        labels=tmp_path / 'mask',
        depth=tmp_path / 'dsm',
        image_suffix=None,
        depth_suffix=None,
        cut=dict(classes=numbered(['a', 'b'])),
    )
    prepare_folder(tmp_path / 'whole', settings)
    path = tmp_path / kind
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=f'{path.name} is cut short'):
        prepare_folder(tmp_path / 'out', settings)


def test_a_picture_of_another_format_than_its_name_is_named(tmp_path):
    scenes, grey = Scenes(tmp_path, [(16, 16)]), np.zeros((16, 16), np.uint8)
    settings = scenes.settings(depth=None)
    path = tmp_path / 'mask/town_0.png'
    for driver, fault in (
        ('TIFF', 'is a TIFF named .png: rename it, or save it as PNG'),
        ('JPEG', 'is JPEG, which blends labels: save it as PNG or TIFF'),
        ('BMP', 'is a BMP named .png: save it as PNG'),
        ('PCX', 'is cut short, or no picture at all: write it again'),
    ):
        Image.fromarray(grey).save(path, format=driver)
        with pytest.raises(UserError) as caught:
            prepare_folder(tmp_path / 'out', settings)
        assert str(caught.value) == f'{path} {fault}'
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('name', 'turn'),
    [('rgb/a.jpg', 3), ('rgb/a.png', 6), ('rgb/a.tif', 3), ('mask/a.png', 3), ('dsm/a.tif', 4)],
)
def test_what_an_orientation_tag_turns_is_refused(tmp_path, name, turn):
    folders = dict(images=tmp_path / 'rgb', labels=tmp_path / 'mask', depth=tmp_path / 'dsm')
    suffixes = dict(image_suffix=None, depth_suffix=None)
    settings = Scenes(tmp_path / 'other', ()).settings(
        **folders, **suffixes, cut=dict(classes=numbered(['a', 'b']))
    )
    path, kinds = tmp_path / name, {'rgb': 'a.tif', 'mask': 'a.png', 'dsm': 'a.tif'}
    for kind, file in kinds.items():
        place = path if path.parent.name == kind else tmp_path / kind / file
        pixels = np.arange(256, dtype=np.float32 if kind == 'dsm' else np.uint8).reshape(16, 16)
        write(place, pixels % 2 if kind == 'mask' else pixels)
    picture, exif = Image.open(path), Image.Exif()
    for number in (turn, 1):
        exif[0x0112] = number
        picture.save(path, exif=exif)
        if number == 1:
            break
        with pytest.raises(UserError) as caught:
            prepare_folder(tmp_path / 'out', settings)
        assert str(caught.value) == (
            f'{path} is turned by its orientation tag ({turn}), which some tools follow and others '
            'do not: save it upright (mogrify -auto-orient FILE) and check that image, label and '
            'depth lie the same way'
        )
        assert not (tmp_path / 'out').exists()
    prepare_folder(tmp_path / 'out', settings)


def test_images_of_one_ground_in_two_splits_are_told(tmp_path):
    scenes = Scenes(tmp_path)
    lists = {'train': ['town_0', 'town_2'], 'test': ['town_1']}
    settings = scenes.settings(splits=Splits(lists=lists), cut=dict(tile=None, stride=None))
    assert prepare_folder(tmp_path / 'apart', settings)['shared'] == 0
    # The second town moved a pixel west, into the first; the third begins where it ended.
    east, north = scenes.places[1]
    write(tmp_path / 'rgb/town_1_RGB.tif', scenes.images[1], (east - 0.5, north))
    write(tmp_path / 'dsm/town_1_dsm.tif', scenes.heights[1], (east - 0.5, north), NO_HEIGHT)
    manifest = prepare_folder(tmp_path / 'out', settings)
    assert manifest['shared'] == 1
    assert any('1 pair of pictures in different splits' in line for line in describe(manifest, ''))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    scenes = Scenes(tmp_path)
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='nothing can be written to .*file/out .Not a directory'):
        prepare_folder(tmp_path / 'file/out', scenes.settings())
