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


def test_classes_and_palette_equal_those_of_mmseg():
    meta = LoveDARGBD.METAINFO
    assert list(meta['classes']) == list(LoveDADataset.METAINFO['classes'])
    assert meta['palette'] == LoveDADataset.METAINFO['palette']


def test_domains_and_splits_select_their_tiles(root):
    def build(domain, split):
        return LoveDARGBD(str(root), domain, split, depth='rdepth/test')

    assert numbers(build('urban', 'TRAIN')) == {3, 4, 5, 6}
    assert numbers(build('Rural', 'Train')) == {0, 1, 2}
    assert numbers(build(['Rural', 'urban', 'Urban'], 'train')) == set(range(7))
    both = build('Urban', ['Train', 'val'])
    records = [both.get_data_info(i) for i in range(len(both))]
    assert [record['domain'] for record in records] == ['Urban'] * 6
    assert [record['split'] for record in records] == ['Train'] * 4 + ['Val'] * 2
    for record in records:
        assert f'/{record["split"]}/Urban/rdepth/test/' in record['depth_path']
        assert f'/{record["split"]}/Urban/masks_png/' in record['seg_map_path']
    assert both.metainfo['reduce_zero_label'] is True


def test_depth_and_labels_can_be_left_out(root):
    info = LoveDARGBD(str(root), 'Urban', 'Val', depth=None, labels=False).get_data_info(0)
    assert info['depth_path'] is None and 'seg_map_path' not in info


def test_the_message_about_a_missing_folder_names_the_setting(root):
    with pytest.raises(UserError, match=r'rdepth/none does not exist: .*.*config: depth=None'):
        LoveDARGBD(str(root), 'Urban', 'Val', depth='rdepth/none')
    for path in (root / 'Val/Urban/masks_png').iterdir():
        path.unlink()
    (root / 'Val/Urban/masks_png').rmdir()
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
        (dict(holdout=dict(part='held-out', every=10, block=1)), 'part of the 4 images .* empty'),
    ],
)
def test_messages_about_wrong_settings_name_the_choices(root, change, message):
    settings = dict(domain='Urban', split='Train', depth='rdepth/test') | change
    with pytest.raises(UserError, match=message):
        LoveDARGBD(str(root), **settings)


def test_holdout_selects_whole_blocks_of_numbers(make_tree):
    root = make_tree(range(5, 65), size=(2, 2), depth=None)

    def part(name, **kwargs):
        holdout = dict(part=name, **kwargs)
        return numbers(LoveDARGBD(str(root), 'Urban', 'Train', depth=None, holdout=holdout))

    fit, held_out = part('fit', every=3, block=10), part('held-out', every=3, block=10)
    assert held_out == {*range(5, 10), *range(30, 40), *range(60, 65)}
    assert not fit & held_out and fit | held_out == set(range(5, 65))
    # By default, 20 of every 200 numbers are held out.
    assert part('held-out') == set(range(5, 20))


def test_holdout_needs_numbers(make_tree):
    root = make_tree(range(2), size=(2, 2), depth=None)
    for folder in ('images_png', 'masks_png'):
        (root / f'Train/Urban/{folder}/1.png').rename(root / f'Train/Urban/{folder}/one.png')
    with pytest.raises(UserError, match=r'one\.png is not named by a number'):
        LoveDARGBD(str(root), 'Urban', 'Train', depth=None, holdout=dict(part='fit', block=1))


def test_the_depth_source_is_the_depth_folder(root):
    assert LoveDARGBD(str(root), 'Urban', 'Val', depth='rdepth/test').depth_source == 'rdepth/test'
    assert LoveDARGBD(str(root), 'Urban', 'Val', depth=None).depth_source is None


@pytest.mark.parametrize(
    ('root', 'fix'),
    [
        ('data/sample', 'make the dataset with: depthda sample data/sample'),
        (
            'data/sample-4band',
            'make the dataset with: depthda sample data/sample-4band --near-infrared',
        ),
        (
            'data/loveda',
            'make it with depthda prepare-dataset loveda … --out data/loveda, or correct the path '
            '(docs/loveda.md)',
        ),
    ],
)
def test_a_missing_dataset_names_the_command_that_makes_it(
    tmp_path, monkeypatch, capsys, root, fix
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop, user_errors():
        LoveDARGBD(root, 'Urban', 'Train')
    assert stop.value.code == 2
    assert capsys.readouterr().err == f'error: there is no folder {root} (data_root): {fix}\n'
