"""CycleGAN's networks equal their layers computed by hand, and have the published sizes."""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from depthda.errors import UserError


def build(kind, **options):
    model = MODELS.build(dict(type=kind, **options))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def published(kind):
    with torch.device('meta'):
        return MODELS.build(dict(type=kind))


def normed(x):
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) / ((x - mean).square().mean((2, 3), keepdim=True) + 1e-5).sqrt()


def reflected(x, by):
    """Pad by reflection, by hand: the pixel at the edge is not repeated."""
    rows = [*range(by, 0, -1), *range(x.shape[2]), *range(x.shape[2] - 2, x.shape[2] - 2 - by, -1)]
    columns = [
        *range(by, 0, -1), *range(x.shape[3]), *range(x.shape[3] - 2, x.shape[3] - 2 - by, -1)
    ]  # fmt: skip
    return x[:, :, rows][:, :, :, columns]


def translated(model, images, blocks):
    """Compute a translation from the parameters in their order."""
    w = iter(model.parameters())

    def convolved(x, **options):
        return F.conv2d(x, next(w), next(w), **options)

    x = normed(convolved(reflected(images, 3))).clamp(min=0)
    for _ in range(2):
        x = normed(convolved(x, stride=2, padding=1)).clamp(min=0)
    for _ in range(blocks):
        inner = normed(convolved(reflected(x, 1))).clamp(min=0)
        x = x + normed(convolved(reflected(inner, 1)))
    for _ in range(2):
        # A transposed convolution is one with the flipped kernel on an image with zeros between
        # its pixels.
        kernel, bias = next(w).transpose(0, 1).flip(2, 3), next(w)
        n, c, height, width = x.shape
        spread = torch.zeros(n, c, 2 * height + 2, 2 * width + 2)
        spread[:, :, 1:-1:2, 1:-1:2] = x
        x = normed(F.conv2d(spread, kernel, bias)).clamp(min=0)
    x = convolved(reflected(x, 3)).tanh()
    assert next(w, None) is None
    return x


def test_translations_equal_those_of_the_layers_by_hand():
    model, images = build('ResNetGenerator', width=4, blocks=2), torch.rand(2, 3, 16, 24) * 2 - 1
    found = model(images, (16, 24))
    torch.testing.assert_close(found.image, translated(model, images, 2), rtol=1e-4, atol=1e-5)
    assert found.depth is None and 0.05 < found.image.std() and found.image.abs().max() <= 1
    # Images of another size are resized first.
    small = F.interpolate(images, (8, 20), mode='bilinear', align_corners=False)
    expected = translated(model, small, 2)
    torch.testing.assert_close(model(images, (8, 20)).image, expected, rtol=1e-4, atol=1e-5)


def test_the_generator_has_the_published_number_of_weights():
    convolutions = [(3, 64, 7), (64, 128, 3), (128, 256, 3), *[(256, 256, 3)] * 18]
    convolutions += [(256, 128, 3), (128, 64, 3), (64, 3, 7)]
    expected = sum(a * b * side**2 + b for a, b, side in convolutions)
    assert expected == 11_378_179
    model = published('ResNetGenerator')
    assert sum(parameter.numel() for parameter in model.parameters()) == expected
    found = model(torch.empty(1, 3, 896, 896, device='meta'), (512, 512))
    assert found.image.shape == (1, 3, 512, 512)


def scored(model, images):
    w, x = iter(model.parameters()), images
    for i in range(5):
        x = F.conv2d(x, next(w), next(w), stride=2 if i < 3 else 1, padding=1)
        x = normed(x) if 0 < i < 4 else x
        x = x.clamp(min=0) + 0.2 * x.clamp(max=0) if i < 4 else x
    return x


def test_scores_equal_those_of_the_layers_by_hand():
    model, images = build('PatchGANCritic', width=4), torch.rand(2, 3, 40, 32)
    scores = model(images)
    torch.testing.assert_close(scores, scored(model, images), rtol=1e-4, atol=1e-5)
    assert scores.shape == (2, 1, 3, 2) and not list(model.buffers())


def weights(model):
    return [tuple(p.shape) for p in model.parameters()]


def test_the_critic_has_the_published_number_of_weights_and_scores():
    convolutions = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    model = published('PatchGANCritic')
    assert weights(model) == [s for a, b in convolutions for s in ((b, a, 4, 4), (b,))]
    assert sum(parameter.numel() for parameter in model.parameters()) == 2_764_737
    assert model(torch.empty(1, 3, 256, 256, device='meta')).shape == (1, 1, 30, 30)
    # RDG's critic with as many weights has other strides.
    with torch.device('meta'):
        other = MODELS.build(dict(type='PatchCritic', channels=(64, 128, 256, 512), norm='none'))
    assert weights(other) == weights(model)


def patch(model, side):
    """Return height and width of the part of an image that one score depends on."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.InstanceNorm2d):  # its mean depends on the whole image
            model.set_submodule(name, nn.Identity())
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)
    images = torch.rand(1, 3, side, side, requires_grad=True)
    scores = model(images)
    middle = scores.shape[2] // 2
    scores[0, 0, middle, middle].backward()
    rows, columns = (images.grad.abs().sum((0, 1, axis)).nonzero() for axis in (3, 2))
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


def test_a_score_depends_on_a_patch_of_70_pixels():
    assert patch(build('PatchGANCritic', width=2), 160) == (70, 70)
    other = build('PatchCritic', channels=(2, 4, 8, 16), norm='none')
    assert patch(other, 224) == (94, 94)


def test_weights_start_with_the_published_deviation():
    for kind, width in (('ResNetGenerator', 16), ('PatchGANCritic', 16)):
        model = MODELS.build(dict(type=kind, width=width))
        model.init_weights()
        for parameter in model.parameters():
            if parameter.ndim == 1:
                assert not parameter.any()
            else:
                assert parameter.std().item() == pytest.approx(0.02, rel=0.12)


def test_unsuitable_images_and_depth_are_refused():
    generator, critic = build('ResNetGenerator', width=2), build('PatchGANCritic', width=2)
    images = torch.rand(1, 3, 16, 16)
    for size in ((16, 18), (18, 16), (4, 16)):
        with pytest.raises(UserError, match=f'{size[1]}×{size[0]}: use .* multiples of 4'):
            generator(images, size)
    assert generator(images, (8, 8)).image.shape == (1, 3, 8, 8)
    with pytest.raises(UserError, match='predicts no depth: set model.dsl_weight=0'):
        generator(images, (16, 16), depth=True)
    assert critic(torch.rand(1, 3, 24, 24)).numel() == 1
    with pytest.raises(UserError, match='24×24 or larger, but this one is 40×23'):
        critic(torch.rand(1, 3, 23, 40))
