"""Splits of a prepared folder, and runs that continue an earlier one."""

import numpy as np
import pytest
from prepared_files import every_file, read
from tiny_scenes import NO_HEIGHT, Scenes, write

from depthda.errors import UserError
from depthda.preparation import folder
from depthda.preparation.folder import prepare_folder
from depthda.preparation.report import describe_folder
from depthda.preparation.splits import Splits, read_splits


def test_splits_are_lists_that_divide_the_tiles(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    splits = Splits({'train': 0.5, 'test': 0.5}, by='block')
    manifest = prepare_folder(out, scenes.settings(splits=splits))
    lists = {name: (out / f'{name}.txt').read_text().split() for name in ('train', 'test')}
    tiles = {path.stem for path in (out / 'images').iterdir()}
    assert set(lists['train']) | set(lists['test']) == tiles
    assert not set(lists['train']) & set(lists['test'])
    assert manifest['splits'] == {name: len(listed) for name, listed in lists.items()}
    assert len(tiles) + manifest['crossing'] == 18 and manifest['crossing'] > 0
    # The scenes are side by side on the map from west to east, and are cut across.
    east = {name: n * 100 + int(name.split('_')[2]) for name in tiles for n in [int(name[5])]}
    assert max(east[name] for name in lists['train']) < min(east[name] for name in lists['test'])


def test_images_in_no_list_are_left_out(tmp_path):
    scenes, out = Scenes(tmp_path), tmp_path / 'out'
    (tmp_path / 'a.txt').write_text('town_2\n\n')
    (tmp_path / 'b.txt').write_text('town_0.tif\n')
    splits = read_splits([f'train={tmp_path / "a.txt"}', f'val={tmp_path / "b.txt"}'], 'image', 0)
    manifest = prepare_folder(out, scenes.settings(splits=splits))
    assert {name[:6] for name in (out / 'train.txt').read_text().split()} == {'town_2'}
    assert {path.name[:6] for path in (out / 'images').iterdir()} == {'town_0', 'town_2'}
    assert manifest['unlisted'] == 1
    assert 'left out (not in any list): 1 image' in describe_folder(manifest, 'x')
    (tmp_path / 'b.txt').write_text('\n')
    splits = read_splits([f'train={tmp_path / "a.txt"}', f'val={tmp_path / "b.txt"}'], 'image', 0)
    with pytest.raises(UserError, match='list of val is empty'):
        prepare_folder(tmp_path / 'other', scenes.settings(splits=splits))


@pytest.mark.parametrize(
    ('arguments', 'by', 'fault'),
    [
        (['train'], 'image', 'write NAME=SHARE'),
        (['a=0.5', 'a=0.5'], 'image', 'with each name only once'),
        (['trian=0.7', 'val=0.3'], 'image', 'trian looks misspelt: write train=…$'),
        (['train=0.7', 'tes=0.3'], 'image', 'tes looks misspelt: write test=…$'),
        (['../a=1'], 'image', 'write NAME=SHARE'),
        (['a=b.txt'], 'image', r"'b.txt' is neither a share \(0.7\) nor a file with one image"),
        (['a=70%'], 'image', "a=70%: '70%' is neither a share"),
        (['a='], 'image', "--split a=: '' is neither a share"),
        (
            ['a=0.5', 'b=b.txt'],
            'image',
            r'--split a=0.5 b=b.txt mixes shares and files: use a share for each split '
            r'\(train=0.7\), or a file for each split \(train=train.txt\)$',
        ),
        (['a=none.txt'], 'block', 'needs shares'),
        (None, 'block', 'only applies to splits: add --split'),
    ],
)
def test_splits_that_cannot_be_read_are_refused(arguments, by, fault):
    with pytest.raises(UserError, match=fault):
        read_splits(arguments, by, 0)


def test_overlapping_images_in_two_splits_get_a_warning(tmp_path):
    scenes = Scenes(tmp_path)
    lists = {'train': ['town_0', 'town_2'], 'test': ['town_1']}
    settings = scenes.settings(splits=Splits(lists=lists), cut=dict(tile=None, stride=None))
    assert prepare_folder(tmp_path / 'apart', settings)['shared'] == 0
    # Move the second town one pixel west, so that it overlaps the first. The third stays.
    east, north = scenes.places[1]
    write(tmp_path / 'rgb/town_1_RGB.tif', scenes.images[1], (east - 0.5, north))
    write(tmp_path / 'dsm/town_1_dsm.tif', scenes.heights[1], (east - 0.5, north), NO_HEIGHT)
    manifest = prepare_folder(tmp_path / 'out', settings)
    assert manifest['shared'] == 1
    lines = '\n'.join(describe_folder(manifest, ''))
    assert 'tiles in different splits overlap on the ground (1 pair)' in lines


def test_the_order_in_which_images_finish_does_not_matter(tmp_path, monkeypatch):
    scenes = Scenes(tmp_path)
    prepare_folder(tmp_path / 'one', scenes.settings())
    in_order = folder.each_done
    monkeypatch.setattr(folder, 'each_done', lambda *args: reversed(list(in_order(*args))))
    prepare_folder(tmp_path / 'other', scenes.settings())
    assert every_file(tmp_path / 'one') == every_file(tmp_path / 'other')


def test_changed_and_removed_files_are_followed(tmp_path):
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


def test_an_additional_image_can_move_the_cut_onto_another_which_is_left_out(tmp_path):
    files = dict(labels=None, depth=None, splits=Splits({'train': 0.5, 'test': 0.5}, by='block'))
    settings = Scenes(tmp_path, ()).settings(**files, cut=dict(classes=None))
    for out, places in (('out', dict(b=10, c=13, d=30)), ('out', dict(a=0)), ('clean', {})):
        for name, east in places.items():  # images are 6 m wide, so b and c overlap
            image = np.full((12, 12, 3), east, np.uint8)
            write(tmp_path / f'rgb/{name}_RGB.tif', image, (500000.0 + east, 5000000.0))
        manifest = prepare_folder(tmp_path / out, settings, replace=True)
        assert ('b' in manifest['scenes']) == ('b' in places)
    assert every_file(tmp_path / 'out') == every_file(tmp_path / 'clean')


def test_domains_of_one_dataset_need_the_same_classes(tmp_path):
    scenes = Scenes(tmp_path)
    prepare_folder(tmp_path / 'set/winter', scenes.settings(domain='winter'))
    prepare_folder(tmp_path / 'set/summer', scenes.settings(domain='summer'))
    (tmp_path / 'classes.txt').write_text('wood 255 255 0\nfield 0 90 0\nignore 0 0 0\n')
    with pytest.raises(UserError, match='domain summer in .* has the classes field, old wood'):
        prepare_folder(tmp_path / 'set/autumn', scenes.settings(domain='autumn'))
