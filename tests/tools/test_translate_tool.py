"""DRDG from end to end: train, translate, train a segmentation, test it; also in two processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from depthda.engine.launch import train
from depthda.inference.translate import translate

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/sample/drdg_tiny_u2r.py'


@pytest.fixture(scope='module')
def options(sample):
    """Return overrides for small crops and 150 updates of the generators."""
    pair = 'train_dataloader.dataset'
    return {
        'model.target_size': (96, 96),
        'train_cfg.max_iters': 300,
        f'{pair}.source.pipeline.2.crop_size': (64, 64),
        f'{pair}.target.pipeline.2.crop_size': (48, 48),
        f'{pair}.source.data_root': str(sample),
        f'{pair}.target.data_root': str(sample),
        'translate_dataset.data_root': str(sample),
    }


@pytest.fixture(scope='module')
def run(options, tmp_path_factory):
    """Train a translation, and translate with it."""
    folder = tmp_path_factory.mktemp('run')
    train(CONFIG, str(folder / 'drdg'), cfg_options=options)
    translate(CONFIG, folder / 'drdg', folder / 'dataset', cfg_options=options)
    return folder


def pixels(folder):
    return np.concatenate([cv2.imread(str(p)).reshape(-1, 3) for p in sorted(folder.glob('*.png'))])


def test_colours_move_at_least_half_way_to_the_target(run, sample):
    source, target, made = (
        pixels(root / 'images_png')
        for root in (sample / 'Train/Urban', sample / 'Train/Rural', run / 'dataset/Train/Urban')
    )
    for statistic in (np.mean, np.std):
        colours = [statistic(values, axis=0) for values in (source, target, made)]
        before, after = (np.linalg.norm(colours[i] - colours[1]) for i in (0, 2))
        assert after < before / 2


def test_labels_stay_on_their_objects(run):
    """Edges of labels coincide with edges of images, and less so when they are shifted."""
    strength = dict.fromkeys((0, 4, 8), 0.0)
    for path in (run / 'dataset/Train/Urban/images_png').glob('*.png'):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32)
        edges = np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))
        labels = cv2.imread(str(path.parents[1] / 'masks_png' / path.name), cv2.IMREAD_UNCHANGED)
        assert labels.shape == grey.shape == (96, 96)
        borders = np.zeros(labels.shape, bool)
        borders[1:] |= labels[1:] != labels[:-1]
        borders[:, 1:] |= labels[:, 1:] != labels[:, :-1]
        for shift in strength:
            strength[shift] += edges[np.roll(borders, (shift, shift), (0, 1))].mean()
    assert strength[0] > 1.3 * max(strength[4], strength[8])


def test_a_model_is_trained_on_the_translation_and_records_it(run, sample, short_run, run_tool):
    config = ROOT / 'configs/sample/upernet_tiny_u2r.py'
    options = {**short_run, 'train_dataloader.dataset.data_root': run / 'dataset'}
    folder = run / 'segmentation'
    words = ['--work-dir', folder, '--cfg-options', *(f'{k}={v}' for k, v in options.items())]
    for tool, *checkpoint in (('train',), ('test', folder / 'iter_4.pth')):
        assert run_tool(tool, config, *checkpoint, *words)[0] == 0
    trained_on = json.loads((folder / 'metrics.json').read_text())['trained_on']
    translation = trained_on['translation']
    assert translation['config'] == CONFIG
    assert translation['trained_on']['target']['domains'] == ['Rural']
    assert translation['trained_on']['source']['data_root'] == str(sample)


def test_processes_share_training_and_tiles(run, options, tmp_path):
    """Two processes train one model, and write nearly the same files as one process."""
    torchrun = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    torchrun += ['--nproc-per-node', '2']
    words = [f'{key}={value}'.replace(' ', '') for key, value in options.items()]
    words += ['train_cfg.max_iters=4', 'default_hooks.checkpoint.interval=4']

    def both(tool, *args):
        command = [*torchrun, str(ROOT / 'tools' / tool), *map(str, args)]
        command += ['--launcher', 'pytorch', '--cfg-options', *words]
        environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]

    both('train.py', CONFIG, '--work-dir', tmp_path / 'two')
    assert (tmp_path / 'two/iter_4.pth').is_file()
    both('translate.py', CONFIG, run / 'drdg', '--out', tmp_path / 'dataset')
    made, alone = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob('*_png/*.png')}
        for root in (tmp_path / 'dataset', run / 'dataset')
    )
    assert made.keys() == alone.keys() and len(made) == 24
    assert sum(made[name] == alone[name] for name in made) >= 22
