"""The tiny CycleGAN is trained, resumed exactly, and translates a dataset."""

import json
import shutil
from pathlib import Path

import cv2
import pytest
import torch

from depthda.engine.launch import train
from depthda.inference.translate import translate

CONFIG = Path(__file__).parents[3] / 'configs/sample/cyclegan_resnet-tiny_u2r.py'


@pytest.fixture(scope='module')
def options(sample):
    """Return overrides for eight steps with a pool of two images, which is full after two."""
    pair = 'train_dataloader.dataset'
    return {
        'model.pool_size': 2,
        'model.target_size': (96, 96),
        'train_cfg.max_iters': 8,
        'param_scheduler.0.begin': 4,
        'param_scheduler.0.end': 8,
        'default_hooks.checkpoint.interval': 4,
        'default_hooks.logger.interval': 1,
        f'{pair}.source.pipeline.2.crop_size': (64, 64),
        f'{pair}.target.pipeline.2.crop_size': (48, 48),
        f'{pair}.source.data_root': str(sample),
        f'{pair}.target.data_root': str(sample),
        'translate_dataset.data_root': str(sample),
    }


@pytest.fixture(scope='module')
def whole(options, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    train(CONFIG, str(folder), cfg_options=options)
    return folder


def same(one, other):
    """Return whether two parts of checkpoints are equal to the bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.skipif(torch.cuda.is_available(), reason='the order of sums on a GPU varies')
def test_a_resumed_run_equals_an_uninterrupted_one(options, whole, tmp_path):
    shutil.copy(whole / 'iter_4.pth', tmp_path)  # a run that was killed after four steps
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_4.pth'))
    train(CONFIG, str(tmp_path), resume=True, cfg_options=options)
    files = (whole / 'iter_4.pth', whole / 'iter_8.pth', tmp_path / 'iter_8.pth')
    half, one, other = (torch.load(path, weights_only=True) for path in files)
    for key in ('state_dict', 'optimizer', 'param_schedulers'):
        assert same(one[key], other[key])
        assert not same(half[key], one[key])
    pools = [[state['state_dict'][f'pools.{i}.images'] for i in (0, 1)] for state in (half, one)]
    assert all(pool.shape == (2, 3, 48, 48) for state in pools for pool in state)
    assert not any(map(torch.equal, *pools))  # images were exchanged after the resume


def test_both_learning_rates_fall_linearly_over_the_second_half(whole):
    (path,) = whole.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for part in ('generators', 'critics'):
        rates = [line[f'{part}.lr'] for line in lines if f'{part}.lr' in line]
        # mmengine reaches the last value in the last iteration.
        expected = [2e-4 * min(1, (7 - i) / 3) for i in range(8)]
        assert rates == pytest.approx(expected, rel=1e-6, abs=1e-15)


def test_the_last_checkpoint_translates_a_dataset(options, whole, tmp_path, sample):
    done = translate(CONFIG, whole, tmp_path / 'translated', cfg_options=options)
    images = sorted((tmp_path / 'translated').rglob('images_png/*.png'))
    assert len(images) == done['tiles'] == len(list((sample / 'Train/Urban/images_png').iterdir()))
    assert {cv2.imread(str(path)).shape for path in images} == {(96, 96, 3)}
