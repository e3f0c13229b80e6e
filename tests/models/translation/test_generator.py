"""The generator equals its layers computed by hand, and has the published size."""

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
    found = model(images, (20, 28), depth=True)
    whole = by_hand(model, images).tanh() + 0.7 * images
    expected = F.interpolate(whole, (20, 28), mode='bilinear', align_corners=False)
    torch.testing.assert_close(found.image, expected)
    assert found.image.abs().max() > 1  # not clamped
    depth = by_hand(model, images, 'depth_decoder').sigmoid()
    torch.testing.assert_close(found.depth, depth)
    assert depth.shape == (2, 1, 32, 24) and depth.std() > 0.01


def test_resize_pre_translates_at_the_size_of_the_target():
    model, images = build(resize='pre'), torch.rand(2, 3, 30, 20) * 2 - 1
    found = model(images, (16, 24), depth=True)
    resized = F.interpolate(images, (16, 24), mode='bilinear', align_corners=False)
    torch.testing.assert_close(found.image, by_hand(model, resized).tanh() + resized)
    assert found.depth.shape == (2, 1, 16, 24)


def test_a_shared_decoder_adds_only_a_last_layer():
    model, images = build(depth_decoder='shared'), torch.rand(1, 3, 16, 16)
    depth = by_hand(model, images, last='depth_last').sigmoid()
    torch.testing.assert_close(model(images, (16, 16), depth=True).depth, depth)


def test_depth_is_only_computed_on_request_and_does_not_change_the_image():
    model, images = build(), torch.rand(1, 3, 16, 16)
    with_depth = model(images, (16, 16), depth=True)

    def refuse(*_):
        raise AssertionError('the depth decoder ran')

    model.depth_decoder.register_forward_pre_hook(refuse)
    without = model(images, (16, 16))
    assert without.depth is None and torch.equal(without.image, with_depth.image)


# The released code counts the constant k as a parameter of each generator; here it is none (- 1).
@pytest.mark.parametrize(
    'decoder, expected',
    [
        ('separate', 68_311_557 - 1),
        (None, 41_828_996 - 1),
        ('shared', 41_828_996 - 1 + 128 * 16 + 1),
    ],
)
def test_the_generator_has_the_published_number_of_weights(decoder, expected):
    with torch.device('meta'):
        model = MODELS.build(dict(type='ResiGenerator', depth_decoder=decoder))
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize('size, other', [(896, 512), (512, 896)])
def test_tiles_of_the_paper_are_translated_to_the_size_of_the_other_domain(size, other):
    with torch.device('meta'):
        model = MODELS.build(dict(type='ResiGenerator'))
        found = model(torch.empty(1, 3, size, size), (other, other), depth=True)
    assert found.image.shape == (1, 3, other, other)
    assert found.depth.shape == (1, 1, size, size)


def test_norm_and_dropout_are_placed_as_in_the_released_code():
    with torch.device('meta'):
        model = MODELS.build(dict(type='ResiGenerator'))

    def has(blocks, kind):
        return [any(isinstance(layer, kind) for layer in block) for block in blocks]

    assert has(model.downs, nn.InstanceNorm2d) == [False] + [True] * 5 + [False]
    assert has(model.downs, nn.Dropout) == [False] * 3 + [True] * 4
    for decoder in (model.decoder, model.depth_decoder):
        assert has(decoder.ups, nn.InstanceNorm2d) == [True] * 6
        assert has(decoder.ups, nn.Dropout) == [True] * 3 + [False] * 3
    rates = {layer.p for layer in model.modules() if isinstance(layer, nn.Dropout)}
    assert rates == {0.5}


def test_the_number_of_convolutions_can_be_that_of_the_paper():
    widths = (64, 128, 256, 512, 512, 512)
    with torch.device('meta'):
        model = MODELS.build(dict(type='ResiGenerator', channels=widths))
        found = model(torch.empty(1, 3, 64, 192), (64, 64))
    assert len(model.downs) == 6 and found.image.shape == (1, 3, 64, 64)


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
    with pytest.raises(
        UserError, match='3 times, which is not possible for 32×20: use .* multiples of 8'
    ):
        build()(torch.rand(1, 3, 20, 32), (16, 16))
    with pytest.raises(UserError, match='not possible for 20×32'):
        build()(torch.rand(1, 3, 32, 20), (16, 16))
    with pytest.raises(UserError, match='predicts no depth'):
        build(depth_decoder=None)(torch.rand(1, 3, 16, 16), (16, 16), depth=True)
    with pytest.raises(UserError, match="resize is 'post' or 'pre', not 'mid'"):
        build(resize='mid')
    with pytest.raises(UserError, match="depth_decoder is .* not 'own'"):
        build(depth_decoder='own')
    with pytest.raises(UserError, match=r'channels=\(4,\)'):
        build(channels=(4,))
