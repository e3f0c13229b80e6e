import numpy as np
import pytest
import torch

from depthda.errors import UserError
from depthda.models.features import GuidedFeatures, PairedFeatures
from depthda.models.necks.fusion import AddFusion, ConcatFusion, GatedFusion, SpatialGatedFusion

RGB, DEPTH = [3, 4], [2, 5]


def paired():
    sizes = [zip(channels, (6, 3), strict=True) for channels in (RGB, DEPTH)]
    return PairedFeatures(*(tuple(torch.randn(2, c, s, s) for c, s in pairs) for pairs in sizes))


def linear(convolution, pixel):
    """Compute a 1x1 convolution at one pixel with NumPy."""
    weight = convolution.weight.detach().numpy()[:, :, 0, 0]
    bias = 0 if convolution.bias is None else convolution.bias.detach().numpy()
    return weight @ pixel + bias


def gated_pixel(neck, stage, rgb, depth):
    gate = 1 / (1 + np.exp(-linear(neck.gates[stage], np.concatenate([rgb, depth]))))
    first, _, second = neck.mlps[stage]
    hidden = torch.nn.functional.gelu(torch.tensor(linear(first, depth * gate))).numpy()
    return rgb + linear(second, hidden)


FORMULAS = {
    ConcatFusion: lambda neck, stage, rgb, depth: np.concatenate([rgb, depth]),
    AddFusion: lambda neck, stage, rgb, depth: rgb + linear(neck.projections[stage], depth),
    GatedFusion: gated_pixel,
    SpatialGatedFusion: gated_pixel,
}


@pytest.mark.parametrize('fusion', FORMULAS)
def test_fusion_follows_its_formula_at_every_pixel(fusion):
    torch.manual_seed(0)
    neck, features = fusion(RGB, DEPTH), paired()
    fused = neck(features)
    assert isinstance(fused, GuidedFeatures)
    assert all(kept is depth for kept, depth in zip(fused.depth, features.depth, strict=True))
    for stage, (out, rgb, depth) in enumerate(zip(fused, *features, strict=True)):
        assert out.shape[1] == neck.out_channels[stage]
        for n, y, x in np.ndindex(out.shape[0], *out.shape[2:]):
            pixels = rgb[n, :, y, x].numpy(), depth[n, :, y, x].numpy()
            expected = FORMULAS[fusion](neck, stage, *pixels)
            np.testing.assert_allclose(out[n, :, y, x].detach(), expected, rtol=1e-4, atol=1e-5)


def test_the_gates_have_the_published_sizes_and_the_released_gate_has_one_channel():
    widths = [128, 256, 512, 1024], [96, 192, 384, 768]  # ConvNeXt-B and -S
    sizes = {SpatialGatedFusion: 1_834_560, GatedFusion: 4_270_240, ConcatFusion: 0}
    for fusion, size in sizes.items():
        assert sum(weight.numel() for weight in fusion(*widths).parameters()) == size
    for gate in SpatialGatedFusion(RGB, DEPTH).gates:
        assert gate.out_channels == 1 and gate.bias is None


@pytest.mark.parametrize('fusion', FORMULAS)
def test_channels_must_be_lists_of_positive_integers(fusion):
    for wrong in (128, [128, 0], [128, 2.5], ['128', 256]):
        with pytest.raises(UserError, match=r'rgb_channels=.* must be a list of integers'):
            fusion(wrong, DEPTH)
        with pytest.raises(
            UserError, match=r'list of integers: the channels of the depth backbone'
        ):
            fusion(RGB, wrong)


def test_features_that_do_not_match_are_reported():
    rgb, depth = paired()
    for channels, other, message in (
        (DEPTH, (depth[0][..., :4], depth[1]), r'\(2, 6, 4\).*same strides'),
        (DEPTH, depth[:1], 'same strides and out_indices'),
        ([2, 6], depth, r'\[2, 5\] \(depth\).*\[2, 6\]'),
    ):
        with pytest.raises(UserError, match=message):
            ConcatFusion(RGB, channels)(PairedFeatures(rgb, other))
    with pytest.raises(UserError, match='2 rgb_channels but 1 depth_channels'):
        GatedFusion(RGB, [2])
