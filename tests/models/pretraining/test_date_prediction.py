"""Prediction of another date: its loss, its refusals, and the encoder that it leaves."""

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


def date_prediction(**rest):
    torch.manual_seed(0)
    widths = [4, 8, 16, 32]
    return MODELS.build(
        dict(type='DatePrediction', backbone=RESNET, in_channels=widths, channels=8, **rest)
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
    first_is_seen = (torch.rand(6, 1, 1, 1) < 0.5).flatten().tolist()
    assert len(set(first_is_seen)) == 2, 'take another seed'
    dates = inputs.split(3, 1)
    pairs = [(0, 1) if first else (1, 0) for first in first_is_seen]
    seen = torch.stack([dates[one][i] for i, (one, _) in enumerate(pairs)])
    hidden = np.stack([dates[other][i].numpy() for i, (_, other) in enumerate(pairs)])
    # In training, batch norm depends on the batch: predict the same one.
    predicted = model(seen).detach().numpy()
    assert predicted.shape == (6, 3, size, size)
    expected = np.abs(predicted - area_average(hidden, size)).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_prediction_sees_the_first_date_only_and_reads_all_feature_maps():
    model = date_prediction().eval()
    inputs = torch.randn(2, 6, 32, 32)
    other = torch.cat([inputs[:, :3], torch.randn(2, 3, 32, 32)], 1)
    torch.testing.assert_close(model(inputs), model(other), rtol=0, atol=0)
    assert (model(inputs) - model(inputs.flip(1))).abs().max() > 1e-4
    model.train()(inputs, mode='loss')['loss_date'].backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


@pytest.mark.parametrize('bands, channels', [(3, 3), (3, 7), (4, 6)])
def test_images_that_do_not_hold_two_dates_are_refused(bands, channels):
    sentence = f'two dates of {bands} bands, but images have {channels} channels: make them with'
    with pytest.raises(UserError, match=sentence):
        date_prediction(bands=bands)(torch.zeros(2, channels, 32, 32), mode='loss')


def test_it_has_no_mode_for_tests():
    with pytest.raises(NotImplementedError, match="mode='predict'"):
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

    # Weights that do not fit are left out, and only the log says so.
    target = Config.fromfile(folder / f'{segmentor}.py').model
    for name in encoders:
        part = target.backbone[name] if name else target.backbone
        part.init_cfg = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    model = MODELS.build(target)
    expected = trained.backbone.state_dict()
    for name in encoders:
        own = getattr(model.backbone, name) if name else model.backbone
        values = own.state_dict()
        assert values.keys() == expected.keys()
        assert any(not torch.equal(values[key], expected[key]) for key in expected)
    model.init_weights()
    for name in encoders:
        own = getattr(model.backbone, name) if name else model.backbone
        torch.testing.assert_close(own.state_dict(), expected, rtol=0, atol=0)
