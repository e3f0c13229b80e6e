"""Bad target images and settings of an adaptation: one sentence, or a loss that is finite."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from refusals import refusal
from tiny_run import CONFIGS

from depthda.engine.launch import train
from depthda.engine.prepare import load_config

RARE, EVERY, OWN = 'daformer_upernet', 'adaptsegnet_upernet', 'depth-guided-self-training_depthda'
TARGET = 'train_dataloader.dataset.target'
CLASSES = ('background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural')
PREPROCESSOR = 'model.segmentor.data_preprocessor'
UNPADDED = {f'{PREPROCESSOR}.size': None, f'+{PREPROCESSOR}.size_divisor': 1}


def config_of(method):
    return CONFIGS / f'{method}-tiny_u2r.py'


def files(root, folder):
    """Return the target images (or masks, depth maps) that an adaptation reads."""
    return sorted((root / 'Train/Rural' / folder).glob('*.png'))


@pytest.fixture
def target(sample, tmp_path):
    """Return a copy of the dataset for a test to change."""
    return Path(shutil.copytree(sample, tmp_path / 'target'))


def index_of(method, kind):
    steps = load_config(config_of(method)).train_dataloader.dataset.target.pipeline
    return next(number for number, step in enumerate(steps) if step.type == kind)


def crops(height, width):
    return {f'{TARGET}.pipeline.{index_of(RARE, "RandomCrop")}.crop_size': (height, width)}


@pytest.mark.parametrize(
    'method, options, message',
    [
        (RARE, {f'{TARGET}.data_root': 'nowhere'}, 'folder nowhere (data_root) does not exist: ma'),
        (RARE, crops(256, 256), 'crop_size is (256, 256), but the source domain has crops of ('),
        (OWN, {f'{TARGET}.depth': None}, 'images with 3 channels, but it needs 3 optical bands'),
        (
            EVERY,
            {'+model.terms.0.head': 'auxiliary_head'},
            "head='auxiliary_head' of OutputAdversary does not exist: choose from decode_head.",
        ),
        (
            RARE,
            {f'+{TARGET}.metainfo': dict(classes=CLASSES[::-1])},
            'has the classes of the training dataset in another order (agricultural, forest,',
        ),
        (
            RARE,
            {f'+{TARGET}.metainfo': dict(classes=CLASSES[:2])},
            'num_classes is 7, but the train dataset has 2 classes (background, building)',
        ),
        (
            RARE,
            {'model.segmentor.test_cfg.stride': (256, 256)},
            'model.segmentor.test_cfg: windows of (128, 128) pixels with a stride of (256, 256)',
        ),
    ],
)
def test_settings_of_the_target_that_do_not_fit_are_refused(
    tmp_path, pair_run, method, options, message
):
    options = pair_run(method) | options
    sentence = refusal(train, config_of(method), str(tmp_path / 'run'), cfg_options=options)
    assert message in sentence and sentence.count('\n') == 0
    assert not list(tmp_path.rglob('*.pth'))


def test_different_crop_sizes_are_refused_if_another_transform_makes_them(tmp_path, pair_run):
    step = dict(type='RandomCrop', crop_size=(128, 128))
    index = index_of(RARE, 'RandomCrop')
    options = pair_run(RARE) | UNPADDED | {f'{TARGET}.pipeline.{index}': step}
    options[f'{TARGET}.pipeline.{index + 1}'] = dict(type='Resize', scale=(64, 64))
    assert refusal(train, config_of(RARE), str(tmp_path), cfg_options=options) == (
        'source images have 128 × 128 pixels, but target images have 64 × 64: crop both to the '
        'same size, or set size=(height, width) of the data_preprocessor.'
    )


def test_a_folder_without_target_images_and_images_of_other_bands_are_refused(
    tmp_path, target, pair_run
):
    options = pair_run(RARE) | {f'{TARGET}.data_root': str(target)}
    for path in files(target, 'images_png'):
        image = cv2.imread(str(path))
        cv2.imwrite(str(path), np.concatenate([image, image[..., :1]], 2))
    sentence = refusal(train, config_of(RARE), str(tmp_path / 'run'), cfg_options=options)
    expected = 'contains 12 images with 4 bands, which LoadImageFromFile would convert to three'
    assert expected in sentence
    for path in files(target, 'images_png'):
        path.unlink()
    sentence = refusal(train, config_of(RARE), str(tmp_path / 'run'), cfg_options=options)
    assert sentence.endswith('Rural/images_png contains no images (.png, .jpg, .jpeg, .tif, .tiff)')


def test_small_target_images_with_labels_and_without_depth_cause_only_warnings(
    tmp_path, target, pair_run
):
    for path in files(target, 'rdepth/synthetic'):
        cv2.imwrite(str(path), np.zeros((96, 80), np.uint16))
    for folder in ('images_png', 'masks_png'):
        for path in files(target, folder):
            cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[:96, :80])
    options = pair_run(OWN) | {f'{TARGET}.data_root': str(target), f'{TARGET}.labels': True}
    options |= {'train_cfg.max_iters': 2, 'model.pseudo.threshold': 0.0}
    runner = train(config_of(OWN), str(tmp_path / 'run'), cfg_options=options)
    logged = next((tmp_path / 'run').glob('*/*.log')).read_text()
    assert '12 of 12 sampled training tiles are smaller than the crop of 128×128' in logged
    assert '12 of 12 sampled training depth maps have no pixel with depth' in logged
    assert 'the target dataset has labels, which no loss reads' in logged
    labels = runner.model.last_labels
    assert (labels[:, 96:] == 255).all() and (labels[:, :, 80:] == 255).all()
    assert (labels[:, :96, :80] != 255).all()
    weights = torch.load(tmp_path / 'run/iter_2.pth', weights_only=True)['state_dict']
    assert all(value.isfinite().all() for value in weights.values())
    losses = runner.message_hub.log_scalars
    for name in ('decode.loss_ce', 'mix.decode.loss_ce', 'masked.decode.loss_ce', 'loss_features'):
        values = losses[f'train/{name}'].data[0]
        assert np.isfinite(values).all() and values.min() > 0
