"""LoveDA masks whose class codes are shifted by one, as converters of other projects write them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from refusals import refusal

from depthda.datasets.checks.inspection import inspect
from depthda.datasets.checks.verdict import judge
from depthda.datasets.loveda import LoveDARGBD
from depthda.engine.checks.sample_check import tile_warnings
from depthda.engine.launch import _check_test
from depthda.engine.prepare import load_config
from depthda.errors import UserError

CONFIG = Path(__file__).parents[3] / 'configs/sample/depthda_tiny_u2r.py'
STEPS = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
FIX = 'use the original masks, or set reduce_zero_label=False in each dataset of the config'


@pytest.fixture
def tree(make_tree, write_png):
    """Return a function that writes tiles with the given codes and returns their config."""

    def write(codes, number=40):
        root = make_tree(range(number), size=(8, 8), depth=None)
        mask = np.resize(np.asarray(codes, np.uint8), (8, 8))
        for tile in range(number):
            write_png(root / f'Train/Urban/masks_png/{tile}.png', mask)
        return dict(data_root=str(root), domain='Urban', split='Train', depth=None, pipeline=STEPS)

    return write


def warnings(keys):
    """Return the warnings before training; ``findings`` returns those of the dataset check."""
    dataset = dict(keys, type='LoveDARGBD')
    return tile_warnings(Config(dict(model={}, train_dataloader=dict(dataset=dataset))))


def findings(keys):
    dataset = LoveDARGBD(**keys)
    return [str(finding) for finding in judge(inspect(dataset), dataset.metainfo['classes'])]


def test_converted_masks_are_refused(tree):
    keys = tree([0, 1, 2, 3, 4, 5, 6, 255])
    mask = f'{keys["data_root"]}/Train/Urban/masks_png/0.png'
    text = (
        f"{mask} contains the value 255, but LoveDA's masks contain only 0 (no-data) and 1 to 7 "
        '(classes). The mask was converted, so each class would be read as the previous class: '
        f'{FIX}'
    )
    assert refusal(warnings, keys) == text
    assert f'✗ {text}' in findings(keys)
    # Following the message's advice removes the error.
    keys['reduce_zero_label'] = False
    assert warnings(keys) == [] and findings(keys) == []


def test_images_instead_of_masks_are_refused(tree, write_png):
    keys = tree([0, 1, 2, 3, 4, 5, 6, 7])
    path = Path(keys['data_root']) / 'Train/Urban/masks_png/0.png'
    write_png(path, np.full((8, 8, 3), 255, np.uint8))
    assert refusal(warnings, keys) == (
        f'{path} is an image with 3 bands, not a mask of class indices: use the original masks.'
    )


def test_masks_that_may_be_shifted_are_reported(tree, write_png):
    keys = tree([0, 1, 2, 3, 4, 5, 6, 6])
    text = (
        'no mask contains the value 7 (agricultural), and 12 % of the pixels are 0 (no-data). The '
        'values may have been shifted to 0 to 6, and each class would then be read as the previous '
        f'class: {FIX}'
    )
    assert warnings(keys) == [text]
    assert f'! {text}' in findings(keys)
    # A mask with the value 7 shows that values are not shifted, even if it was not sampled.
    mask = np.full((8, 8), 7, np.uint8)
    write_png(Path(keys['data_root']) / 'Train/Urban/masks_png/1.png', mask)
    assert warnings(keys) == [] and findings(keys) == []


def test_original_masks_pass(tree):
    for codes in ([0, 0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6]):
        keys = tree(codes)
        assert warnings(keys) == []
        assert not any('shifted' in text for text in findings(keys))


def test_depthda_test_refuses_converted_masks(sample, short_run, tmp_path, write_png):
    data = shutil.copytree(sample, tmp_path / 'data')
    options = {key: str(data) if 'root' in key else value for key, value in short_run.items()}
    cfg = load_config(CONFIG, options)
    torch.save({'state_dict': {}, 'meta': {}}, tmp_path / 'x.pth')
    assert not any('255' in text for text in _check_test(cfg, CONFIG, str(tmp_path / 'x.pth')))
    for path in (data / 'Test/Rural/masks_png').iterdir():
        write_png(path, np.full((128, 128), 255, np.uint8))
    with pytest.raises(UserError, match='masks_png/[0-9]+.png contains the value 255'):
        _check_test(cfg, CONFIG, str(tmp_path / 'x.pth'))
