import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.datasets import PotsdamDataset
from mmseg.registry import DATASETS

from depthda.datasets.isprs import Potsdam, Vaihingen
from depthda.engine.checks.data_check import data_warnings
from depthda.errors import UserError

CONFIGS = Path(__file__).parents[2] / 'configs/_base_/datasets'


def write_dataset(root, areas, windows=('0_0_8_8', '8_0_16_8'), side=8):
    """Write tiles of ``side``² in the same windows of every area."""
    columns = np.tile(np.arange(side, dtype=np.uint8), (side, 1))
    kinds = dict(images_irrg=np.dstack([columns] * 3), labels=columns % 6)
    kinds['dsm'] = columns.astype(np.uint16) * 100 + 1
    for folder, array in kinds.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        content = cv2.imencode('.png', array)[1].tobytes()
        for area in areas:
            for window in windows:
                (root / folder / f'{area}_{window}.png').write_bytes(content)
    return root


@pytest.fixture
def write_tiles(tmp_path):
    """``write_tiles(areas)`` writes two tiles of 8² per area."""
    return lambda areas, root=tmp_path: write_dataset(root, areas)


def areas_of(dataset):
    names = [Path(dataset.get_data_info(i)['img_path']).name for i in range(len(dataset))]
    return {name.rsplit('_', 4)[0] for name in names}


@pytest.mark.parametrize(
    ('kind', 'names', 'numbers'),
    [
        (Vaihingen, ('val', 'test'), (8, 25, 33)),
        (Vaihingen, ('official-train', 'official-test'), (16, 17, 33)),
        (Potsdam, ('official-train', 'official-test'), (24, 14, 38)),
    ],
)
def test_splits_are_disjoint_and_complete(kind, names, numbers):
    first, second = (kind.SPLITS[name] for name in names)
    assert (len(first), len(second), len(set(kind.SPLITS['all']))) == numbers
    assert not set(first) & set(second)
    assert sorted(first + second) == sorted(kind.SPLITS['all'])


def test_validation_areas_equal_those_of_the_paper_and_classes_those_of_mmseg():
    for kind in (Potsdam, Vaihingen):
        assert tuple(kind.METAINFO['classes']) == PotsdamDataset.METAINFO['classes']
        assert kind.METAINFO['palette'] == PotsdamDataset.METAINFO['palette']
    assert [*Vaihingen.SPLITS['val']] == [f'area{n}' for n in (2, 5, 7, 8, 13, 20, 22, 24)]
    missing = {9, 18, 19, 25, 36}  # numbers that Vaihingen does not have
    assert {*Vaihingen.SPLITS['all']} == {f'area{n}' for n in {*range(1, 39)} - missing}


def test_a_split_has_only_the_tiles_of_its_areas(write_tiles):
    root = str(write_tiles(Vaihingen.SPLITS['all']))
    for split, areas in Vaihingen.SPLITS.items():
        dataset = Vaihingen(root, split)
        assert areas_of(dataset) == set(areas) and len(dataset) == 2 * len(areas)
        info = dataset.get_data_info(0)
        assert (info['split'], info['domain']) == (split, 'Vaihingen')
        name = Path(info['img_path']).name
        assert info['seg_map_path'] == f'{root}/labels/{name}'
        assert info['depth_path'] == f'{root}/dsm/{name}'


def test_similar_area_names_are_distinguished_and_a_list_selects_within_a_split(
    write_tiles, tmp_path
):
    root = write_tiles(['area1', 'area2', 'area20', 'area22'], root=tmp_path / 'v')
    assert areas_of(Vaihingen(str(root), areas=['area2'])) == {'area2'}
    (root / 'few.txt').write_text('area2_0_0_8_8\narea1_8_0_16_8\n')
    assert len(Vaihingen(str(root), ann_file='few.txt')) == 2
    assert areas_of(Vaihingen(str(root), 'val', ann_file='few.txt')) == {'area2'}
    (root / 'few.txt').write_text('area1_0_0_8_8\n')
    with pytest.raises(UserError, match=r"few.txt lists no tile of split 'val'"):
        Vaihingen(str(root), 'val', ann_file='few.txt')
    root = str(write_tiles(['6_1', '6_12'], root=tmp_path / 'p'))
    message = r'^the file name 6_1_\S+ in .* begins with an unknown area: .* Potsdam are 2_10, '
    with pytest.raises(UserError, match=message):
        Potsdam(root, areas=['6_12'])


