"""Classes, tiles and crops are drawn as the formula says, and only from the seed of the index."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS

from depthda.datasets.rare_class_tiles import RareClassTiles
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError
from depthda.randomness import SampleKey

SIDE, CROP, MIN_PIXELS, IGNORED = 16, 8, 5, 255
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(CROP, CROP)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
METAINFO = dict(classes=('grass', 'road', 'pond', 'wall'), palette=[[c, c, c] for c in range(4)])


def tiles():
    """Return six label maps; class 3 has two pixels, and the last tile has no label."""
    labels = np.zeros((6, SIDE, SIDE), np.uint8)
    labels[0, 0, :3] = 2  # fewer pixels than a tile of the class should show
    labels[1, :4, :5] = 1
    labels[2, :2, :10] = 1
    labels[2, -4:, -3:] = 2
    labels[3, 0, :2] = 3
    labels[4] = 1
    labels[4, 8:] = IGNORED
    labels[5] = IGNORED
    return labels


@pytest.fixture
def make(tmp_path, write_png):
    """Return a function that writes tiles, whose images encode their numbers, and a config."""

    def config(labels=None, **settings):
        for number, label in enumerate(tiles() if labels is None else labels):
            image = np.full((SIDE, SIDE, 3), number, np.uint8)
            image[..., 1], image[..., 2] = np.indices(label.shape)  # the position of the crop
            write_png(tmp_path / f'images/{number}.png', image)
            write_png(tmp_path / f'labels/{number}.png', label)
        base = dict(type='RGBDSegDataset', data_root=str(tmp_path), metainfo=METAINFO)
        return base | dict(pipeline=PIPELINE) | settings

    return config


@pytest.fixture
def draw(make):
    """Return a function that builds the dataset with the tiles of this file."""

    def build(labels=None, **settings):
        config = dict(
            type='RareClassTiles',
            dataset=make(labels),
            min_pixels=MIN_PIXELS,
            crop_pixels=MIN_PIXELS,
        )
        return DATASETS.build(config | settings)

    return build


def number(sample):
    return int(sample['inputs'][0, 0, 0])


def shown(sample, c):
    return int((sample['data_samples'].gt_sem_seg.data == c).sum())


def same(left, right):
    labels = (sample['data_samples'].gt_sem_seg.data for sample in (left, right))
    return torch.equal(left['inputs'], right['inputs']) and torch.equal(*labels)


@pytest.mark.parametrize('temperature', [0.05, 0.3, 1e6])
def test_classes_are_drawn_with_the_probabilities_of_the_formula(draw, temperature):
    dataset, labels = draw(temperature=temperature), tiles()
    labelled = (labels != IGNORED).sum()
    shares = np.array([(labels == c).sum() / labelled for c in range(3)])
    weights = np.exp((1 - shares) / temperature)
    expected = [*weights / weights.sum(), 0]  # class 3 has fewer pixels than it should show
    np.testing.assert_allclose(dataset.probabilities, expected, rtol=1e-9)
    assert dataset.probabilities.argmax() == 2 or temperature == 1e6
    assert dataset.counts.tolist() == [[(t == c).sum() for c in range(4)] for t in labels]


def test_over_many_seeds_tiles_are_as_frequent_as_their_classes(draw):
    dataset, count = draw(temperature=0.3), 400
    drawn = np.bincount([number(dataset[SampleKey(0, seed)]) for seed in range(count)], minlength=6)
    expected = np.zeros(6)
    for c, members in enumerate([(0, 1, 2, 3), (1, 2, 4), (2,)]):
        expected[list(members)] += dataset.probabilities[c] / len(members)
    deviation = np.sqrt(expected * (1 - expected) / count)
    assert (abs(drawn / count - expected) <= 4 * deviation).all()
    assert drawn[5] == 0 and (drawn[:5] > 0).all()


def test_a_class_that_is_not_drawn_does_not_outweigh_the_others(draw):
    labels = tiles()[3:4]  # two pixels of class 3, all others of class 0
    assert draw(labels, temperature=0.001).probabilities.tolist() == [1, 0, 0, 0]


def test_with_a_low_temperature_only_the_rarest_class_is_drawn(draw):
    assert draw(temperature=1e-4).probabilities.tolist() == [0, 0, 1, 0]


class Crops:
    """A dataset of one tile, whose crop shows the class in as many pixels as ``sizes`` says."""

    metainfo, has_labels = METAINFO, True

    def __init__(self, sizes):
        self.sizes, self.keys = sizes, []

    def __len__(self):
        return 1

    def read_labels(self, index):
        return np.full((SIDE, SIDE), 2)

    def __getitem__(self, key):
        labels = torch.zeros(1, CROP, CROP, dtype=torch.int64)
        labels.view(-1)[: self.sizes[len(self.keys)]] = 2
        self.keys.append((int(key), key.seed))
        return dict(data_samples=SimpleNamespace(gt_sem_seg=SimpleNamespace(data=labels)))


@pytest.mark.parametrize(
    'sizes, calls', [((5,), 1), ((4, 0, 5, 9), 3), ((4, 3, 2, 1), 4), ((0, 0, 0, 6), 4)]
)
def test_the_first_crop_that_shows_enough_of_the_class_is_used_else_the_last(sizes, calls):
    crops = Crops(sizes)
    sample = RareClassTiles(crops, min_pixels=MIN_PIXELS, crop_pixels=MIN_PIXELS, tries=4)[
        SampleKey(0, 9)
    ]
    assert shown(sample, 2) == sizes[calls - 1]
    assert len(crops.keys) == len(set(crops.keys)) == calls  # each crop has its own seed
    assert {tile for tile, _ in crops.keys} == {0}


def test_a_tile_must_show_more_of_the_class_than_a_crop():
    crops = Crops((2, 4, 3, 9))
    sample = RareClassTiles(crops, min_pixels=SIDE**2, crop_pixels=3, tries=4)[SampleKey(0, 9)]
    assert shown(sample, 2) == 4 and len(crops.keys) == 2
    with pytest.raises(UserError, match='set a smaller min_pixels'):
        RareClassTiles(Crops((9,)), min_pixels=SIDE**2 + 1, crop_pixels=3)[SampleKey(0, 9)]


def test_a_sample_depends_only_on_the_seed_of_its_index(draw):
    dataset = draw(temperature=1.0)
    first = [dataset[SampleKey(index, seed)] for index, seed in enumerate(range(50, 55))]
    dataset[SampleKey(3, 1)]
    np.random.rand()
    torch.rand(3)
    for repeated in (dataset, draw(temperature=1.0)):
        for seed in reversed(range(50, 55)):
            assert same(repeated[SampleKey(0, seed)], first[seed - 50])
    assert not same(first[0], first[1])


def test_without_a_seed_the_tiles_come_in_order(draw):
    dataset = draw()
    assert [number(dataset[index]) for index in range(len(dataset))] == list(range(6))


def test_other_attributes_are_those_of_the_dataset(make):
    inner = DATASETS.build(make())
    dataset = RareClassTiles(inner, min_pixels=MIN_PIXELS, crop_pixels=MIN_PIXELS)
    assert isinstance(dataset.dataset, RGBDSegDataset) and dataset.dataset is inner
    assert len(dataset) == 6 and dataset.metainfo['classes'] == list(METAINFO['classes'])
    assert dataset.get_data_info(4)['img_path'].endswith('images/4.png')
    with pytest.raises(AttributeError, match='nonsense'):
        dataset.nonsense  # noqa: B018


def test_it_is_the_source_of_pairs_and_can_be_sent_to_workers(make, draw):
    target = make() | dict(labels=False, pipeline=[PIPELINE[0], *PIPELINE[2:]])
    rare = dict(
        type='RareClassTiles',
        dataset=make(),
        min_pixels=MIN_PIXELS,
        crop_pixels=MIN_PIXELS,
        temperature=0.3,
    )
    pairs = DATASETS.build(dict(type='DomainPairDataset', source=rare, target=target))
    first = DATASETS.build(
        dict(type='DomainPairDataset', source=rare, target=target, source_first=True)
    )
    assert len(pairs) == 6 and pairs.metainfo['classes'] == list(METAINFO['classes'])
    keys = [SampleKey(index, 100 + index) for index in range(6)]
    alone, numbers = draw(temperature=0.3), set()
    for dataset in (first, pickle.loads(pickle.dumps(first))):
        for key in keys:
            pair = dataset[key]
            source = {name: domains['source'] for name, domains in pair.items()}
            assert same(source, alone[key])
            assert pair['inputs']['target'].shape == (3, CROP, CROP)
            numbers.add(number(source))
    assert len(numbers) > 1
    copied = pickle.loads(pickle.dumps(pairs))
    for key in keys:
        assert torch.equal(copied[key]['inputs']['source'], pairs[key]['inputs']['source'])


@pytest.mark.parametrize(
    'wrong',
    [
        dict(temperature=0),
        dict(temperature=-1.0),
        dict(min_pixels=0),
        dict(crop_pixels=0),
        dict(tries=0),
    ],
)
def test_arguments_that_are_not_above_0_are_refused(draw, wrong):
    with pytest.raises(UserError, match='must be above 0'):
        draw(**wrong)


def test_a_dataset_without_labels_or_without_enough_pixels_is_refused(make, draw):
    without = make() | dict(labels=False, pipeline=[PIPELINE[0], PIPELINE[-1]])
    with pytest.raises(UserError, match='needs a dataset with labels'):
        RareClassTiles(without)
    with pytest.raises(UserError, match='no tile has 300 pixels of any class: set'):
        draw(min_pixels=300, crop_pixels=300)[SampleKey(0, 1)]
