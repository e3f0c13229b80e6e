from itertools import islice, product

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import DATASETS

from depthda.datasets.domain_pair import DomainPairDataset
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.engine.run_sampler import RunSampler
from depthda.errors import UserError
from depthda.randomness import SampleKey

SIDES = dict(source=12, target=8)
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackSegInputs'),
]


@pytest.fixture
def make_pairs(tmp_path, write_png):
    """``make_pairs(source=3, target=7)`` makes tiles of 12² and 8² that encode number and flip."""

    def make(**sizes):
        datasets = {}
        for name, size in sizes.items():
            side = SIDES[name]
            folder = tmp_path / f'{name}-{size}'
            for number in range(size):
                image = np.zeros((side, side, 3), np.uint8)
                image[..., 0] = number
                image[:, 0, 1] = 255  # the left edge, unless flipped
                write_png(folder / 'images' / f'{number:03}.png', image)
                write_png(folder / 'depth' / f'{number:03}.png', np.full((side, side), 9, np.uint8))
            datasets[name] = dict(
                type='RGBDSegDataset',
                data_root=str(folder),
                data_prefix=dict(img_path='images', depth_path='depth'),
                domain=name,
                pipeline=PIPELINE,
            )
        return dict(type='DomainPairDataset', **datasets)

    return make


def tiles_of(pair):
    """Return (number, flipped) of both tiles of a pair."""
    return tuple(
        (int(pair['inputs'][name][0, 0, 0]), not bool(pair['inputs'][name][1, 0, 0]))
        for name in SIDES
    )


def draw(dataset, count, seed=0):
    return [tiles_of(dataset[key]) for key in islice(RunSampler(dataset, seed=seed), count)]


@pytest.mark.parametrize(('larger', 'smaller'), [('source', 'target'), ('target', 'source')])
def test_an_epoch_shows_the_larger_dataset_once(make_pairs, larger, smaller):
    dataset = DATASETS.build(make_pairs(**{larger: 60, smaller: 5}))
    assert isinstance(dataset, DomainPairDataset) and len(dataset) == 60
    drawn = draw(dataset, 120)
    for epoch in (drawn[:60], drawn[60:]):
        numbers = {name: [pair[i][0] for pair in epoch] for i, name in enumerate(SIDES)}
        assert sorted(numbers[larger]) == list(range(60))
        counts = np.bincount(numbers[smaller], minlength=5)
        assert (counts > 3).all() and len(set(counts)) > 1  # at random, not in turn
    pairs = [{(source[0], target[0]) for source, target in drawn[i : i + 60]} for i in (0, 60)]
    assert pairs[0] != pairs[1]


def test_datasets_of_equal_size_are_paired_at_random_and_flip_independently(make_pairs):
    drawn = draw(DATASETS.build(make_pairs(source=30, target=30)), 60)
    assert {(source[1], target[1]) for source, target in drawn} == set(product((0, 1), repeat=2))
    epoch = drawn[:30]
    assert sorted(source[0] for source, _ in epoch) == list(range(30))
    assert any(source[0] != target[0] for source, target in epoch)
    assert len({target[0] for _, target in epoch}) < 30


def test_with_replacement_both_tiles_are_drawn_as_in_the_code_of_drdg(make_pairs):
    config = make_pairs(source=40, target=5)
    dataset = DATASETS.build(config | dict(replacement=True))
    drawn = draw(dataset, 40)
    assert draw(dataset, 40) == drawn and len(dataset) == 40
    numbers = [[pair[i][0] for pair in drawn] for i in range(2)]
    # Without replacement all 40 would be drawn; with replacement 1 - 1/e of them are expected.
    assert 18 <= len(set(numbers[0])) <= 32 and set(numbers[1]) == set(range(5))


def test_a_pair_depends_only_on_the_seed_of_its_key(make_pairs):
    dataset = DATASETS.build(make_pairs(source=30, target=20))
    first = draw(dataset, 30, seed=5)
    dataset[SampleKey(3, 1)]
    np.random.rand()
    assert draw(dataset, 30, seed=5) == first
    assert draw(dataset, 30, seed=6) != first
    # With other seeds, the same source tile gets other target tiles.
    partners = {tiles_of(dataset[SampleKey(0, seed)])[1][0] for seed in range(20)}
    assert len(partners) > 5


def test_without_a_seed_the_smaller_dataset_repeats(make_pairs):
    dataset = DATASETS.build(make_pairs(source=5, target=2))
    numbers = [tuple(number for number, _ in tiles_of(pair)) for pair in dataset]
    assert numbers == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]
    with pytest.raises(IndexError, match='there is no pair 5: the dataset has 5 pairs'):
        dataset[5]


def load(make_pairs, workers, collate='pseudo_collate', skipped=0):
    """Return six batches of a loader built by ``Runner``."""
    config = dict(batch_size=2, num_workers=workers, collate_fn=dict(type=collate))
    config['sampler'] = dict(type='RunSampler', seed=3)
    loader = Runner.build_dataloader(config | dict(dataset=make_pairs(source=7, target=5)))
    loader.sampler.skip(skipped)
    return list(islice(loader, 6))