def test_labels_bands_and_depth_can_be_chosen(write_tiles, tmp_path):
    write_tiles(['2_10'])
    dataset = Potsdam(str(tmp_path), areas=['2_10'], labels=False, depth=None)
    assert not dataset.has_labels and not dataset.has_depth and dataset.depth_source is None
    (tmp_path / 'images_irrg').rename(tmp_path / 'images_rgb')
    (tmp_path / 'dsm').rename(tmp_path / 'ndsm')
    dataset = Potsdam(str(tmp_path), areas=['2_10'], bands='rgb', depth='ndsm')
    assert len(dataset) == 2 and dataset.depth_source == 'ndsm'
    assert '/images_rgb/' in dataset.get_data_info(0)['img_path']


def test_missing_and_interrupted_areas_are_named(write_tiles):
    root = write_tiles(set(Vaihingen.SPLITS['val']) - {'area13', 'area7'})
    with pytest.raises(UserError, match=r'2 of the 8 areas .*\(area7, area13\): .*areas='):
        Vaihingen(str(root), 'val')
    assert len(Vaihingen(str(root), 'val', areas=['area8', 'area2'])) == 4
    tiles = dict(area8=dict(tiles=2), area2=dict(tiles=3))
    (root / 'manifest.json').write_text(json.dumps(dict(areas=tiles)))
    assert len(Vaihingen(str(root), areas=['area8'])) == 2
    with pytest.raises(UserError, match='has 2 tiles of area area2, but .*manifest.json lists 3'):
        Vaihingen(str(root), areas=['area2'])
    (root / 'manifest.json').rename(root / 'manifest.unfinished.json')
    with pytest.raises(UserError, match='has 2 tiles of area area2, but .*unfinished.json lists 3'):
        Vaihingen(str(root), areas=['area2'])


@pytest.mark.parametrize(
    ('kind', 'change', 'message'),
    [
        (Potsdam, dict(split='val'), "split='val' of Potsdam is unknown: use all, official-train"),
        (
            Vaihingen,
            dict(split='val', areas=['area1']),
            r"\['area1'\] .* not in split 'val' \(area1\): choose from area2, ",
        ),
        (Vaihingen, dict(areas=[]), r'areas=\[\] of Vaihingen'),
        (
            Potsdam,
            dict(areas=['9_9']),
            r'of Potsdam contains unknown areas \(9_9\): choose from 2_10, ',
        ),
        (Vaihingen, dict(areas='area1'), "areas='area1' of Vaihingen is not a list"),
        (Vaihingen, dict(bands='rgb'), r'image folder \S*images_rgb does not exist'),
        (
            Potsdam,
            dict(data_root='a/none'),
            r'does not exist: make it with depthda prepare-dataset isprs potsdam … --out \S*/none,',
        ),
    ],
)
def test_invalid_arguments_are_refused(tmp_path, kind, change, message):
    with pytest.raises(UserError, match=message):
        kind(**dict(data_root=str(tmp_path)) | change)


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    """Write both datasets and a translated one: one tile per area, no smaller than the crop."""
    root = tmp_path_factory.mktemp('isprs')
    datasets = (
        ('potsdam', Potsdam, 600),
        ('translated', Potsdam, 512),
        ('vaihingen', Vaihingen, 512),
    )
    return {
        n: write_dataset(root / n, kind.SPLITS['all'], ['0_0_1_1'], s) for n, kind, s in datasets
    }


