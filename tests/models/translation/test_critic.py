"""The critic equals its layers computed by hand, and has the published size."""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from depthda.errors import UserError


def build(norm='batch', channels=(4, 6, 8)):
    model = MODELS.build(dict(type='PatchCritic', channels=channels, norm=norm))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def by_hand(model, images, eps, axes):
    """Compute the scores of a critic of three convolutions, whose norm averages over ``axes``."""
    parameters = list(model.parameters())
    x = images
    for i in range(3):
        x = F.conv2d(x, parameters.pop(0), parameters.pop(0), stride=2, padding=1)
        if i and axes:
            mean = x.mean(axes, keepdim=True)
            x = (x - mean) / ((x - mean).square().mean(axes, keepdim=True) + eps).sqrt()
            x = x * parameters.pop(0).view(1, -1, 1, 1) + parameters.pop(0).view(1, -1, 1, 1)
        x = x.clamp(min=0) + 0.2 * x.clamp(max=0)
    n, c, h, w = x.shape
    padded = torch.zeros(n, c, h + 1, w + 1)
    padded[:, :, 1:, 1:] = x
    return F.conv2d(padded, *parameters)


@pytest.mark.parametrize(
    'norm, eps, axes', [('batch', 0.8, (0, 2, 3)), ('instance', 1e-5, (2, 3)), ('none', 0, ())]
)
def test_scores_equal_those_of_the_released_critic(norm, eps, axes):
    model, images = build(norm), torch.rand(2, 3, 40, 32)
    scores = model(images)
    assert scores.shape == (2, 1, 3, 2)
    torch.testing.assert_close(scores, by_hand(model, images, eps, axes))
    with torch.device('meta'):  # the published number of weights and scores
        model = MODELS.build(dict(type='PatchCritic'))
        assert model(torch.empty(1, 3, 512, 512)).shape == (1, 1, 14, 14)
    assert sum(parameter.numel() for parameter in model.parameters()) == 6_962_369


@pytest.mark.parametrize('norm', ['batch', 'instance', 'none'])
def test_scores_depend_on_the_batch_only_with_batch_norm_also_in_evaluation(norm):
    model, images = build(norm), torch.rand(2, 3, 32, 32)
    alone, together = model(images[:1]), model(images)
    assert torch.allclose(alone, together[:1], atol=1e-6) != (norm == 'batch')
    assert not list(model.buffers())  # no running statistics
    assert torch.equal(together, model.eval()(images))


def test_convolutions_are_initialised_as_in_the_released_code():
    model = MODELS.build(dict(type='PatchCritic', channels=(16, 32, 64)))
    model.init_weights()
    weights = [layer.weight for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert len(weights) == 4
    for weight in weights:
        assert weight.std().item() == pytest.approx(0.02, rel=0.1)
    # The released code also draws biases and the weights of batch norm, unlike here.
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            assert not layer.bias.any()
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all()


def test_small_images_and_wrong_settings_are_refused():
    model = build()
    assert model(torch.rand(1, 3, 24, 24)).numel() == 1
    with pytest.raises(UserError, match='images of 24×24 or more, but this one is 40×23'):
        model(torch.rand(1, 3, 23, 40))
    with pytest.raises(
        UserError, match="norm='layer' of PatchCritic must be one of .*'instance', 'none'"
    ):
        build('layer')
    with pytest.raises(UserError, match='channels of PatchCritic must not be empty'):
        build(channels=())
