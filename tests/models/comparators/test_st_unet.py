"""ST-UNet's encoders: their size, their blocks and how they are joined."""

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.comparators.st_unet import (
    InteractingSwinStage,
    StandardizedBottleneck,
    StandardizedConv,
    STUNet,
)

BN = dict(type='BN')
SMALL = dict(width=8, units=(1, 2, 1, 1), embed_dims=8, num_heads=(1, 2, 4, 8), window_size=4)


def conv(width, out, size, bias=True):
    return width * out * size**2 + bias * out


def deformable(width, out, size):
    """Return the parameters of a deformable convolution with offsets and strengths."""
    return conv(width, out, size, bias=False) + conv(width, 3 * size**2, 3)


def unused_of_the_release():
    """Return the parameters of the released network that never get a gradient."""
    total = 2 * 768  # a norm after the last stage
    for stage, dims in enumerate((96, 192, 384, 768)):
        total += sum(deformable(dims, dims // 2, size) for size in (3, 5, 7, 3))
        total += deformable(dims // 2, dims, 3) + dims * dims // 2 + dims
        total += deformable(dims, 2 * dims, 3) + 6 * dims  # in each FCM, with two norms
        if stage == 3:  # the last FCM: four convolutions and two norms
            total += 2 * conv(dims, 2 * dims, 1) + conv(2 * dims, 2 * dims, 3)
            total += conv(2 * dims, 2 * dims, 1) + 6 * dims
    for out in (512, 256, 128):  # of the decoder: layers of its last step in the others
        total += conv(out, out, 3, False) + 2 * out + conv(64, 64, 3, False) + 128
        total += 64 * 16 * 4 + 16
    return total + 2 * (conv(64, 64, 3, False) + 128)


def test_it_has_the_published_size_without_what_the_release_does_not_use():
    with torch.device('meta'):
        head = dict(type='STUNetHead', in_channels=[128, 256, 512, 1024], num_classes=6)
        parts = STUNet(), MODELS.build(dict(head, norm_cfg=BN))
    size = sum(p.numel() for part in parts for p in part.parameters())
    stages = (96, 192, 384, 768)
    # Biases before norms, which have no effect, of SIM (two convolutions) and FCM (four).
    biases = sum(3 * dims // 2 for dims in stages) + sum(8 * dims for dims in stages[:3])
    shared = sum(3 * 4 * dims for dims in stages[:3])  # three norms of each FCM
    unused = unused_of_the_release()
    assert round(unused / 1e6, 1) == 87.4
    assert round((size + unused + biases - shared) / 1e6, 1) == 168.8


def test_the_weights_of_a_standardised_convolution_have_mean_0_and_variance_1():
    conv = StandardizedConv(8, 3, 1, bias=False)
    used = conv(torch.eye(8).view(8, 8, 1, 1))[..., 0, 0].T  # one channel at a time
    raw = conv.weight[..., 0, 0]
    expected = (raw - raw.mean(1, keepdim=True)) / raw.std(1, correction=0, keepdim=True)
    torch.testing.assert_close(used, expected, rtol=1e-3, atol=1e-3)


def test_a_bottleneck_standardises_its_weights_and_groups_its_channels():
    block, maps = StandardizedBottleneck(6, 16, stride=2), torch.randn(2, 6, 6, 4)
    for parameter in block.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter)

    def convolve(part, x, **rest):
        convolution, norm = part
        w = convolution.weight
        w = w - w.mean((1, 2, 3), keepdim=True)
        w = w / (w.square().mean((1, 2, 3), keepdim=True) + 1e-5).sqrt()
        y = F.conv2d(x, w, **rest)
        # Fewer than 32 channels: each is a group.
        y = y - y.mean((2, 3), keepdim=True)
        y = y / (y.square().mean((2, 3), keepdim=True) + 1e-6).sqrt()
        return y * norm.weight[:, None, None] + norm.bias[:, None, None]

    first, _, second, _, third = block.branch
    branch = convolve(second, convolve(first, maps).relu(), stride=2, padding=1).relu()
    expected = (convolve(third, branch) + convolve(block.shortcut, maps, stride=2)).relu()
    torch.testing.assert_close(block(maps), expected, rtol=1e-4, atol=1e-4)
    large = StandardizedBottleneck(256, 256)
    assert [large.branch[i][1].num_groups for i in (0, 2, 4)] == [32] * 3
    assert isinstance(large.shortcut, torch.nn.Identity)


def attended(block, maps):
    """Compute a Swin block on a map that is one window, pixel by pixel."""
    attention, heads, (images, channels, side, _) = (
        block.attn.w_msa, block.attn.w_msa.num_heads, maps.shape,
    )  # fmt: skip
    pixels = torch.stack([maps[:, :, i // side, i % side] for i in range(side**2)], 1)
    queries = block.norm1(pixels)
    q, k, v = (queries @ attention.qkv.weight.T + attention.qkv.bias).chunk(3, -1)
    results = []
    for head in range(heads):
        part = slice(head * channels // heads, (head + 1) * channels // heads)
        scores = torch.zeros(images, side**2, side**2)
        for i in range(side**2):
            for j in range(side**2):
                down, right = i // side - j // side, i % side - j % side
                place = (down + side - 1) * (2 * side - 1) + right + side - 1
                score = (q[:, i, part] * k[:, j, part]).sum(-1) / (channels // heads) ** 0.5
                scores[:, i, j] = score + attention.relative_position_bias_table[place, head]
        results.append(scores.softmax(-1) @ v[..., part])
    x = pixels + torch.cat(results, -1) @ attention.proj.weight.T + attention.proj.bias
    first, last = block.ffn.layers[0][0], block.ffn.layers[1]
    hidden = F.gelu(block.norm2(x) @ first.weight.T + first.bias)
    x = x + hidden @ last.weight.T + last.bias
    return torch.stack([x[:, i * side : (i + 1) * side].mT for i in range(side)], 2)


def test_a_stage_adds_the_interaction_of_its_input_to_each_pair_of_blocks():
    stage = InteractingSwinStage(8, 2, 3, [0.0] * 4, BN).eval()
    for block in stage.blocks:
        torch.nn.init.normal_(block.attn.w_msa.relative_position_bias_table)
    maps = torch.randn(2, 8, 3, 3)
    with torch.no_grad():
        expected = maps
        for first, second in (stage.blocks[:2], stage.blocks[2:]):
            spatial = stage.interact(expected)
            expected = attended(second, attended(first, expected)) + spatial
        torch.testing.assert_close(stage(maps), expected, rtol=1e-4, atol=1e-4)
        # With several windows, every second block is shifted.
        stage(torch.randn(1, 8, 6, 6))
    assert [block.attn.shift_size for block in stage.blocks] == [0, 1, 0, 1]


def test_the_cnn_reads_what_was_joined_and_the_transformer_does_not():
    network = STUNet(**SMALL, norm_cfg=BN).eval()
    images = torch.randn(1, 3, 64, 96)
    maps = network.stem(images)
    swin = F.conv2d(images, network.patches.weight, network.patches.bias, stride=4, padding=2)
    mean, variance = swin.mean(1, keepdim=True), swin.var(1, correction=0, keepdim=True)
    swin = (swin - mean) / (variance + 1e-5).sqrt()
    expected = []
    for i in range(4):
        swin = network.swin[i](network.compress[i - 1](swin) if i else swin)
        maps = network.join[i](network.cnn[i](maps), swin)
        expected.append(maps)
    found = network(images)
    assert [tuple(each.shape[1:]) for each in found] == [
        (32, 16, 24), (64, 8, 12), (128, 4, 6), (256, 2, 3),
    ]  # fmt: skip
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    rates = [b.ffn.dropout_layer.drop_prob for stage in network.swin for b in stage.blocks]
    assert rates == pytest.approx([0.1 * i / 11 for i in range(12)])
    with pytest.raises(UserError, match='^STUNet halves images five times'):
        network(images[..., 1:])
