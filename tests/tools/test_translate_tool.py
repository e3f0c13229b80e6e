"""DRDG by the real commands: train, kill, resume, translate, train a segmentation, test it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/sample/drdg_tiny_u2r.py'
# Small crops and short cycles: 150 updates of the generators in some seconds.
SHORT = (
    'model.target_size=(96,96) train_cfg.max_iters=300 '
    'default_hooks.checkpoint.interval=100 custom_hooks.0.interval=100 '
    'train_dataloader.dataset.source.pipeline.2.crop_size=(64,64) '
    'train_dataloader.dataset.target.pipeline.2.crop_size=(48,48)'
).split()


def command(tool, *args):
    return [sys.executable, str(ROOT / 'tools' / tool), *map(str, args)]


def call(tool, *args, **kwargs):
    done = subprocess.run(command(tool, *args), capture_output=True, text=True, cwd=ROOT, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


def data(sample):
    pair = 'train_dataloader.dataset.{}.data_root={}'
    roots = [pair.format(domain, sample) for domain in ('source', 'target')]
    return [*roots, f'translate_dataset.data_root={sample}']


@pytest.fixture(scope='module')
def run(sample, tmp_path_factory):
    """Train a translation that is killed and resumed, and translate with it."""
    folder = tmp_path_factory.mktemp('run')
    train = command('train.py', CONFIG, '--work-dir', folder / 'drdg', '--cfg-options')
    train += [*SHORT, *data(sample)]
    with open(folder / 'first.log', 'w') as log:
        process = subprocess.Popen(train, cwd=ROOT, stdout=log, stderr=log)
        for _ in range(1200):
            if (folder / 'drdg/iter_100.pth').is_file() or process.poll() is not None:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (folder / 'drdg/iter_300.pth').exists(), 'killed too late'
    resumed = call('train.py', '--resume', *train[2:])
    assert 'resumed' in resumed.lower()
    options = ['--cfg-options', *SHORT, *data(sample)]
    text = call('translate.py', CONFIG, folder / 'drdg', '--out', folder / 'dataset', *options)
    assert f'12 tiles: {folder / "dataset"}' in text
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


def test_a_segmentation_is_trained_on_it_and_records_it(run, sample, short_run, run_tool):
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


def test_there_are_pictures_and_the_distances_of_the_critics(run):
    names = {path.name for path in run.glob('drdg/*/translation/*.png')}
    assert names == {'iter_100.png', 'iter_200.png', 'iter_300.png'}
    logs = [path.read_text().splitlines() for path in run.glob('drdg/*/vis_data/scalars.json')]
    for entry in map(json.loads, sum(logs, [])):
        assert {'distance_s', 'distance_t', 'loss_critic'} <= entry.keys()


def test_processes_share_training_and_tiles(run, sample, tmp_path):
    """Two processes learn one model, and translate to the bytes of one process."""
    torchrun = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    torchrun += ['--nproc-per-node', '2']
    options = ['--launcher', 'pytorch', '--cfg-options', *SHORT, *data(sample)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}

    def both(tool, *args):
        words = [*torchrun, *command(tool, *args)[1:], *options]
        done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]

    options.append('train_cfg.max_iters=4')
    both('train.py', CONFIG, '--work-dir', tmp_path / 'two')
    assert (tmp_path / 'two/iter_4.pth').is_file()
    both('translate.py', CONFIG, run / 'drdg', '--out', tmp_path / 'dataset')
    made, alone = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob('*_png/*.png')}
        for root in (tmp_path / 'dataset', run / 'dataset')
    )
    assert made.keys() == alone.keys() and len(made) == 24
    assert sum(made[name] == alone[name] for name in made) >= 22
