"""CTCFNet's encoders: their size, their blocks and how they are merged."""

import pytest
import torch
from mmseg.registry import MODELS
from plain_layers import identity, layer, linear, normed, randomize
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.comparators.ctcfnet import (
    CTCFNet,
    FeatureAggregation,
    PyramidStage,
    SeparableBlock,
)

BN = dict(type='BN')
WIDTHS = dict(embed_dims=(4, 6, 8, 10), cnn_channels=(6, 6, 10, 12))
SMALL = dict(WIDTHS, depths=(1,) * 4, num_heads=(1, 1, 2, 2), image_size=64)


def conv(width, out, size):
    return width * out * size**2 + out


def test_it_has_the_published_size_without_what_the_release_does_not_use():
    with torch.device('meta'):
        head = dict(type='CTCFNetHead', in_channels=[64, 128, 320, 512], num_classes=5)
        parts = CTCFNet(), MODELS.build(dict(head, norm_cfg=BN))
    size = sum(p.numel() for part in parts for p in part.parameters())
    dims = (64, 128, 320, 512)
    # Unused: a decoder with two convolutions and norms a stage, a norm and a class token.
    unused = sum(conv(2 * d, d, 3) + conv(d, d, 3) + 4 * d for d in dims[:3]) + 3 * 512
    unused += sum(conv(b, a, 1) for a, b in zip(dims, dims[1:], strict=False))
    assert round(unused / 1e6, 1) == 3.5
    # Biases before norms, which have no effect: separable convolutions, FAM and the decoder.
    cnn = ((3, 64, 2), (64, 128, 2), (64, 128, 2), (128, 256, 3), (320, 640, 3))
    biases = sum(2 * width + (2 * count - 1) * out for width, out, count in cnn)
    biases += 2 * sum(dims) + 1024 + 512 + 256
    five = conv(128, 5, 1) - conv(128, 1, 1)  # the released boundary head has all classes
    assert round((size + unused + biases + five) / 1e6, 2) == 78.75


def test_a_separable_block_adds_the_pooled_input():
    block, maps = randomize(SeparableBlock(3, 5, 2, BN)), torch.randn(2, 3, 6, 8)
    x = maps
    for stride, part in zip((2, 1), block.convs, strict=True):
        x = layer(part.depthwise_conv, x, identity, stride=stride, padding=1, groups=x.shape[1])
        x = layer(part.pointwise_conv, x)
    padded = F.pad(maps, [1] * 4, value=-torch.inf)
    pooled = torch.stack([padded[:, :, y : y + 6 : 2, z : z + 8 : 2] for y in range(3)
                          for z in range(3)]).amax(0)  # fmt: skip
    scale = block.shortcut[1].depthwise_conv
    pooled = normed(scale.bn, pooled * scale.conv.weight[None, :, 0])
    shortcut = linear(block.shortcut[1].pointwise_conv.conv, pooled)
    torch.testing.assert_close(block(maps), x + shortcut, rtol=1e-4, atol=1e-4)


def enlarged(maps, size):
    """Resize maps bilinearly, with equal corners, by a loop."""
    result = torch.zeros(*maps.shape[:2], *size)
    for y in range(size[0]):
        for x in range(size[1]):
            places = []
            for place, old, new in ((y, maps.shape[2], size[0]), (x, maps.shape[3], size[1])):
                exact = place * (old - 1) / (new - 1)
                low = min(int(exact), max(old - 2, 0))
                places.append(((low, 1 - exact + low), (min(low + 1, old - 1), exact - low)))
            for row, down in places[0]:
                for column, right in places[1]:
                    result[:, :, y, x] += down * right * maps[:, :, row, column]
    return result


