"""Early fusion equals a convolution over four channels; ``DepthBackbone`` reads depth only."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from depthda.errors import UserError


@pytest.fixture
def fused(tiny_backbone):
    return MODELS.build(dict(type='EarlyFusionBackbone', backbone=tiny_backbone()))


def test_depth_has_no_influence_before_training(fused):
    images = torch.randn(2, 4, 64, 64)
    other_depth = images.clone()
    other_depth[:, 3] = torch.randn(2, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(fused(images), fused(other_depth), strict=True))
    fused(images)[-1].sum().backward()
    assert fused.depth_stem.weight.grad.abs().sum() > 0  # but the first step changes that


def test_both_stems_equal_one_convolution_over_four_channels_and_missing_depth_is_the_mean(fused):
    torch.nn.init.normal_(fused.depth_stem.weight)
    images = torch.randn(2, 4, 64, 64)
    first = next(m for m in fused.backbone.modules() if isinstance(m, torch.nn.Conv2d))
    seen = []
    handle = first.register_forward_hook(lambda module, inputs, output: seen.append(output))
    fused(images)
    handle.remove()
    weight = torch.cat([first.weight, fused.depth_stem.weight], dim=1)
    expected = F.conv2d(images, weight, first.bias, stride=first.stride, padding=first.padding)
    torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-4)
    images[:, 3] = torch.nan
    missing = fused(images)
    images[:, 3] = 0
    assert all(torch.equal(a, b) for a, b in zip(missing, fused(images), strict=True))


def test_a_stem_with_another_number_of_bands_is_refused(tiny_backbone):
    with pytest.raises(UserError, match='4 bands'):
        MODELS.build(dict(type='EarlyFusionBackbone', backbone=tiny_backbone(), optical_bands=4))


def test_a_depth_backbone_ignores_optical_bands(tiny_backbone):
    model = MODELS.build(dict(type='DepthBackbone', backbone=tiny_backbone()))
    images = torch.randn(1, 4, 64, 64)
    images[:, 3, :8] = torch.nan
    other = images.clone()
    other[:, :3] = 7.0
    other[:, 3, :8] = 0
    features = model(images)
    assert all(torch.equal(a, b) for a, b in zip(features, model(other), strict=True))
    other[:, 3, 8:] += 1
    assert not torch.equal(features[-1], model(other)[-1])
