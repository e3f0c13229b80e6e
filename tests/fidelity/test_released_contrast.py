"""The contrast of the released code, written from its description, image by image."""

import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

import depthda.models.losses.info_nce as info_nce_module
from depthda.models.features import PairedFeatures

RGB, DEPTH, SIDES = (6, 8, 10, 12), (4, 6, 8, 10), (32, 16, 8, 8)
WEIGHTS, TEMPERATURE, NEGATIVES = (0.02, 0.02, 0.03, 0.03), 0.07, 128


def similarity(anchors, keys):
    """Compute the cosines of all pairs of places (L, D), mapped to [0, 1]."""
    return (F.cosine_similarity(anchors[:, None], keys[None], dim=2) + 1) / 2


def chances(anchors, keys, temperature):
    """Compute the probability of each place for an anchor, the softmax of similarity over T."""
    logits = similarity(anchors, keys) / temperature
    return logits.fill_diagonal_(-torch.inf).softmax(1)


def released_loss(anchors, keys, negatives):
    """Compute InfoNCE for the places of one image, with given negatives."""
    drawn = (similarity(anchors, keys) / TEMPERATURE).exp()
    positive = drawn.diagonal()
    return -(positive / (positive + drawn.gather(1, negatives).sum(1))).log().mean()


def project(layer, features):
    """Apply 4×4 averages, a 1×1 convolution without bias and batch norm; return rows of places."""
    n, c, h, w = features.shape
    pooled = features.view(n, c, h // 4, 4, w // 4, 4).mean((3, 5))
    out = torch.einsum('nchw,dc->nhwd', pooled, layer.conv.weight[:, :, 0, 0])
    mean, var = out.mean((0, 1, 2)), out.var((0, 1, 2), unbiased=False)
    out = (out - mean) / (var + 1e-5).sqrt() * layer.bn.weight + layer.bn.bias
    return out.flatten(1, 2)


def other_places(places, draws):
    """Draw places (L, draws) other than the anchor's own."""
    step = torch.randint(1, places, (places, draws))
    return (torch.arange(places)[:, None] + step) % places


def test_the_loss_of_four_scales_and_every_gradient_are_as_released(monkeypatch):
    torch.manual_seed(0)
    fusion = dict(type='ConcatFusion', rgb_channels=RGB, depth_channels=DEPTH)
    config = dict(type='MultiScaleContrastiveNeck', fusion=fusion, norm_cfg=dict(type='BN'))
    neck = MODELS.build(config).double()
    rgb, depth = (
        [
            torch.randn(2, c, side, side).double().requires_grad_()
            for c, side in zip(cs, SIDES, strict=True)
        ]
        for cs in (RGB, DEPTH)
    )
    negatives = [
        torch.stack([other_places(side**2 // 16, NEGATIVES) for _ in range(2)]) for side in SIDES
    ]
    inputs = [*rgb, *depth, *neck.parameters()]

    expected = 0.0
    for scale, weight in enumerate(WEIGHTS):
        optical = project(neck.rgb_projections[scale], rgb[scale])
        relative = project(neck.depth_projections[scale], depth[scale])
        share = 1 / (1 + (-neck.mix[scale]).exp())
        enhanced = (1 - share) * optical + share * relative
        images = [
            released_loss(enhanced[i], optical[i], negatives[scale][i]) for i in range(len(optical))
        ]
        expected = expected + weight * sum(images) / len(images) / 4

    given = iter(negatives)
    real = info_nce_module.info_nce
    monkeypatch.setattr(
        info_nce_module, 'info_nce', lambda *args: real(*args, negatives=next(given))
    )
    everywhere = torch.ones(2, 128, 128, dtype=torch.bool)
    found = neck.loss(PairedFeatures(tuple(rgb), tuple(depth)), everywhere)['loss_contrast']
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    slopes, released_slopes = (
        torch.autograd.grad(loss, inputs, allow_unused=True) for loss in (found, expected)
    )
    for slope, released_slope in zip(slopes, released_slopes, strict=True):
        torch.testing.assert_close(slope, released_slope, rtol=1e-9, atol=1e-14)


def test_negatives_follow_the_released_distribution_and_exclude_the_anchor(monkeypatch):
    torch.manual_seed(0)
    places, draws = 12, 40_000
    keys = torch.randn(places, 5) * 0.3 + 1
    anchors = keys + 0.2 * torch.randn(places, 5)
    drawn = []
    real = info_nce_module._draw

    def record(*args):
        drawn.append(real(*args))
        return drawn[-1]

    monkeypatch.setattr(info_nce_module, '_draw', record)
    info_nce_module.info_nce(anchors[None], keys[None], None, TEMPERATURE, draws)
    counts = F.one_hot(torch.cat(drawn, 1)[0], places).sum(1)
    assert not counts.diagonal().any()

    expected = draws * chances(anchors.double(), keys.double(), TEMPERATURE)
    others = ~torch.eye(places, dtype=torch.bool)
    assert expected[others].min() > 5  # otherwise the statistic does not follow chi-square
    statistic = ((counts - expected).square() / expected)[others].sum().item()
    assert 1e-3 < scipy.stats.chi2.sf(statistic, places * (places - 2)) < 1 - 1e-3


def test_the_initial_values_and_settings_are_as_released():
    fusion = dict(type='ConcatFusion', rgb_channels=(128,) * 4, depth_channels=(96,) * 4)
    neck = MODELS.build(dict(type='MultiScaleContrastiveNeck', fusion=fusion))
    loss = neck.contrast_loss
    assert (loss.temperature, loss.num_negatives) == (TEMPERATURE, NEGATIVES)
    assert (neck.scale_weights, neck.pool, neck.pair) == (WEIGHTS, 4, 'enhanced-rgb')
    assert neck.mix.tolist() == pytest.approx([-0.8472978] * 4, abs=1e-7)
    assert [layer.conv.out_channels for layer in neck.rgb_projections] == [128] * 4