def test_workers_and_resuming_change_nothing(make_pairs):
    alone, shared = (load(make_pairs, workers) for workers in (0, 2))
    resumed = load(make_pairs, 0, skipped=4)
    assert len({str(batch['inputs']) for batch in alone}) == 6
    same = [*zip(alone, shared, strict=True), *zip(alone[2:], resumed[:4], strict=True)]
    for expected, batch in same:
        torch.testing.assert_close(batch['inputs'], expected['inputs'], rtol=0, atol=0)


def test_batches_contain_the_two_domains_separately(make_pairs):
    (batch, *_) = load(make_pairs, 0, 'default_collate')
    shapes = {name: tuple(tiles.shape) for name, tiles in batch['inputs'].items()}
    assert shapes == dict(source=(2, 4, 12, 12), target=(2, 4, 8, 8))
    (batch, *_) = load(make_pairs, 0, 'pseudo_collate')
    for name, side in SIDES.items():
        assert [tuple(tile.shape) for tile in batch['inputs'][name]] == [(4, side, side)] * 2
        stems = [sample.img_path[-7:-4] for sample in batch['data_samples'][name]]
        assert stems == [f'{int(tile[0, 0, 0]):03}' for tile in batch['inputs'][name]]


def test_dataset_objects_are_accepted_in_place_of_configs(make_pairs):
    cfg = make_pairs(source=3, target=7)
    built = DATASETS.build(cfg['source'])
    dataset = DomainPairDataset(built, cfg['target'])
    assert dataset.sets['source'] is built and len(dataset) == 7
    assert isinstance(dataset.sets['target'], RGBDSegDataset)
    assert dataset.metainfo == built.metainfo
    # The records are those of the drawn files.
    for key in islice(RunSampler(dataset, seed=4), 7):
        records = dataset.get_data_info(key)
        numbers = tuple(int(records[name]['img_path'][-7:-4]) for name in SIDES)
        assert numbers == tuple(number for number, _ in tiles_of(dataset[key]))


@pytest.mark.parametrize('target', [3, 20])
def test_with_source_first_the_source_samples_are_those_of_the_source_alone(make_pairs, target):
    config = make_pairs(source=8, target=target)
    plain = DATASETS.build(config['source'])
    dataset = DATASETS.build(config | dict(source_first=True))
    assert len(dataset) == 8
    for key in islice(RunSampler(dataset, seed=2), 24):
        pair, alone = dataset[key], plain[key]
        assert torch.equal(pair['inputs']['source'], alone['inputs'])
        source = pair['data_samples']['source']
        assert source.img_path == alone['data_samples'].img_path
        assert dataset.get_data_info(key)['source'] == plain.get_data_info(key)


def test_with_source_first_the_target_depends_on_the_seed_alone(make_pairs):
    dataset = DATASETS.build(make_pairs(source=8, target=20) | dict(source_first=True))
    targets = [{tiles_of(dataset[SampleKey(i, seed)])[1] for i in range(8)} for seed in range(40)]
    assert all(len(drawn) == 1 for drawn in targets)
    numbers, flips = zip(*(next(iter(drawn)) for drawn in targets), strict=True)
    assert len(set(numbers)) > 10 and set(flips) == {False, True}


def test_translated_tiles_are_drawn_by_the_seed_alone_and_change_no_pair(make_pairs):
    config = make_pairs(source=8, target=20) | dict(source_first=True)
    translated = make_pairs(target=5)['target']
    plain, dataset = DATASETS.build(config), DATASETS.build(config | dict(translated=translated))
    assert len(dataset) == 8 and plain.sets.keys() == set(SIDES)
    for key in islice(RunSampler(dataset, seed=2), 24):
        pair, without = dataset[key], plain[key]
        assert tiles_of(pair) == tiles_of(without) and 'translated' not in without['inputs']
        assert pair['inputs']['translated'].shape == (4, 8, 8)

    def drawn(index, seed):
        key = SampleKey(index, seed)
        number, left = dataset[key]['inputs']['translated'][:2, 0, 0].int().tolist()
        path = dataset.get_data_info(key)['translated']['img_path']
        assert path == dataset.sets['translated'].get_data_info(number)['img_path']
        return number, left, tiles_of(dataset[key])[1]

    for seed in range(4):
        assert len({drawn(index, seed) for index in range(8)}) == 1
    numbers, flips, targets = zip(*(drawn(0, seed) for seed in range(40)), strict=True)
    assert set(numbers) == set(range(5)) and len(set(flips)) == 2
    assert any(number != target[0] % 5 for number, target in zip(numbers, targets, strict=True))


def test_source_first_and_replacement_exclude_each_other(make_pairs):
    config = make_pairs(source=2, target=2) | dict(source_first=True, replacement=True)
    with pytest.raises(UserError, match='replacement or source_first, not both'):
        DATASETS.build(config)
