"""Prediction of another date: its loss, its errors, and the encoder that it pretrains."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from depthda.errors import UserError

ROOT = Path(__file__).parents[3]
NORM = dict(type='BN', requires_grad=True)
RESNET = dict(
    type='ResNetV1c', depth=18, base_channels=4, stem_channels=4, norm_cfg=NORM, norm_eval=False
)


def date_prediction(**settings):
    torch.manual_seed(0)
    widths = [4, 8, 16, 32]
    return MODELS.build(
        dict(type='DatePrediction', backbone=RESNET, in_channels=widths, channels=8, **settings)
    )


def area_average(images: np.ndarray, size: int) -> np.ndarray:
    count, bands, side, _ = images.shape
    cell = side // size
    return images.reshape(count, bands, size, cell, size, cell).mean((3, 5))


@pytest.mark.parametrize('upscale, size', [(1, 8), (2, 16)])
def test_the_loss_is_the_mean_error_of_the_other_date(upscale, size):
    model = date_prediction(upscale=upscale)
    inputs = torch.randn(6, 6, 32, 32)
    torch.manual_seed(1)
    loss = model(inputs, mode='loss')['loss_date']

    torch.manual_seed(1)
    first_is_known = (torch.rand(6, 1, 1, 1) < 0.5).flatten().tolist()
    assert len(set(first_is_known)) == 2, 'use another seed'
    dates = inputs.split(3, 1)
    pairs = [(0, 1) if first else (1, 0) for first in first_is_known]
    known = torch.stack([dates[first][i] for i, (first, _) in enumerate(pairs)])
    other = np.stack([dates[second][i].numpy() for i, (_, second) in enumerate(pairs)])
    # In training, batch norm uses the statistics of the batch. So predict from the same images that
    # the loss used.
    predicted = model(known).detach().numpy()
    assert predicted.shape == (6, 3, size, size)
    expected = np.abs(predicted - area_average(other, size)).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_prediction_reads_only_the_first_date_and_all_feature_maps():
    model = date_prediction().eval()
    inputs = torch.randn(2, 6, 32, 32)
    other = torch.cat([inputs[:, :3], torch.randn(2, 3, 32, 32)], 1)
    torch.testing.assert_close(model(inputs), model(other), rtol=0, atol=0)
    assert (model(inputs) - model(inputs.flip(1))).abs().max() > 1e-4
    model.train()(inputs, mode='loss')['loss_date'].backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


@pytest.mark.parametrize('bands, channels', [(3, 3), (3, 7), (4, 6)])
def test_images_without_two_dates_are_refused(bands, channels):
    sentence = f'two dates with {bands} bands each, but the images have {channels} channels: make'
    with pytest.raises(UserError, match=sentence):
        date_prediction(bands=bands)(torch.zeros(2, channels, 32, 32), mode='loss')


def test_it_has_no_mode_for_tests():
    with pytest.raises(NotImplementedError, match="no mode 'predict'"):
        date_prediction()(torch.zeros(2, 6, 32, 32), mode='predict')


@pytest.mark.parametrize(
    'pretraining, segmentor, encoders',
    [
        ('resnet-tiny', 'upernet_tiny', ['']),
        ('resnet-tiny', 'depthda_tiny', ['rgb', 'depth']),
        ('convnext-tiny', 'depthda_convnext-tiny', ['rgb', 'depth']),
        ('vit-tiny', 'depthseg_tiny', ['']),
    ],
)
def test_an_encoder_starts_from_the_weights_of_a_checkpoint(
    tmp_path, pretraining, segmentor, encoders
):
    folder = ROOT / 'configs/_base_/models'
    source = Config.fromfile(folder / f'date_prediction_{pretraining}.py').model
    trained = MODELS.build(source)
    with torch.no_grad():
        for weight in trained.parameters():
            weight.add_(torch.randn_like(weight))
    path = str(tmp_path / 'iter_1.pth')
    torch.save(dict(meta={}, state_dict=trained.state_dict()), path)

    # mmengine raises no error for weights that do not fit: it leaves them out, and only logs this.
    # So the values are compared below.
    target = Config.fromfile(folder / f'{segmentor}.py').model
    for name in encoders:
        part = target.backbone[name] if name else target.backbone
        part.init_cfg = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    model = MODELS.build(target)
    expected = trained.backbone.state_dict()
    for name in encoders:
        encoder = getattr(model.backbone, name) if name else model.backbone
        values = encoder.state_dict()
        assert values.keys() == expected.keys()
        assert any(not torch.equal(values[key], expected[key]) for key in expected)
    model.init_weights()
    for name in encoders:
        encoder = getattr(model.backbone, name) if name else model.backbone
        torch.testing.assert_close(encoder.state_dict(), expected, rtol=0, atol=0)