@pytest.mark.parametrize('size', [(15, 14), (5, 6)])
def test_feature_aggregation_joins_three_branches(size):
    module = randomize(FeatureAggregation(10, 4, BN))
    cnn, transformer = torch.randn(2, 10, *size), torch.randn(2, 4, *size)
    copies = [cnn.flatten(2).sum(2)[..., None, None] / (size[0] * size[1])]
    for side in (3, 5, 7):
        high, wide = (min(side, length) for length in size)
        rows, columns = size[0] // high, size[1] // wide
        windows = [
            cnn[:, :, y * high : (y + 1) * high, x * wide : (x + 1) * wide].amax((2, 3))
            for y in range(rows)
            for x in range(columns)
        ]
        copies.append(torch.stack(windows, -1).unflatten(-1, (rows, columns)))
    copies = [enlarged(linear(module.reduce, copy), size) for copy in copies]
    local = F.conv2d(
        torch.cat([*copies, cnn], 1), module.local.weight, module.local.bias, padding=1
    )
    mixed = layer(module.mixed, torch.cat([cnn, transformer], 1), F.gelu, padding=1)
    gate = linear(module.gate[1], mixed.amax((2, 3))[..., None, None])
    gate = linear(module.gate[3], F.gelu(gate)).sigmoid()
    joined = torch.cat([local, mixed, gate * transformer], 1)
    expected = layer(module.merge, joined, F.gelu, padding=1)
    torch.testing.assert_close(module(cnn, transformer), expected, rtol=1e-4, atol=1e-4)


def attended(block, x, size, ratio):
    """Compute a block whose keys and values are reduced by a convolution."""
    attention, channels = block.attn, x.shape[-1]
    queries = keys = block.norm1(x)
    if ratio > 1:
        maps = keys.mT.unflatten(2, size)
        keys = F.conv2d(maps, attention.sr.weight, attention.sr.bias, stride=ratio)
        keys = attention.norm(keys.flatten(2).mT)
    weights = attention.attn.in_proj_weight.split(channels)
    biases = attention.attn.in_proj_bias.split(channels)
    q, k, v = (
        (part @ weight.T + bias).unflatten(2, (attention.attn.num_heads, -1)).transpose(1, 2)
        for part, weight, bias in zip((queries, keys, keys), weights, biases, strict=True)
    )
    values = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    out = attention.attn.out_proj
    x = x + values @ out.weight.T + out.bias
    first, last = block.ffn.layers[0][0], block.ffn.layers[1]
    hidden = F.gelu(block.norm2(x) @ first.weight.T + first.bias)
    return x + hidden @ last.weight.T + last.bias


@pytest.mark.parametrize('ratio', [1, 2])
def test_a_stage_of_the_transformer_equals_the_reimplementation_and_interpolates_positions(ratio):
    stage, images = PyramidStage(3, 8, 2, 4, 2, 2, ratio), torch.randn(2, 3, 8, 8)
    for name, parameter in stage.named_parameters():
        if parameter.ndim == 1 and 'norm' not in name:
            torch.nn.init.normal_(parameter)
    patches = images.unflatten(3, (4, 2)).unflatten(2, (4, 2))
    x = torch.einsum('ncyixj,ocij->nyxo', patches, stage.patches.weight) + stage.patches.bias
    x = stage.norm(x) + stage.positions[0].permute(1, 2, 0)
    x = x.flatten(1, 2)
    for block in stage.blocks:
        x = attended(block, x, (4, 4), ratio)
    expected = torch.stack([x[:, 4 * y : 4 * y + 4].mT for y in range(4)], 2)
    torch.testing.assert_close(stage(images), expected, rtol=1e-4, atol=1e-4)
    # A ramp of positions stays a ramp on a map of twice the size, except at its edges.
    torch.nn.init.zeros_(stage.patches.weight)
    stage.blocks = torch.nn.ModuleList()
    stage.positions.data = torch.arange(4.0).view(4, 1).expand(1, 8, 4, 4).contiguous()
    found = stage(torch.zeros(1, 3, 16, 16))
    assert (found[0, 0, :, 0].diff()[1:-1] - 0.5).abs().max() < 1e-6


def test_both_encoders_read_the_merged_maps():
    network = CTCFNet(**SMALL, norm_cfg=BN).eval()
    images = torch.randn(1, 3, 96, 64)
    found = network(images)
    assert [tuple(each.shape[1:]) for each in found] == [
        (4, 24, 16), (6, 12, 8), (8, 6, 4), (10, 3, 2),
    ]  # fmt: skip
    for i, before in enumerate((images, *found[:3])):
        expected = network.merge[i](network.cnn[i](before), network.transformer[i](before))
        torch.testing.assert_close(found[i], expected)
    counts = [len(each.convs) for each in (*network.cnn[0], *network.cnn[1:])]
    assert counts == [2, 2, 2, 3, 3]
    with pytest.raises(UserError, match='^CTCFNet halves images five times'):
        network(images[:, :, 8:])
