"""The generator equals its layers computed by hand, and has the published size."""

from unittest.mock import Mock

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from depthda.errors import UserError

WIDTHS = (4, 6, 8)


def build(**options):
    options = {'channels': WIDTHS, 'dropout': 0.0, **options}
    model = MODELS.build(dict(type='ResiGenerator', **options))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def by_hand(model, images, prefix='decoder', last=None):
    """Compute the output of the last layer of a U-net of three scales, layer by layer."""
    w = model.state_dict()
    last = last or f'{prefix}.last'

    def norm(x, name):
        mean = x.mean((2, 3), keepdim=True)
        variance = (x - mean).square().mean((2, 3), keepdim=True)
        scale, shift = (w[f'{name}.{key}'].view(1, -1, 1, 1) for key in ('weight', 'bias'))
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def leaky(x):
        return x.clamp(min=0) + 0.2 * x.clamp(max=0)

    first = leaky(F.conv2d(images, w['downs.0.0.weight'], stride=2, padding=1))
    second = leaky(norm(F.conv2d(first, w['downs.1.0.weight'], stride=2, padding=1), 'downs.1.1'))
    deepest = leaky(F.conv2d(second, w['downs.2.0.weight'], stride=2, padding=1))
    up = deepest
    for i, skip in enumerate((second, first)):
        name = f'{prefix}.ups.{i}'
        up = F.conv_transpose2d(up, w[f'{name}.0.weight'], stride=2, padding=1)
        up = torch.cat([norm(up, f'{name}.1').clamp(min=0), skip], 1)
    weight, bias = w[f'{last}.weight'], w[f'{last}.bias']
    return F.conv_transpose2d(up, weight, bias, stride=2, padding=1)


def test_translations_equal_those_of_the_released_u_net():
    model, images = build(k=0.7), torch.rand(2, 3, 32, 24) * 2 - 1
    result = model(images, (20, 28), depth=True)
    translated = by_hand(model, images).tanh() + 0.7 * images
    expected = F.interpolate(translated, (20, 28), mode='bilinear', align_corners=False)
    torch.testing.assert_close(result.image, expected)
    assert result.image.abs().max() > 1  # not clamped
    depth = by_hand(model, images, 'depth_decoder').sigmoid()
    torch.testing.assert_close(result.depth, depth)
    assert depth.shape == (2, 1, 32, 24) and depth.std() > 0.01
    # With resize='pre', it translates at the size of the target.
    model, images = build(resize='pre'), torch.rand(2, 3, 30, 20) * 2 - 1
    result = model(images, (16, 24), depth=True)
    resized = F.interpolate(images, (16, 24), mode='bilinear', align_corners=False)
    torch.testing.assert_close(result.image, by_hand(model, resized).tanh() + resized)
    assert result.depth.shape == (2, 1, 16, 24)


def test_a_shared_decoder_adds_only_a_last_layer():
    model, images = build(depth_decoder='shared'), torch.rand(1, 3, 16, 16)
    depth = by_hand(model, images, last='depth_last').sigmoid()
    torch.testing.assert_close(model(images, (16, 16), depth=True).depth, depth)


def test_depth_is_only_computed_on_request_and_does_not_change_the_image():
    model, images = build(), torch.rand(1, 3, 16, 16)
    with_depth = model(images, (16, 16), depth=True)
    model.depth_decoder.register_forward_pre_hook(Mock(side_effect=AssertionError('it ran')))
    without = model(images, (16, 16))
    assert without.depth is None and torch.equal(without.image, with_depth.image)


def published(**options):
    with torch.device('meta'):
        return MODELS.build(dict(type='ResiGenerator', **options))


def test_the_generator_has_the_published_number_of_weights_and_sizes():
    # The released code counts the constant k as a parameter of each generator, unlike here.
    full, plain = 68_311_557 - 1, 41_828_996 - 1
    for decoder, expected in {
        'separate': full,
        None: plain,
        'shared': plain + 128 * 16 + 1,
    }.items():
        parameters = published(depth_decoder=decoder).parameters()
        assert sum(parameter.numel() for parameter in parameters) == expected
    # It translates the tiles of the paper to the size of the other domain.
    for size, other in ((896, 512), (512, 896)):
        images = torch.empty(1, 3, size, size, device='meta')
        result = published()(images, (other, other), depth=True)
        assert result.image.shape == (1, 3, other, other)
        assert result.depth.shape == (1, 1, size, size)
    # The paper's text has six convolutions.
    model = published(channels=(64, 128, 256, 512, 512, 512))
    result = model(torch.empty(1, 3, 64, 192, device='meta'), (64, 64))
    assert len(model.downs) == 6 and result.image.shape == (1, 3, 64, 64)


def test_norm_and_dropout_are_placed_as_in_the_released_code():
    model = published()

    def has(blocks, kind):
        return [any(isinstance(layer, kind) for layer in block) for block in blocks]

    assert has(model.downs, nn.InstanceNorm2d) == [False] + [True] * 5 + [False]
    assert has(model.downs, nn.Dropout) == [False] * 3 + [True] * 4
    for decoder in (model.decoder, model.depth_decoder):
        assert has(decoder.ups, nn.InstanceNorm2d) == [True] * 6
        assert has(decoder.ups, nn.Dropout) == [True] * 3 + [False] * 3
    rates = {layer.p for layer in model.modules() if isinstance(layer, nn.Dropout)}
    assert rates == {0.5}


def test_dropout_depends_on_the_seed_and_only_works_in_training():
    model, images = build(dropout=0.5), torch.rand(1, 3, 32, 32)

    def translate(seed):
        torch.manual_seed(seed)
        return model(images, (32, 32)).image

    assert torch.equal(translate(1), translate(1)) and not torch.equal(translate(1), translate(2))
    model.eval()
    assert torch.equal(translate(1), translate(2))


def test_weights_are_initialised_as_in_the_released_code():
    model = MODELS.build(dict(type='ResiGenerator', channels=(32, 64, 64)))
    model.init_weights()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert layer.bias is None or not layer.bias.any()
        elif isinstance(layer, nn.InstanceNorm2d):
            assert (layer.weight == 1).all() and not layer.bias.any()


def test_unsuitable_images_and_wrong_settings_are_refused():
    for options, size, message in (
        ({}, (20, 32), '3 times, which is not possible for 32×20: use .* multiples of 8'),
        ({}, (32, 20), 'not possible for 20×32'),
        (dict(depth_decoder=None), (16, 16), 'predicts no depth'),
        (dict(resize='mid'), None, "resize='mid' of ResiGenerator must be 'post' or 'pre'"),
        (dict(depth_decoder='own'), None, "depth_decoder='own' of ResiGenerator must be"),
        (dict(channels=(4,)), None, r'channels=\(4,\)'),
    ):
        with pytest.raises(UserError, match=message):
            build(**options)(torch.rand(1, 3, *size), (16, 16), depth=True)
