"""The command, also shared among processes."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_depth_anything import save_tiny

from depthda.datasets.loveda import LoveDARGBD

TOOL = Path(__file__).parents[2] / 'tools' / 'estimate_depth.py'
SIZES = [(70, 70), (56, 90), (100, 180), (150, 160)]


def command(*args):
    return [sys.executable, str(TOOL), *map(str, args)]


@pytest.fixture
def call(run_tool):
    return partial(run_tool, 'estimate_depth')


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    folder = save_tiny(tmp_path_factory.mktemp('models') / 'Tiny-Depth-hf')
    (folder / 'README.md').write_text('---\nlicense: apache-2.0\n---\n')
    return folder


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Return images of several sizes."""
    folder = tmp_path_factory.mktemp('images')
    for index in range(12):
        height, width = SIZES[index % 4]
        pixels = np.random.default_rng(index).integers(0, 256, (height // 5, width // 5, 3))
        picture = Image.fromarray(pixels.astype(np.uint8)).resize((width, height))
        path = folder / f'{index % 3}/{index}.png'
        path.parent.mkdir(exist_ok=True)
        picture.save(path)
    return folder


def contents(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob('*') if path.is_file()}


def arguments(mode, model, images, out):
    return [images, '--model', model, '--mode', mode, '--batch-size', 4, '--out', out]


def test_processes_of_torchrun_write_the_same_bytes(model, images, tmp_path, call):
    code, text, err = call(*arguments('whole', model, images, tmp_path / 'clean'))
    assert code == 0
    lines = text.splitlines()
    assert lines[0] == f'{model}: licence of the weights: apache-2.0, as its README.md says'
    assert lines[1].startswith('12 maps written, ') and lines[2] == str(tmp_path / 'clean')
    # Quiet where the output is not a terminal.
    assert err == ''
    out = tmp_path / 'out'
    torchrun = [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node', '2']
    torchrun += ['--standalone', *command(*arguments('whole', model, images, out))[1:]]
    done = subprocess.run([*torchrun, '--launcher', 'pytorch'], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'process 0: 6 maps written' in done.stdout
    assert 'process 1: 6 maps written' in done.stdout
    assert done.stdout.count('licence of the weights') == 1
    assert contents(out) == contents(tmp_path / 'clean')


def test_maps_made_in_place_are_read_by_the_dataset(sample, model, tmp_path, call):
    data = tmp_path / 'data'
    for domain in ('Urban', 'Rural'):
        for kind in ('images_png', 'masks_png'):
            (data / 'Train' / domain).mkdir(parents=True, exist_ok=True)
            os.symlink(sample / 'Train' / domain / kind, data / 'Train' / domain / kind)
    code, out, err = call(*sorted(data.glob('*/*/images_png')), '--model', model)
    assert code == 0, err
    depth = 'rdepth/tiny-depth'
    assert out.splitlines()[-2:] == [f'{data}/Train/{d}/{depth}' for d in ('Rural', 'Urban')]
    load = [dict(type='LoadImageFromFile'), dict(type='LoadDepth')]
    dataset = LoveDARGBD(str(data), ['Urban', 'Rural'], 'Train', depth=depth, pipeline=load)
    for index in range(len(dataset)):
        depth = dataset[index]['img'][..., 3]
        assert depth.min() == pytest.approx(1 / 65535) and depth.max() == 1


def test_a_terminal_shows_the_pace_and_the_time_left(model, images, tmp_path, call, monkeypatch):
    monkeypatch.setattr('rich.console.Console.is_terminal', True)
    monkeypatch.setenv('COLUMNS', '120')
    code, _, err = call(images / '0', '--model', model, '--out', tmp_path / 'out')
    assert code == 0 and '4/4' in err
    assert re.search(r'\d+\.\d/s, \d:\d\d:\d\d left', err)


@pytest.mark.parametrize(
    'given, options, message',
    [
        ('empty', '', 'contains no image'),
        ('nothing', '', 'does not exist: correct the path'),
        ('broken.png', '', 'broken.png cannot be read as an image'),
        ('four.png', '', 'has 4 bands, but the network needs three'),
        ('four.png', '--bands 1 2 3 --batch-size 0', '--batch-size 0: use 1 or more'),
        ('four.png', '--bands 1 2 3 --device gpu', "there is no device 'gpu'"),
        ('four.png', '--bands 1 2 3 --device cuda:77', 'use --device cpu'),
        ('four.png', '--bands 1 2 3 --launcher pytorch', 'torchrun'),
        ('four.png', '--bands 1 2 3 --tile 64', 'add --mode tiled'),
        ('four.png', '--bands 1 2 3 --name maps', 'leave out one'),
        ('three.png', '--out broken.png', 'broken.png is a file'),
        ('three.png', '--model empty', 'contains no readable transformers checkpoint'),
        (
            'three.png',
            '--model no/such/folder',
            'does not exist: download the weights with `hf download OWNER/NAME',
        ),
        (
            'three.png',
            '--model owner/name',
            '`hf download owner/name --local-dir DIR`, then set --model DIR',
        ),
    ],
)
def test_a_mistake_is_one_sentence(model, tmp_path, call, monkeypatch, given, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'broken.png').write_bytes(b'nothing')
    for name, mode in (('three', 'RGB'), ('four', 'RGBA')):
        Image.new(mode, (20, 20)).save(tmp_path / f'{name}.png')
    code, _, err = call(given, '--model', model, '--out', 'out', *options.split())
    (line,) = [line for line in err.splitlines() if line.strip()]
    assert code == 2 and line.startswith('error: ') and message in line
    assert not list(tmp_path.rglob('out/**/*.png'))
