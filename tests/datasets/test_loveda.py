import shutil
from functools import partial

import pytest
from mmseg.datasets import LoveDADataset

from depthda.cli import user_errors
from depthda.datasets.loveda import LoveDARGBD
from depthda.errors import UserError


def numbers(dataset):
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    return {int(path.rsplit('/', 1)[1][:-4]) for path in paths}


@pytest.fixture
def root(make_tree):
    make_tree(range(0, 3), 'Train', 'Rural', size=(8, 8))
    make_tree(range(3, 7), 'Train', 'Urban', size=(8, 8))
    return make_tree(range(7, 9), 'Val', 'Urban', size=(8, 8))


def test_domains_and_splits_select_their_tiles(root):
    build = partial(LoveDARGBD, str(root), depth='rdepth/test')
    assert numbers(build('urban', 'TRAIN')) == {3, 4, 5, 6}
    assert numbers(build('Rural', 'Train')) == {0, 1, 2}
    assert numbers(build(['Rural', 'urban', 'Urban'], 'train')) == set(range(7))
    both = build('Urban', ['Train', 'val'])
    infos = [both.get_data_info(i) for i in range(len(both))]
    assert [i['split'] for i in infos] == ['Train'] * 4 + ['Val'] * 2
    assert {i['domain'] for i in infos} == {'Urban'}
    assert all(f'/{i["split"]}/{i["domain"]}/rdepth/test/' in i['depth_path'] for i in infos)
    assert all(f'/{i["split"]}/{i["domain"]}/masks_png/' in i['seg_map_path'] for i in infos)
    assert both.metainfo['reduce_zero_label'] is True


def test_without_depth_and_labels_the_classes_and_the_palette_are_loveda_s(root):
    dataset = LoveDARGBD(str(root), 'Urban', 'Val', depth=None, labels=False)
    assert list(dataset.metainfo['classes']) == list(LoveDADataset.METAINFO['classes'])
    assert dataset.metainfo['palette'] == LoveDADataset.METAINFO['palette']
    info = dataset.get_data_info(0)
    assert info['depth_path'] is None and 'seg_map_path' not in info
    assert dataset.depth_source is None
    assert LoveDARGBD(str(root), 'Urban', 'Val', depth='rdepth/test').depth_source == 'rdepth/test'


def test_the_message_about_a_missing_folder_names_the_setting(root):
    with pytest.raises(UserError, match=r'rdepth/none does not exist: .*.*config: depth=None'):
        LoveDARGBD(str(root), 'Urban', 'Val', depth='rdepth/none')
    shutil.rmtree(root / 'Val/Urban/masks_png')
    with pytest.raises(UserError, match=r'masks_png does not exist: .*.*config: labels=False'):
        LoveDARGBD(str(root), 'Urban', 'Val', depth='rdepth/test')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(domain='City'), "domain='City' .* use Urban, Rural"),
        (dict(domain=[]), 'use Urban, Rural'),
        (dict(split=['Train', 'Trian']), 'use Train, Val, Test'),
        (dict(holdout=dict(part='rest')), "part='fit' or 'held-out'"),
        (dict(holdout=dict(part='fit', evry=3)), "part='fit' or 'held-out'"),
        (dict(holdout=dict(part='fit'), split='Val'), "set split='Train'"),
        (dict(holdout=dict(part='fit', every=1)), 'every ≥ 2'),
        (dict(holdout=dict(part='held-out', every=10, block=1)), 'selects none of the 4 images'),
    ],
)
def test_messages_about_wrong_settings_name_the_choices(root, change, message):
    settings = dict(domain='Urban', split='Train', depth='rdepth/test') | change
    with pytest.raises(UserError, match=message):
        LoveDARGBD(str(root), **settings)


def test_holdout_selects_complete_blocks_of_numbers(make_tree):
    root = make_tree(range(5, 65), size=(2, 2), depth=None)

    def part(name, **kwargs):
        holdout = dict(part=name, **kwargs)
        return numbers(LoveDARGBD(str(root), 'Urban', 'Train', depth=None, holdout=holdout))

    fit, held_out = part('fit', every=3, block=10), part('held-out', every=3, block=10)
    assert held_out == {*range(5, 10), *range(30, 40), *range(60, 65)}
    assert not fit & held_out and fit | held_out == set(range(5, 65))
    # By default, 20 of every 200 numbers are held out.
    assert part('held-out') == set(range(5, 20))
    for folder in ('images_png', 'masks_png'):
        (root / f'Train/Urban/{folder}/10.png').rename(root / f'Train/Urban/{folder}/ten.png')
    with pytest.raises(UserError, match=r'the file name of \S*ten\.png is not a number'):
        part('fit', block=1)


@pytest.mark.parametrize(
    ('root', 'fix'),
    [
        ('sample', 'make the dataset with depthda sample data/sample'),
        ('sample-4band', 'make the dataset with depthda sample data/sample-4band --near-infrared'),
        (
            'loveda',
            'make it with depthda prepare-dataset loveda … --out data/loveda, or correct the path '
            '(docs/loveda.md)',
        ),
    ],
)
def test_a_missing_dataset_names_the_command_for_it(tmp_path, monkeypatch, capsys, root, fix):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop, user_errors():
        LoveDARGBD(f'data/{root}', 'Urban', 'Train')
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        f'error: the folder data/{root} (data_root) does not exist: {fix}\n'
    )
