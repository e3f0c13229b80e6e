import json

import numpy as np
import pytest
from mmseg.registry import DATASETS
from refusals import refusal
from tiny_scenes import Scenes

from depthda.datasets.prepared import PreparedDataset
from depthda.errors import UserError
from depthda.preparation.folder import prepare_folder
from depthda.preparation.splits import Splits

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='LoadDepth', folder='depth'),
    dict(type='PackSegInputs'),
]


@pytest.fixture
def root(tmp_path):
    scenes = Scenes(tmp_path)
    splits = Splits({'train': 0.67, 'test': 0.33})
    prepare_folder(tmp_path / 'prepared', scenes.settings(domain='north', splits=splits))
    return tmp_path / 'prepared'


def test_classes_colours_domain_and_split_come_from_the_manifest(root):
    config = dict(type='PreparedDataset', split='train', pipeline=PIPELINE)
    dataset = DATASETS.build(config | dict(data_root=str(root)))
    listed = (root / 'train.txt').read_text().split()
    assert len(dataset) == len(listed)
    assert dataset.metainfo['classes'] == ['field', 'old wood']
    assert dataset.metainfo['palette'] == [[255, 255, 0], [0, 90, 0]]
    sample = dataset[0]
    assert sample['inputs'].shape == (4, 12, 12)
    assert set(np.unique(sample['data_samples'].gt_sem_seg.data)) <= {0, 1, 255}
    info = dataset.get_data_info(0)
    assert (info['domain'], info['split']) == ('north', 'train')
    assert dataset.depth_source == 'depth'
    images = PreparedDataset(str(root), depth=None, labels=False)
    assert len(images) == 18 and not images.has_labels and not images.has_depth


def test_wrong_settings_and_damaged_manifests_are_refused(root):
    with pytest.raises(
        UserError, match="split='val' is not a split of .*: choose from train, test"
    ):
        PreparedDataset(str(root), split='val')
    with pytest.raises(UserError, match='remove it, because prepared labels start at 0'):
        PreparedDataset(str(root), reduce_zero_label=True)
    with pytest.raises(UserError, match='manifest.json does not exist: make the dataset with'):
        PreparedDataset(str(root / 'images'))
    path = root / 'manifest.json'
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {'splits': {}}))
    assert refusal(PreparedDataset, str(root), split='train') == (
        f"{root} has no splits, but the config asks for split='train': prepare it again with "
        'depthda prepare-dataset and --split train=0.8 val=0.2, or use all of it with split=None'
    )
    for content, sentence in (
        (json.dumps(manifest | {'classes': None, 'labels': False}), 'lists no classes'),
        ('{"classes": [', r'manifest\.json cannot be read as JSON \(.*\): restore it'),
        ('[]', r'manifest\.json was not written by depthda prepare-dataset folder'),
        (
            json.dumps(manifest | {'complete': False}),
            'prepared is not complete: run the same depthda prepare',
        ),
    ):
        path.write_text(content)
        with pytest.raises(UserError, match=sentence):
            PreparedDataset(str(root), test_mode=True)
