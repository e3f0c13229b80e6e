"""Colour jitter and blur equal their formulas, and depth does not change."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from depthda.models.adaptation.strong_augmentation import StrongAugmentation, blurred, jittered

LUMA = np.array([0.299, 0.587, 0.114])
MEAN, STD = [123.7, 116.3, 103.5, 90.0], [58.4, 57.1, 57.4, 50.0]


def scales(bands=3):
    return (torch.tensor(values[:bands]).view(-1, 1, 1) for values in (MEAN, STD))


def always(**settings):
    return StrongAugmentation(**{**dict(jitter=1.0, blur=1.0), **settings})


def assert_close(actual, expected):
    expected = torch.as_tensor(np.asarray(expected), dtype=torch.float32)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize('bands', [1, 3, 4])
def test_depth_does_not_change(bands):
    images = torch.randn(4, bands + 1, 12, 12)
    images[:, -1, 3:5] = torch.nan
    augmented = always()(images, *scales(bands))
    assert torch.equal(augmented[:, -1].view(torch.int32), images[:, -1].view(torch.int32))
    assert augmented.isfinite()[:, :-1].all()
    for band in range(bands):
        assert not torch.allclose(augmented[:, band], images[:, band], atol=1e-2)


def test_probabilities_of_0_change_nothing():
    images = torch.randn(4, 4, 9, 9)
    augmented = StrongAugmentation(jitter=0, blur=0)(images, *scales())
    torch.testing.assert_close(augmented, images, rtol=0, atol=1e-5)


@pytest.mark.parametrize('part', ['jitter', 'blur'])
def test_each_image_is_changed_with_the_probability(part):
    images = torch.randn(1, 3, 6, 6).expand(500, -1, -1, -1)
    settings = dict(jitter=0.0, blur=0.0) | {part: 0.3}
    augmented = StrongAugmentation(**settings, blur_px=(0.8, 1.2))(images, *scales())
    changed = ((augmented - images).abs() > 1e-3).flatten(1).any(1)
    assert abs(changed.float().mean() - 0.3) < 0.08  # four standard deviations
    different = augmented[changed]
    assert not torch.allclose(different[0], different[1], atol=1e-4)


def test_brightness_changes_by_up_to_the_strength_at_the_scale_of_the_bands():
    mean, std = scales(1)
    images = (torch.full((400, 1, 2, 2), 200.0) - mean) / std
    augmented = always(blur=0.0, strength=0.25)(images, mean, std) * std + mean
    factors = augmented / 200  # contrast does not change a flat image
    assert (factors - factors[:, :, :1, :1]).abs().max() < 1e-5
    assert 0.75 <= factors.min() < 0.76 and 1.24 < factors.max() <= 1.25001
    assert abs(factors.mean() - 1) < 0.03


@pytest.mark.parametrize('bands', [1, 3, 4])
def test_brightness_contrast_and_saturation_equal_their_formulas(bands):
    image = torch.rand(bands, 5, 7) * 255
    x = image.double().numpy()
    assert_close(jittered(image, 1.3, 1, 1, 0), 1.3 * x)
    contrasted = 0.6 * x + 0.4 * x.mean()
    assert_close(jittered(image, 1, 0.6, 1, 0), contrasted)
    assert_close(jittered(image, 1.3, 0.6, 1, 0), 1.3 * contrasted)
    saturated = x.copy()
    if bands >= 3:
        grey = np.tensordot(LUMA, x[:3], 1)
        saturated[:3] = 0.7 * x[:3] + 0.3 * grey
    assert_close(jittered(image, 1, 1, 0.7, 0), saturated)


@pytest.mark.parametrize('angle', [-2.0, 0.3, math.pi])
def test_a_rotation_of_the_hue_keeps_the_luma_the_grey_pixels_and_other_bands(angle):
    image = torch.rand(4, 5, 7) * 255
    image[:3, 0] = image[0, 0]  # a grey row
    augmented = jittered(image, 1, 1, 1, angle)
    assert_close(torch.einsum('c,chw->hw', torch.tensor(LUMA).float(), augmented[:3]),
          np.tensordot(LUMA, image[:3].double().numpy(), 1))  # fmt: skip
    assert_close(augmented[:, 0], image[:, 0].numpy())
    assert_close(augmented[3], image[3].numpy())
    assert (augmented[:3, 1:] - image[:3, 1:]).abs().max() > 10


def test_a_third_of_a_turn_exchanges_the_colours_and_a_full_turn_none():
    image = torch.rand(3, 5, 7) * 255
    third = jittered(image, 1, 1, 1, 2 * math.pi / 3)
    assert_close(third - third.roll(-1, 0), (image - image.roll(-1, 0)).roll(1, 0).numpy())
    assert_close(jittered(image, 1, 1, 1, 2 * math.pi), image.numpy())


@pytest.mark.parametrize('bands', [1, 3, 4])
@pytest.mark.parametrize('sigma', [0.15, 0.5, 1.15, 2.0])
def test_blur_equals_that_of_scipy(bands, sigma):
    image = torch.rand(bands, 11, 14) * 255
    reach = max(1, round(3 * sigma))
    expected = gaussian_filter(
        image.double().numpy(), (0, sigma, sigma), mode='mirror', truncate=reach / sigma
    )
    augmented = blurred(image, sigma)
    assert_close(augmented, expected)
    assert augmented.shape == image.shape


def test_the_blur_varies_within_its_range():
    images = torch.randn(1, 4, 9, 9).repeat(60, 1, 1, 1)
    augmented = always(jitter=0.0, blur_px=(1.0, 1.0))(images, *scales())
    torch.testing.assert_close(augmented[5, :3], blurred(images[5, :3], 1.0), rtol=0, atol=1e-4)
    spread = always(jitter=0.0, blur_px=(0.4, 1.2))(images, *scales())[:, :3].std((1, 2, 3))
    narrow, wide = (blurred(images[0, :3], sigma).std() for sigma in (0.4, 1.2))
    assert wide - 1e-4 <= spread.min() < spread.max() <= narrow + 1e-4
    assert spread.max() - spread.min() > 0.7 * (narrow - wide)


@pytest.mark.parametrize('size', [(1, 1), (2, 9), (9, 3)])
def test_images_smaller_than_the_kernel_are_not_blurred(size):
    image = torch.rand(3, *size)
    assert torch.equal(blurred(image, 1.0), image)
    images = torch.randn(2, 4, *size)
    assert always(blur_px=(1.0, 1.1))(images, *scales()).isfinite().all()
