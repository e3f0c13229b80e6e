from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS

from depthda.datasets.liuzhou import LiuZhou
from depthda.engine.checks.data_check import data_warnings
from depthda.errors import UserError

CONFIG = Path(__file__).parents[2] / 'configs/_base_/datasets/liuzhou-512x512.py'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@pytest.fixture
def write_tiles(write_png):
    """Return a function that writes images, depth, and labels numbered by column from ``first``."""

    def write(folder, stems, first=0, depth='rdepth/depth-anything-large'):
        for stem in stems:
            columns = np.tile(np.arange(7, dtype=np.uint8), (6, 1))
            write_png(folder / 'images' / f'{stem}.png', np.dstack([columns * 10] * 3))
            label = columns + np.uint8(first)
            label[0] = 0 if first else 255
            write_png(folder / 'labels' / f'{stem}.png', label)
            if depth:
                codes = columns.astype(np.uint16) * 1000 + 1
                write_png(folder / depth / f'{stem}.png', codes)

    return write


STEMS = dict(train='abc', val='d', test='ef')


@pytest.fixture
def lists(tmp_path, write_tiles):
    """Write six tiles to one folder, split by lists."""
    write_tiles(tmp_path, 'abcdef')
    for name, stems in STEMS.items():
        (tmp_path / f'{name}.txt').write_text('\n'.join(stems))
    return tmp_path


@pytest.fixture
def folders(tmp_path, write_tiles):
    """Write the same tiles, split by folders."""
    for name, stems in STEMS.items():
        write_tiles(tmp_path / name, stems)
    return tmp_path


def infos(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def stems(dataset):
    return ''.join(Path(info['img_path']).stem for info in infos(dataset))


def settings(root, **changes):
    """Return the config with its datasets in ``root``."""
    cfg = Config.fromfile(CONFIG)
    for name in LOADERS:
        cfg[name].dataset.update(data_root=str(root), **changes)
    return cfg


def test_the_classes_have_the_order_of_the_paper_and_distinct_colours():
    meta = LiuZhou.METAINFO
    names = 'cropland, forest, buildings, roads, impervious surfaces, bare land, water'
    assert ', '.join(meta['classes']) == names
    colours = np.array(meta['palette'])
    assert colours.shape == (7, 3) and colours.min() >= 0 and colours.max() <= 255
    distances = np.abs(colours[:, None] - colours[None]).sum(2)
    assert (distances + 999 * np.eye(7) > 100).all()


@pytest.mark.parametrize('by', ['lists', 'folders'])
def test_lists_and_folders_split_the_tiles(request, by):
    root = request.getfixturevalue(by)
    for name, expected in STEMS.items():
        split, folder = (name, root / name) if by == 'folders' else (None, root)
        dataset = LiuZhou(str(root), split, ann_file='' if split else f'{name}.txt')
        assert stems(dataset) == expected
        for info in infos(dataset):
            stem = Path(info['img_path']).stem
            assert info['seg_map_path'] == f'{folder}/labels/{stem}.png'
            assert info['depth_path'] == f'{folder}/rdepth/depth-anything-large/{stem}.png'
            assert info['split'] == split
    if by == 'folders':  # and a list selects among them
        (root / 'few.txt').write_text('c\na\n')
        assert stems(LiuZhou(str(root), split='train', ann_file='few.txt')) == 'ac'


@pytest.mark.parametrize('first', [0, 1])
def test_labels_may_start_at_0_or_at_1_with_0_unlabelled(tmp_path, write_tiles, first):
    write_tiles(tmp_path, 'a', first)
    pipeline = Config.fromfile(CONFIG).train_pipeline[:3] + [dict(type='PackSegInputs')]
    dataset = LiuZhou(str(tmp_path), reduce_zero_label=bool(first), pipeline=pipeline)
    labels = dataset[0]['data_samples'].gt_sem_seg.data[0]
    assert (labels[0] == 255).all() and (labels[1:] == torch.arange(7)).all()
    if first:
        with pytest.raises(UserError, match='contains the value 7, .* reduce_zero_label'):
            LiuZhou(str(tmp_path), pipeline=pipeline)[0]


def test_depth_and_labels_can_be_left_out(folders):
    dataset = LiuZhou(str(folders), 'val', depth=None, labels=False)
    (info,) = infos(dataset)
    assert info['depth_path'] is None and 'seg_map_path' not in info
    assert not dataset.has_depth and not dataset.has_labels and dataset.depth_source is None
    for split in (None, 'train'):  # for any split, the folder is the source
        assert LiuZhou('here', split, 'rdepth/x', lazy_init=True).depth_source == 'rdepth/x'


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(ann_file='absent.txt'), r'absent\.txt \(ann_file\) does not exist$'),
        (dict(split='tarin'), r'image folder \S*tarin/images does not exist$'),
        (
            dict(ann_file='typo.txt'),
            r'the list contains 1 name without an image in \S*images \(x\): correct the list',
        ),
        (dict(depth='rdepth/none'), r'folder \S*rdepth/none does not exist: .*depth=None'),
        ({}, r'1 of 6 images in .* has no label in \S*labels \(f.png\): .*labels=False'),
    ],
)
def test_wrong_lists_and_folders_are_refused(lists, change, message):
    (lists / 'typo.txt').write_text('a\nx\n')
    if not change:
        (lists / 'labels/f.png').unlink()
    with pytest.raises(UserError, match=message):
        LiuZhou(str(lists), **change)


def test_the_config_trains_with_depth_and_tests_without(lists):
    cfg = settings(lists)
    train, val, test = (DATASETS.build(cfg[name].dataset) for name in LOADERS)
    assert [stems(dataset) for dataset in (train, val, test)] == [*STEMS.values()]
    shapes = [dataset[0]['inputs'].shape for dataset in (train, val, test)]
    assert shapes == [(4, 6, 7), (3, 6, 7), (3, 6, 7)]
    assert all('gt_sem_seg' in dataset[0]['data_samples'] for dataset in (train, val, test))
    assert cfg.test_dataloader.dataset.pipeline == cfg.test_pipeline
    assert not [line for line in data_warnings(cfg) if 'training images' in line]
    # Test-time augmentation needs no depth either.
    views = DATASETS.build({**cfg.test_dataloader.dataset, 'pipeline': cfg.tta_pipeline})[0][
        'inputs'
    ]
    assert [view.shape for view in views] == [(3, 6, 7)] * 3
    assert torch.equal(views[1], views[0].flip(2)) and torch.equal(views[2], views[0].flip(1))


def test_setting_the_split_of_each_dataset_reads_folders(folders):
    cfg = settings(folders, ann_file='')
    for name in LOADERS:
        cfg[name].dataset.split = name.split('_')[0]
    assert [stems(DATASETS.build(cfg[name].dataset)) for name in LOADERS] == [*STEMS.values()]
