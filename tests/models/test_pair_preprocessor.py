"""A pair preprocessor applies one preprocessor to each domain of a batch."""

import copy

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from depthda.errors import UserError

SOURCE = dict(type='RGBDDataPreprocessor', mean=[100] * 3, std=[50] * 3, size=(16, 16))
TARGET = dict(type='RGBDDataPreprocessor', mean=[80] * 3, std=[40] * 3, depth='drop', size=(16, 16))


def batch(domains=('source', 'target'), images=2):
    """Return a batch of labelled source images and target images without labels."""
    data = dict(inputs={}, data_samples={})
    for seed, domain in enumerate(domains):
        g = torch.Generator().manual_seed(seed)
        data['inputs'][domain] = [torch.rand(4, 12, 16, generator=g) for _ in range(images)]
        samples = [SegDataSample() for _ in range(images)]
        if domain == 'source':
            for sample in samples:
                sample.gt_sem_seg = PixelData(data=torch.ones(1, 12, 16, dtype=torch.int64))
        data['data_samples'][domain] = samples
    return data


@pytest.fixture
def pair():
    return MODELS.build(dict(type='PairPreprocessor', source=SOURCE, target=TARGET))


def test_each_domain_is_processed_by_its_own_preprocessor(pair):
    result = pair(batch(), training=True)
    for domain, config in dict(source=SOURCE, target=TARGET).items():
        alone = {key: value[domain] for key, value in batch().items()}
        expected = MODELS.build(config)(alone, training=True)['inputs']
        np.testing.assert_array_equal(result['inputs'][domain], expected)
    assert result['inputs']['source'].shape == (2, 4, 16, 16)
    assert result['inputs']['target'].shape == (2, 3, 16, 16)  # its depth is dropped
    labels = [sample.gt_sem_seg.data for sample in result['data_samples']['source']]
    assert (torch.stack(labels)[:, :, 12:] == 255).all()  # padded with the image
    assert all('gt_sem_seg' not in sample for sample in result['data_samples']['target'])
    # The config of the source preprocessor is used for both domains if no other is set.
    pair = MODELS.build(dict(type='PairPreprocessor', source=SOURCE))
    data = batch()
    data['inputs']['target'] = copy.deepcopy(data['inputs']['source'])
    source, target = pair(data, training=True)['inputs'].values()
    assert torch.equal(source.nan_to_num(9), target.nan_to_num(9))


def test_a_batch_may_have_only_one_domain_and_both_preprocessors_move_to_a_device(pair):
    result = pair(dict(inputs=dict(target=batch()['inputs']['target'])))
    assert result['inputs'].keys() == {'target'} and result['data_samples'] == dict(target=None)
    result = pair.to('meta')(batch(), training=True)['inputs']
    assert {images.device.type for images in result.values()} == {'meta'}


def test_errors_name_the_domain(pair):
    data = batch()
    with pytest.raises(UserError, match='^this model trains on pairs of source and target images'):
        pair(dict(inputs=data['inputs']['source']))
    data['inputs']['target'][0] = torch.rand(6, 12, 16)
    with pytest.raises(UserError, match='^target: .*6 channels'):
        pair(data)
    data = batch()
    del data['inputs']['target'][0], data['data_samples']['target'][0]
    with pytest.raises(UserError, match='^a batch has 2 source and 1 target images: use the same'):
        pair(data, training=True)
