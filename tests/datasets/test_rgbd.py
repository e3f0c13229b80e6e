import pickle
import shutil

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import Compose
from mmseg.registry import DATASETS
from refusals import refusal

import depthda.datasets.transforms.depth_jitter
import depthda.datasets.transforms.load_depth
import depthda.datasets.transforms.optical_distortion  # noqa: F401
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError
from depthda.randomness import SampleKey

META = ('img_path', 'seg_map_path', 'depth_path', 'domain', 'split', 'optical_bands')
PACK = dict(type='PackSegInputs', meta_keys=META)
PLAIN = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='LoadDepth'), PACK]
RANDOM = [
    *PLAIN[:3],
    dict(type='RandomResize', scale=(64, 48), ratio_range=(0.8, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(24, 24), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=[0.3, 0.3, 0.3], direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='OpticalDistortion'),
    dict(type='DepthJitter', noise=0.01, drop_prob=0.2),
    PACK,
]


def build(root, pipeline=PLAIN, **kwargs):
    folders = dict(img_path='images_png', seg_map_path='masks_png', depth_path='rdepth/test')
    settings = dict(
        type='RGBDSegDataset',
        data_root=str(root / 'Train/Urban'),
        data_prefix=folders | kwargs.pop('folders', {}),
        pipeline=pipeline,
        reduce_zero_label=True,
    )
    return DATASETS.build(ConfigDict(settings | kwargs, _scope_='mmseg'))


def test_a_sample_has_the_optical_bands_then_depth_and_its_metadata(make_tree):
    sample = build(make_tree(), domain='Urban', split='Train')[2]
    inputs, labels = sample['inputs'], sample['data_samples']
    assert inputs.dtype == torch.float32 and inputs.shape == (4, 48, 64)
    # The tiles have B = x, G = y and R = 200, and the depth codes 100 x + 37 y + 20000.
    assert inputs[:3, 5, 9].tolist() == [9, 5, 200]
    assert inputs[3, 5, 9].item() == pytest.approx((900 + 185 + 20000) / 65535, rel=1e-6)
    assert labels.gt_sem_seg.data[0, 5, 9] == 1  # cell (1, 0) has code 2 on disk
    assert labels.domain == 'Urban' and labels.split == 'Train' and labels.optical_bands == 3
    assert labels.depth_path.endswith('rdepth/test/2.png') and labels.img_path.endswith('/2.png')


class Arctic(RGBDSegDataset):
    METAINFO = dict(classes=('ice', 'water'), palette=[[255, 255, 255], [0, 0, 255]])


@pytest.fixture
def arctic(tmp_path, write_png):
    """Write a dataset to the default folders."""
    for name, code in dict(ice=0, lake=1).items():
        write_png(tmp_path / f'images/{name}.png', np.full((8, 8, 3), 9, np.uint8))
        for folder in ('labels', 'masks'):
            write_png(tmp_path / folder / f'{name}.png', np.full((8, 8), code, np.uint8))
        write_png(tmp_path / f'rdepth/a/{name}.png', np.full((8, 8), 13107, np.uint16))
    return tmp_path


def test_a_subclass_needs_only_classes_and_folders(arctic):
    dataset = Arctic(data_root=str(arctic), depth='rdepth/a', pipeline=PLAIN)
    lake = dataset[1]
    assert dataset.metainfo['classes'] == ['ice', 'water']
    assert lake['inputs'][:, 0, 0].tolist() == pytest.approx([9, 9, 9, 0.2])
    assert (lake['data_samples'].gt_sem_seg.data == 1).all()
    assert lake['data_samples'].seg_map_path == f'{arctic}/labels/lake.png'
    assert dataset.depth_source == 'rdepth/a'
    # A config alone describes a dataset, too.
    config = dict(type='RGBDSegDataset', data_root=str(arctic), metainfo=Arctic.METAINFO)
    info = DATASETS.build(config | dict(labels='masks', depth='rdepth/a')).get_data_info(0)
    paths = [info[key] for key in ('img_path', 'seg_map_path', 'depth_path')]
    assert paths == [f'{arctic}/{folder}/ice.png' for folder in ('images', 'masks', 'rdepth/a')]
    without = DATASETS.build(config | dict(labels=False))
    assert not without.has_labels and not without.has_depth


def test_depth_and_labels_override_folders_of_the_prefix(arctic):
    prefix = dict(img_path='images', seg_map_path='labels', depth_path='none')
    dataset = RGBDSegDataset(prefix, 'rdepth/a', 'masks', data_root=str(arctic))
    assert dataset.data_prefix == {
        'img_path': f'{arctic}/images',
        'seg_map_path': f'{arctic}/masks',
        'depth_path': f'{arctic}/rdepth/a',
    }
    # A dataset whose prefix names no label folder has no labels.
    assert not RGBDSegDataset(dict(img_path='images'), data_root=str(arctic)).has_labels


@pytest.mark.parametrize(
    'settings, sentence',
    [
        (dict(folders={'dsm': 'rdepth/test'}), "has the keys .*'dsm'.*: use img_path and"),
        (dict(folders={'img_path': None}), 'use img_path and'),
        # The pipeline loads labels.
        (
            dict(folders={'seg_map_path': None}),
            'LoadAnnotations cannot load labels.*unlabelled_pipeline',
        ),
        (
            dict(metainfo=dict(classes='ice')),
            r"classes='ice' of RGBDSegDataset is a single string: write a tuple .*, \('ice',\)$",
        ),
        (
            dict(metainfo=dict(classes=('ice', 'water', 'ice'))),
            "the classes of RGBDSegDataset contain 'ice' twice: list each class once$",
        ),
        (dict(ann_file='absent.txt'), r'absent\.txt \(ann_file\) does not exist'),
    ],
)
def test_mistakes_are_explained(make_tree, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        build(make_tree(), **settings)


def test_a_dataset_without_depth_and_one_without_labels(make_tree):
    dataset = build(make_tree(depth=None), folders={'depth_path': None})
    sample = dataset[0]
    assert not dataset.has_depth and sample['data_samples'].depth_path is None
    assert sample['inputs'].shape == (3, 48, 64) and sample['inputs'].dtype == torch.float32
    assert dataset.depth_source is None
    # The source of a prefix has no name.
    assert build(make_tree()).depth_source
    # Without labels.
    dataset = build(make_tree(), pipeline=[*PLAIN[:1], *PLAIN[2:]], folders={'seg_map_path': None})
    assert 'gt_sem_seg' not in dataset[0]['data_samples']


def test_a_wrong_root_is_named_when_the_dataset_is_initialised(tmp_path):
    sentence = f'the folder {tmp_path}/Train/Urban .data_root. does not exist: correct'
    with pytest.raises(UserError, match=sentence):
        build(tmp_path)
    dataset = build(tmp_path, lazy_init=True)
    with pytest.raises(UserError, match=sentence):
        dataset.full_init()


def test_metainfo_has_only_builtin_types(make_tree):
    meta = ConfigDict(classes=('a', 'b'), palette=np.array([[1, 2, 3], [4, 5, 6]]), x=dict(y=(1,)))
    metainfo = build(make_tree(), metainfo=meta).metainfo
    assert metainfo['classes'] == ['a', 'b'] and metainfo['palette'] == [[1, 2, 3], [4, 5, 6]]

    def types(value):
        inner = value.values() if isinstance(value, dict) else value
        yield type(value)
        if isinstance(value, (dict, list, tuple)):
            for item in inner:
                yield from types(item)

    assert set(types(metainfo)) <= {dict, list, str, int, bool, type(None)}


@pytest.mark.parametrize('serialize', [True, False])
def test_indices_and_subsets(make_tree, serialize):
    root = make_tree(range(6))
    dataset = build(root, serialize_data=serialize, indices=[1, 4])
    assert [dataset.get_data_info(i)['img_path'][-6:] for i in range(2)] == ['/1.png', '/4.png']
    subset = build(root, serialize_data=serialize).get_subset([5, 0])
    assert subset[0]['data_samples'].img_path.endswith('/5.png') and len(subset) == 2
    assert len(pickle.loads(pickle.dumps(subset))) == 2


def test_a_list_of_stems(make_tree, tmp_path):
    root = make_tree(range(6))
    (tmp_path / 'list.txt').write_text('4\n\n2\n')
    dataset = build(root, ann_file=str(tmp_path / 'list.txt'))
    assert [dataset.get_data_info(i)['img_path'][-6:] for i in range(2)] == ['/2.png', '/4.png']
    (tmp_path / 'list.txt').write_text('\n \n')
    assert refusal(build, root, ann_file=str(tmp_path / 'list.txt')) == (
        f'the list of stems {tmp_path}/list.txt (ann_file) is empty: write one stem per line, or '
        'remove ann_file to use every image'
    )


def test_a_pipeline_set_later_is_checked(make_tree):
    dataset = build(make_tree())
    with pytest.raises(UserError, match='PhotoMetricDistortion would alter'):
        dataset.pipeline = Compose([*PLAIN[:3], dict(type='mmseg.PhotoMetricDistortion')])
    assert len(dataset.pipeline.transforms) == 4


def equal(left, right):
    one, other = (sample['data_samples'] for sample in (left, right))
    same = torch.equal(left['inputs'], right['inputs']) and one.metainfo == other.metainfo
    return same and torch.equal(one.gt_sem_seg.data, other.gt_sem_seg.data)


def test_a_seeded_sample_does_not_depend_on_what_ran_before(make_tree):
    dataset = build(make_tree(), RANDOM)
    first = dataset[SampleKey(2, seed=77)]
    for index in range(4):
        dataset[index]
    np.random.seed(9)
    assert equal(first, dataset[SampleKey(2, seed=77)])
    assert not equal(first, dataset[SampleKey(2, seed=78)])
    # Later draws, on the device, use the seed too.
    assert first['data_samples'].sample_seed == 77
    assert 'sample_seed' not in dataset[2]['data_samples']
    # Drawing a sample leaves NumPy's global random state unchanged.
    np.random.seed(1)
    expected = np.random.rand()
    np.random.seed(1)
    dataset[SampleKey(2, seed=77)]
    assert np.random.rand() == expected
    # A sample of a plain index is random.
    assert not equal(dataset[0], dataset[0])
    # Depth changes nothing in the optical bands.
    with_depth = dataset[SampleKey(1, seed=5)]['inputs']
    bare = build(make_tree(), RANDOM, folders={'depth_path': None})
    without = bare[SampleKey(1, seed=5)]['inputs']
    assert with_depth.shape[0] == 4 and torch.equal(with_depth[:3], without)


@pytest.mark.parametrize('pipeline', [PLAIN, RANDOM])
def test_samples_kept_in_memory_are_the_same_without_reading_a_file_again(make_tree, pipeline):
    root = make_tree()
    kept = build(root, pipeline, cache='memory')
    keys = [SampleKey(index, seed) for seed in (0, 1) for index in range(2)]
    samples = [build(root, pipeline)[key] for key in keys]
    for key in keys[:2]:
        kept[key]
    shutil.rmtree(root)
    assert all(equal(kept[key], sample) for key, sample in zip(keys, samples, strict=True))
    assert equal(kept.get_subset([1])[SampleKey(0, 0)], samples[1])
    with pytest.raises(FileNotFoundError, match='2.png'):
        kept[SampleKey(2, 0)]  # was not read before


def test_an_unknown_label_value_is_reported_with_its_file(make_tree, write_png, pattern):
    root = make_tree()
    mask = pattern(48, 64)[1]
    mask[:4] = 0  # no data
    mask[5, 5] = 9
    write_png(root / 'Train/Urban/masks_png/2.png', mask)
    dataset = build(root, metainfo=dict(classes=tuple('abcdefg')))
    assert 255 not in dataset[1]['data_samples'].gt_sem_seg.data
    for key in (2, SampleKey(2, seed=1)):
        with pytest.raises(
            UserError, match=r'masks_png/2\.png contains the value 9, .* 7 .* 1 to 7:'
        ):
            dataset[key]
    mask[5, 5] = 255  # mmseg reads this as ignored
    write_png(root / 'Train/Urban/masks_png/2.png', mask)
    assert dataset[2]['data_samples'].gt_sem_seg.data[0, 5, 5] == 255
    # The codes 1…7 are read as if they were the classes 0…6.
    with pytest.raises(UserError, match=r'contains the value 7, but the 7 classes are 0 to 6'):
        build(root, reduce_zero_label=False, metainfo=dict(classes=tuple('abcdefg')))[1]
