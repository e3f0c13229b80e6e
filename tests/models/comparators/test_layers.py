"""SoftPool and the deformable convolution equal loops over pixels."""

import math

import pytest
import torch
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.comparators.layers import DeformableConv, check_sides, soft_pool


@pytest.mark.parametrize('window', [(2, 2), (2, 3), (4, 6)])
def test_soft_pool_is_the_mean_of_each_window_weighted_by_exponentials(window):
    maps = 3 * torch.randn(2, 3, 4, 6)
    found = soft_pool(maps, window)
    assert found.shape == (2, 3, 4 // window[0], 6 // window[1])
    for n, c, y, x in torch.cartesian_prod(*map(torch.arange, found.shape)):
        rows = slice(y * window[0], (y + 1) * window[0])
        values = maps[n, c, rows, x * window[1] : (x + 1) * window[1]].flatten().tolist()
        weights = [math.exp(value) for value in values]
        mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
        assert found[n, c, y, x].item() == pytest.approx(mean, rel=1e-5, abs=1e-6)
    assert soft_pool(torch.full((1, 1, 2, 2), 500.0), (2, 2)) == 500


def bilinear(channel, y, x):
    """Return the value of a map between its pixels; it is 0 outside."""
    top, left, value = math.floor(y), math.floor(x), 0.0
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < channel.shape[0] and 0 <= column < channel.shape[1]:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                value += share * channel[row, column].item()
    return value


def deformed_by_loop(conv, maps):
    guide = F.conv2d(maps, conv.guide.weight, conv.guide.bias, padding=1).double()
    images, channels, height, width = maps.shape
    result = torch.zeros(images, len(conv.conv.weight), height, width, dtype=torch.float64)
    for n, y, x, k in torch.cartesian_prod(*map(torch.arange, (images, height, width, 9))).tolist():
        down, right, strength = guide[n, [k, 9 + k, 18 + k], y, x].tolist()
        place = y + k // 3 - 1 + down, x + k % 3 - 1 + right
        for c in range(channels):
            value = bilinear(maps[n, c], *place) / (1 + math.exp(-strength))
            result[n, :, y, x] += value * conv.conv.weight[:, c, k // 3, k % 3].double()
    return result


def test_the_deformable_convolution_equals_the_loop():
    conv, maps = DeformableConv(2, 3), torch.randn(2, 2, 4, 5)
    torch.nn.init.normal_(conv.guide.weight, std=0.2)
    torch.nn.init.normal_(conv.guide.bias)
    with torch.no_grad():
        found, expected = conv(maps), deformed_by_loop(conv, maps)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('size', [(4, 5), (1, 1)])
def test_it_starts_as_half_a_convolution_and_learns_where_to_read(size):
    conv, maps = DeformableConv(3, 2), torch.randn(2, 3, *size)
    found = conv(maps)
    expected = F.conv2d(maps, conv.conv.weight, padding=1) / 2
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    found.square().sum().backward()
    for part in conv.guide.bias.grad.split(9):  # down, right, strength
        assert (part != 0).any()


def test_images_that_cannot_be_halved_five_times_are_refused_in_one_sentence():
    check_sides('STUNet', torch.zeros(1, 3, 96, 32))
    with pytest.raises(UserError, match=r'^STUNet .*for 100×64: use sides that are multiples'):
        check_sides('STUNet', torch.zeros(1, 3, 64, 100))