def config_in(name, roots):
    """Return a config whose datasets are in ``roots``."""
    cfg = Config.fromfile(CONFIGS / name)
    translated = 'translated' in name
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if loader in cfg:
            dataset = cfg[loader].dataset
            for part in (dataset, dataset.get('source'), dataset.get('target')):
                if part and 'data_root' in part:
                    source = 'translated' if translated else 'potsdam'
                    part.data_root = str(roots['vaihingen' if part.type == 'Vaihingen' else source])
    return cfg


@pytest.mark.parametrize('name', ['', '-translated', '-reversed', '-translated-reversed'])
def test_segmentation_configs_train_on_potsdam_and_split_vaihingen(roots, name):
    cfg = config_in(f'potsdam2vaihingen{name}-512x512.py', roots)
    loaders = [cfg[f'{part}_dataloader'] for part in ('train', 'val', 'test')]
    datasets = [DATASETS.build(loader.dataset) for loader in loaders]
    assert [*map(len, datasets)] == ([38, 25, 8] if 'reversed' in name else [38, 8, 25])
    assert [*map(type, datasets)] == [Potsdam, Vaihingen, Vaihingen]
    for dataset in datasets:
        sample = dataset[0]
        assert sample['inputs'].shape == (3, 512, 512)
        assert sample['data_samples'].gt_sem_seg.shape == (512, 512)
    assert not data_warnings(cfg)
    original = Config.fromfile(CONFIGS / f'potsdam2vaihingen{name}-512x512.py')
    folder = 'data/potsdam2vaihingen' if 'translated' in name else 'data/potsdam'
    assert original.train_dataloader.dataset.data_root == folder


def test_the_tiles_of_a_pair_are_unlabelled_and_have_depth(roots):
    cfg = config_in('potsdam2vaihingen-pairs-896x896-512x512.py', roots)
    pairs = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(pairs) == 38
    sample = pairs[37]
    shapes = {name: tuple(tile.shape) for name, tile in sample['inputs'].items()}
    assert shapes == dict(source=(4, 600, 600), target=(4, 512, 512))
    for name, domain in (('source', 'Potsdam'), ('target', 'Vaihingen')):
        assert sample['data_samples'][name].domain == domain
        assert 'gt_sem_seg' not in sample['data_samples'][name]
    assert not data_warnings(cfg)


def test_the_documented_config_reads_tiles_of_the_converters_of_mmseg(tmp_path):
    page = (CONFIGS.parents[2] / 'docs/isprs.md').read_text()
    (lines,) = re.findall(r'```python\ndataset = (dict\(.*?\n\))\n```', page, re.DOTALL)
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    pipeline.append(dict(type='PackSegInputs'))
    config = eval(lines, dict(train_pipeline=pipeline)) | dict(data_root=str(tmp_path))
    codes = np.arange(64, dtype=np.uint8).reshape(8, 8) % 7
    for folder, array in (('img_dir', np.dstack([codes] * 3)), ('ann_dir', codes)):
        path = tmp_path / folder / 'train/2_10_0_0_8_8.png'
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), array)
    (sample,) = DATASETS.build(config)
    labels = sample['data_samples'].gt_sem_seg.data.numpy()[0]
    np.testing.assert_array_equal(labels, np.where(codes == 0, 255, codes.astype(int) - 1))


def test_a_translated_dataset_has_only_the_translated_areas(write_tiles):
    root = write_tiles(['2_10', '6_7', '7_12'])
    (root / 'translation.json').write_text(json.dumps(dict(areas=['2_10', '6_7'])))
    assert areas_of(Potsdam(str(root))) == {'2_10', '6_7'}
    assert areas_of(Potsdam(str(root), areas=['7_12'])) == {'7_12'}
    (root / 'translation.json').write_text(json.dumps(dict(areas=['2_10', '2_11'])))
    with pytest.raises(UserError, match=r'no tiles of 1 of the 2 areas of split .all. \(2_11\)'):
        Potsdam(str(root))
