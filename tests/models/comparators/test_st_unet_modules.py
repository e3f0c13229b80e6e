"""SIM, FCM and RAM equal their equations, written with loops and functions."""

import torch
from plain_layers import identity, layer, linear, normed, randomize
from torch.nn import functional as F

from depthda.models.comparators.st_unet_modules import (
    FeatureCompression,
    RelationalAggregation,
    SpatialInteraction,
)

BN = dict(type='BN')


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_spatial_interaction_multiplies_the_means_of_row_and_column():
    module, maps = randomize(SpatialInteraction(6, BN)), torch.randn(2, 6, 4, 5)
    reduced = layer(module.reduce, maps, F.gelu, padding=2, dilation=2)
    related = torch.zeros(2, 3, 4, 5)
    for y in range(4):
        for x in range(5):
            row, column = reduced[:, :, y].sum(-1) / 5, reduced[..., x].sum(-1) / 4
            related[..., y, x] = row * column
    expected = F.gelu(normed(module.restore.bn, linear(module.restore.conv, related)))
    close(module(maps), expected)


def test_feature_compression_is_the_sum_of_its_branches():
    module, maps = randomize(FeatureCompression(4, BN)), torch.randn(2, 4, 6, 8)
    first, second, third = module.dilated
    wide = layer(second, layer(first, maps, F.gelu), identity, padding=2, dilation=2)
    dilated = layer(third, wide[:, :, ::2, ::2], F.gelu)
    corners = torch.stack([maps[:, :, y::2, x::2] for y in (0, 1) for x in (0, 1)])
    pooled = (corners * corners.exp()).sum(0) / corners.exp().sum(0)
    pairs = pooled.unflatten(1, (2, 2))  # groups of two channels
    variance, mean = torch.var_mean(pairs, (2, 3, 4), correction=0, keepdim=True)
    pooled = ((pairs - mean) / (variance + 1e-5).sqrt()).flatten(1, 2)
    pooled = pooled * module.norm.weight[:, None, None] + module.norm.bias[:, None, None]
    found = module(maps)
    assert found.shape == (2, 8, 3, 4)
    close(found, dilated + layer(module.widen, pooled, F.gelu))
    # In the released code, one norm stands in all four places.
    assert len({id(part.bn) for part in (*module.dilated, module.widen)}) == 4


def test_relational_aggregation_weights_the_channels_of_the_cnn():
    module = randomize(RelationalAggregation(6, 4, BN))
    maps, swin = torch.randn(2, 6, 3, 4), torch.randn(2, 4, 3, 4)
    x, s = module.deform(maps), layer(module.project, swin)
    flat = s.flatten(2)
    soft = (flat * flat.exp()).sum(2) / flat.exp().sum(2)
    (squeeze, _), expand = module.squeeze, module.expand
    mean, largest, soft = (
        (pooled @ squeeze.weight.T + squeeze.bias).clamp(min=0)
        for pooled in (flat.sum(2) / 12, flat.max(2).values, soft)
    )
    weights = 1 / (1 + (-((mean + largest) * soft @ expand.weight.T + expand.bias)).exp())
    assert 0.05 < weights.std() and not torch.equal(x, maps)
    close(module(maps, swin), x + weights[..., None, None] * x + s)
