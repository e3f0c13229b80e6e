"""Copies of one image must not be in two splits of a prepared folder."""

import shutil

import numpy as np
import pytest
from refusals import refusal
from tiny_scenes import Scenes, write

from depthda.preparation.folder import prepare_folder
from depthda.preparation.splits import Splits

ALONE = dict(labels=None, depth=None, image_suffix=None, cut=dict(classes=None, stride=12))


@pytest.fixture
def images(tmp_path):
    """Four images of 24²; b and d are copies of a."""
    rng = np.random.default_rng(0)
    for name in 'ac':
        write(tmp_path / f'rgb/{name}.png', rng.integers(0, 255, (24, 24, 3), np.uint8))
    for name in 'bd':
        shutil.copy(tmp_path / 'rgb/a.png', tmp_path / f'rgb/{name}.png')
    return tmp_path / 'rgb'


def prepare(images, splits, out='out'):
    settings = Scenes(images.parent, ()).settings(**ALONE, splits=splits)
    return prepare_folder(images.parent / out, settings)


def test_each_copy_in_another_split_is_named(images, tmp_path):
    lists = {'train': ['a', 'c'], 'val': ['b'], 'test': ['d']}
    assert refusal(prepare, images, Splits(lists=lists)) == (
        f'2 copies of images would be in a different split than the original ({images}/b.png in '
        f'val = {images}/a.png in train, {images}/d.png in test = {images}/a.png in train): keep '
        'one file of each image, or put all copies of an image in one list (--split NAME=FILE)'
    )
    assert not (tmp_path / 'out').exists()


def test_copies_in_one_split_or_in_none_are_accepted(images):
    prepare(images, Splits(lists={'train': ['a', 'b', 'd'], 'val': ['c']}), 'one')
    prepare(images, Splits(lists={'train': ['b'], 'val': ['c']}), 'left_out')
    prepare(images, None, 'unsplit')
    # All images are cut at the same position, so its copies are in the same splits.
    prepare(images, Splits({'train': 0.5, 'val': 0.5}, by='block'), 'blocks')


def test_images_of_one_colour_may_be_in_several_splits(images):
    for name in 'abd':
        write(images / f'{name}.png', np.full((24, 24, 3), (0, 0, 9), np.uint8))
    prepare(images, Splits(lists={'train': ['a', 'c'], 'val': ['b', 'd']}))
