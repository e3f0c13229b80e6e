"""ST-UNet's decoder equals a reimplementation with functions."""

import torch
from mmseg.registry import MODELS
from plain_layers import layer, randomize
from torch.nn import functional as F

CHANNELS = [4, 6, 10, 12]


def up(transposed, x):
    """Put the four values of each pixel into a block of 2 × 2."""
    images, _, height, width = x.shape
    y = torch.zeros(images, transposed.weight.shape[1], 2 * height, 2 * width)
    for row in (0, 1):
        for column in (0, 1):
            weight = transposed.weight[:, :, row, column]
            y[:, :, row::2, column::2] = torch.einsum('co,nchw->nohw', weight, x)
    return y + transposed.bias[:, None, None]


def test_the_decoder_equals_the_reimplementation():
    config = dict(type='STUNetHead', in_channels=CHANNELS, num_classes=3, norm_cfg=dict(type='BN'))
    head = randomize(MODELS.build(config))
    maps = [torch.randn(2, c, 16 >> i, 8 >> i) for i, c in enumerate(CHANNELS)]
    x = layer(head.enter, maps[3], padding=1)
    for i in range(3):
        x = torch.cat([up(head.ups[i], x), maps[2 - i]], 1)
        for block in head.merges[i]:
            x = layer(block, x, padding=1)
    first, *blocks, last = head.leave
    x = up(first, x)
    for block in blocks:
        x = layer(block, x, padding=1)
    x = up(last, x)
    expected = F.conv2d(x, head.conv_seg.weight, head.conv_seg.bias, padding=1)
    found = head(maps)
    assert found.shape == (2, 3, 64, 32) and x.shape[1] == 16
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
