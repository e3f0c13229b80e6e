"""Custom datasets, by the command; the content of the tiles is tested with the library."""

from functools import partial

import numpy as np
import pytest
from tiny_scenes import Scenes, write

from depthda.datasets.liuzhou import LiuZhou


@pytest.fixture
def call(run_tool):
    return partial(run_tool, 'prepare_dataset')


def arguments(root, out, *more):
    folders = ['--images', root / 'rgb', '--labels', root / 'mask', '--depth', root / 'dsm']
    suffixes = ['--image-suffix', '_RGB.tif', '--depth-suffix', '_dsm.tif']
    settings = ['--classes', root / 'classes.txt', '--tile', 16, '--stride', 12, '--out', out]
    return ['folder', *folders, *suffixes, *settings, *more]


def test_liuzhou_is_read_by_its_class(tmp_path, call):
    rng = np.random.default_rng(0)
    for name in 'ab':
        write(tmp_path / f'i/{name}.tif', rng.integers(0, 255, (32, 32, 3), np.uint8))
        write(tmp_path / f'l/{name}.tif', rng.integers(0, 8, (32, 32)).astype(np.uint8))
    sources = ['--images', tmp_path / 'i', '--labels', tmp_path / 'l', '--first-label', 1]
    split = ['--split', 'train=0.5', 'test=0.5', '--tile', 16]
    code, text, err = call('liuzhou', *sources, *split, '--out', tmp_path / 'out')
    assert code == 0, err
    assert 'cropland' in text and 'water' in text
    steps = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    settings = dict(data_root=str(tmp_path / 'out'), depth=None, pipeline=steps, test_mode=True)
    dataset = LiuZhou(**settings, ann_file='train.txt')
    assert len(dataset) == 4
    assert set(np.unique(dataset[0]['gt_seg_map'])) <= {*range(7), 255}
    # The value 0, which is not a class, has become 255.
    both = LiuZhou(**settings)
    held = np.stack([both[n]['gt_seg_map'] for n in range(len(both))])
    assert np.bincount(held.ravel(), minlength=256)[255] > 0 and (held != 7).all()


def test_each_season_is_a_domain(tmp_path, call):
    scenes = Scenes(tmp_path)
    sources = arguments(scenes.root, tmp_path / 'arctic/winter')[1:]
    code, text, _ = call('arctic', *sources, '--season', 'winter')
    assert code == 0 and text.splitlines()[0].endswith('from 3 images, domain winter')
    without = [word for word in sources if word not in ('--classes', tmp_path / 'classes.txt')]
    code, _, err = call('arctic', *without, '--season', 'winter')
    assert code == 2 and '--classes' in err


def test_a_mistake_is_one_sentence(tmp_path, call):
    scenes = Scenes(tmp_path)
    (tmp_path / 'mask/town_1.png').unlink()
    code, out, err = call(*arguments(scenes.root, tmp_path / 'out'))
    (text,) = [line for line in err.splitlines() if line.strip()]
    assert (code, out.strip()) == (2, '')
    assert text.startswith('error: 1 of 3 images in') and 'has no label in' in text


def test_other_heights_are_removed_only_with_replace(tmp_path, call):
    root, out = Scenes(tmp_path, [(16, 16)]).root, tmp_path / 'out'
    assert call(*arguments(root, out, '--depth-range', 0, 400))[0] == 0
    other = arguments(root, out, '--depth-range', 0, 300)
    assert call(*other)[0] == 2
    code, printed, _ = call(*other, '--replace')
    counts = 'images (1 file), labels (1 file), depth (1 file)'
    assert code == 0 and printed.splitlines()[:3] == [
        f'removed from {out}: {counts}',
        f'{out}: 1 tile of 16² pixels from 1 image',
        f'written: {counts}',
    ]
    code, _, err = call(*arguments(root, tmp_path / 'new', '--bands', 1, 2, 3, 4))
    assert code == 2 and err.endswith('has 3 bands, so there is no band 4: correct --bands\n')
