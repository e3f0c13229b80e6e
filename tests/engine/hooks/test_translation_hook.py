"""The picture of a translation, and the end of one that has gone wrong."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmseg.registry import MODELS

from depthda.engine.hooks.translation_hook import TranslationHook
from depthda.errors import UserError

CONFIG = dict(
    type='DRDG',
    data_preprocessor=dict(type='DomainPairPreprocessor', bgr_to_rgb=True),
    generator=dict(type='ResiGenerator', channels=(4, 6, 8), dropout=0.5),
    critic=dict(type='PatchCritic', channels=(4, 6)),
)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    inputs = {}
    for domain, size in dict(source=(32, 48), target=(24, 32)).items():
        image = torch.rand(4, *size, generator=generator)
        image[:3] = (image[:3] * 255).round()
        image[3, :8] = 0
        inputs[domain] = [image]
    return dict(inputs=inputs)


def make_runner(folder, iteration=9, **options):
    torch.manual_seed(0)
    model = MODELS.build(CONFIG | options).train()
    return SimpleNamespace(model=model, iter=iteration, log_dir=str(folder))


def test_the_picture_has_both_directions(batch, tmp_path):
    hook, runner = TranslationHook(interval=10), make_runner(tmp_path)
    with torch.no_grad():
        runner.model.eval()
        translated = runner.model(batch_of(runner.model, batch), mode='predict')[0]
        runner.model.train()
    hook.after_train_iter(runner, 0, data_batch=batch, outputs={})
    assert runner.model.training
    sheet = cv2.imread(str(tmp_path / 'translation/iter_10.png'))
    # Columns and rows as large as their largest picture, under a line of text.
    assert sheet.shape == (20 + 32 + 32 + 3 * 6, 5 * 48 + 6 * 6, 3)
    top, left = 26, 6
    source = batch['inputs']['source'][0]
    picture = sheet[top : top + 32, left : left + 48]
    np.testing.assert_array_equal(picture, source[:3].movedim(0, 2).numpy().astype(np.uint8))
    picture = sheet[top : top + 24, left + 54 : left + 54 + 32]
    np.testing.assert_array_equal(picture, translated.movedim(0, 2).numpy())
    # Missing depth is black, and the next picture has a white border.
    depth = sheet[top : top + 32, left + 3 * 54 : left + 3 * 54 + 48]
    black = cv2.applyColorMap(np.zeros((1, 1), np.uint8), cv2.COLORMAP_MAGMA)[0, 0]
    assert (depth[:8] == black).all() and not (depth[8:] == black).all()
    target = batch['inputs']['target'][0]
    top += 32 + 6
    picture = sheet[top : top + 24, left : left + 32]
    np.testing.assert_array_equal(picture, target[:3].movedim(0, 2).numpy().astype(np.uint8))
    assert (sheet[top : top + 24, left + 32 : left + 54] == 255).all()


def batch_of(model, batch):
    return model.data_preprocessor(batch)['inputs']


def test_without_depth_there_are_three_columns(batch, tmp_path):
    runner = make_runner(tmp_path, dsl_weight=0, dccl_weight=0)
    TranslationHook(interval=10).after_train_iter(runner, 0, data_batch=batch, outputs={})
    sheet = cv2.imread(str(tmp_path / 'translation/iter_10.png'))
    assert sheet.shape[1] == 3 * 48 + 4 * 6


def test_pictures_are_written_only_at_the_interval(batch, tmp_path):
    TranslationHook(interval=10).after_train_iter(make_runner(tmp_path, iteration=8), 0, batch, {})
    assert not list(tmp_path.iterdir())


def test_a_flat_translation_ends_the_training(batch, tmp_path):
    # Without the image added to the residual, and with a residual of one value.
    runner = make_runner(tmp_path, generator=CONFIG['generator'] | dict(k=0.0))
    with torch.no_grad():
        for parameter in runner.model.generator_s2t.parameters():
            parameter.zero_()
    with pytest.raises(UserError, match='collapsed by iteration 10'):
        TranslationHook(interval=10).after_train_iter(runner, 0, batch, {})


def test_mistakes():
    with pytest.raises(UserError, match=r'TranslationHook\(interval=0\): set interval to 1'):
        TranslationHook(interval=0)
