"""Colour and Fourier transfer: their formulas, and what they do not change."""

from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from refusals import refusal
from tiny_rasters import write_raster

from depthda.datasets.pipeline_check import check_pipeline, is_random
from depthda.datasets.transforms.target_style import ColourTransfer, FourierTransfer

BOTH = ColourTransfer, FourierTransfer


def random_image(seed, *shape, low=0, high=256, dtype=np.uint8):
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes images (R, G, B, …) as the target; it returns their folder."""

    def write(*images, suffix='.tif'):
        for number, image in enumerate(images):
            write_raster(tmp_path / 'target' / f'{number}{suffix}', image)
        return str(tmp_path / 'target')

    return write


def in_reading_order(image):
    """Return R, G, B, … as B, G, R, …"""
    return np.dstack([image[..., 2::-1], image[..., 3:]])


def colours_of(source, target):
    result = np.empty(source.shape)
    for band in range(source.shape[2]):
        x, y = source[..., band].astype(float), target[..., band].astype(float)
        result[..., band] = (x - x.mean()) / x.std() * y.std() + y.mean()
    return result


def low_frequencies_of(source, target, beta):
    height, width, bands = source.shape
    rows, columns = int(beta * height), int(beta * width)
    top, left = height // 2, width // 2  # the mean, after the shift
    window = np.s_[top - rows : top + rows + 1, left - columns : left + columns + 1]
    result = np.empty(source.shape)
    for band in range(bands):
        own, other = (np.fft.fftshift(np.fft.fft2(x[..., band])) for x in (source, target))
        amplitude = np.abs(own)
        amplitude[window] = np.abs(other)[window]
        mixed = np.fft.ifftshift(amplitude * np.exp(1j * np.angle(own)))
        result[..., band] = np.fft.ifft2(mixed).real
    return result


def check(transform, source, expected):
    """Compare with the transform; integers are within half a step."""
    styled = transform(dict(img=source.copy()))['img']
    assert styled.shape == source.shape and styled.dtype == source.dtype
    highest = np.iinfo(source.dtype).max
    assert (expected < 0).any() or (expected > highest).any(), 'nothing is clipped'
    assert np.abs(styled - expected.clip(0, highest)).max() <= 0.5 + 1e-3 * highest / 255
    assert (styled != source).mean() > 0.5


@pytest.mark.parametrize('bands, dtype', [(3, np.uint8), (4, np.uint8), (3, np.uint16)])
def test_colour_transfer_is_the_formula_in_each_band(folder, bands, dtype):
    scale = np.iinfo(dtype).max // 255
    source = random_image(0, 24, 30, bands, low=90, high=140, dtype=dtype) * dtype(scale)
    source[:2] = 0
    target = random_image(1, 20, 16, bands, high=200, dtype=dtype) * dtype(scale)
    expected = colours_of(source, in_reading_order(target))
    check(ColourTransfer(folder(target)), source, expected)


@pytest.mark.parametrize('beta', [0, 0.01, 0.1, 0.5])
@pytest.mark.parametrize('size', [(17, 33), (16, 100), (101, 20)])
def test_fourier_transfer_is_a_window_of_the_shifted_spectrum(folder, size, beta):
    source, target = random_image(0, *size, 3), random_image(1, *size, 3, high=90)
    expected = low_frequencies_of(source, in_reading_order(target), beta)
    check(FourierTransfer(folder(target), beta), source, expected)


def test_fourier_transfer_of_no_frequency_moves_the_mean():
    source, target = (random_image(i, 15, 22, 6, low=50 * i).astype(np.float32) for i in (1, 2))
    styled = FourierTransfer('target', beta=0).restyle(source, target)
    expected = source - source.mean((0, 1)) + target.mean((0, 1))
    np.testing.assert_allclose(styled, expected, atol=1e-3)


@pytest.mark.parametrize('bands', [1, 3])
def test_a_target_of_another_size_is_resized(folder, bands):
    source, target = random_image(0, 16, 21, bands), random_image(1, 32, 63, bands, high=60)
    cells = target.reshape(16, 2, 21, 3, bands).mean((1, 3))
    expected = low_frequencies_of(source, in_reading_order(cells), 0.2)
    check(FourierTransfer(folder(target), 0.2), source, expected)
    small = np.full((5, 4, bands), 7, np.uint8)
    transform = FourierTransfer(folder(small), 0.2)
    check(transform, source, low_frequencies_of(source, np.full((16, 21, bands), 7), 0.2))


@pytest.mark.parametrize('kind', BOTH)
def test_depth_and_labels_do_not_change(folder, kind):
    target = folder(random_image(1, 12, 12, 3), suffix='.png')
    depth = np.random.default_rng(2).random((20, 18, 1), np.float32)
    optical, labels = random_image(0, 20, 18, 3), random_image(3, 20, 18, high=7)
    image = np.dstack([optical.astype(np.float32), depth])
    results = dict(img=image, optical_bands=3, gt_seg_map=labels.copy(), img_path='a')
    styled = kind(target)(results)
    assert styled['img'].dtype == np.float32
    np.testing.assert_array_equal(styled['img'][..., 3:], depth)
    np.testing.assert_array_equal(styled['gt_seg_map'], labels)
    assert styled['img'][..., :3].min() >= 0 and styled['img'][..., :3].max() <= 255
    # The same style as without depth, where the result is rounded.
    alone = kind(target)(dict(img=optical))['img']
    assert np.abs(styled['img'][..., :3] - alone).max() <= 0.501


@pytest.mark.parametrize('kind', BOTH)
def test_the_seed_decides_which_target_is_drawn(folder, kind):
    shades = 40, 90, 140, 190
    target = folder(*(np.full((8, 8, 3), shade, np.uint8) for shade in shades))
    for other in ('.hidden.png', 'notes.txt'):  # are not images
        (Path(target) / other).touch()

    def means(seed):
        np.random.seed(seed)
        source = random_image(0, 8, 8, 3, low=120, high=130)
        return [int(kind(target)(dict(img=source))['img'].mean().round()) for _ in range(40)]

    assert means(0) == means(0) != means(1)
    assert set(means(0)) == set(shades)


@pytest.mark.parametrize('kind', BOTH)
def test_an_image_of_one_colour_gets_the_mean_of_the_target(kind):
    source = np.full((12, 15, 3), (90, 200, 31), np.float32)
    target = random_image(0, 12, 15, 3).astype(np.float32)
    styled = kind('target').restyle(source, target)
    np.testing.assert_allclose(styled.mean((0, 1)), target.mean((0, 1)), atol=0.01)
    flat = kind('target').restyle(target, np.full_like(target, 8))
    assert np.isfinite(flat).all() and flat.mean() == pytest.approx(8, abs=1e-3)


def test_colours_of_large_images_are_exact():
    side = 1024
    source = np.full((side, side, 3), (90, 200, 31), np.float32)
    source[: side // 2, :, 0] = 190
    target = random_image(0, side, side, 3, low=180).astype(np.float32)
    styled = ColourTransfer('target').restyle(source, target).astype(np.float64)
    exact = target.astype(np.float64)
    np.testing.assert_allclose(styled.mean((0, 1)), exact.mean((0, 1)), atol=0.1)
    np.testing.assert_allclose(styled.std((0, 1)), [exact[..., 0].std(), 0, 0], atol=0.1)


def test_unsuitable_targets_are_refused(folder, tmp_path):
    image = dict(img=random_image(0, 8, 8, 3))
    for name in ('empty', 'absent'):
        empty_folder = tmp_path / name
        if name == 'empty':
            empty_folder.mkdir()
        assert refusal(ColourTransfer(str(empty_folder)), image) == (
            f'{empty_folder} has no images: set the folder of target images (.png, .tif, .tiff, …).'
        )
    four = folder(random_image(0, 8, 8, 4))
    assert refusal(FourierTransfer(four), image) == (
        f'the images in {four} have 4 bands, but the training images have 3: FourierTransfer needs '
        'the same bands in both.'
    )
    with_depth = dict(img=np.zeros((8, 8, 4), np.float32), optical_bands=3)
    assert 'have 3: ColourTransfer' in refusal(ColourTransfer(four), with_depth)
    (tmp_path / 'target' / '0.tif').unlink()
    deep = folder(random_image(0, 8, 8, 3, high=4000, dtype=np.uint16))
    message = (
        f'the images in {deep} are uint16, but the training images are uint8: use the same type in '
        'both.'
    )
    assert refusal(ColourTransfer(deep), image) == message
    for beta in (0.7, -0.1):
        message = f'beta={beta} of FourierTransfer must be from 0 to 0.5.'
        assert refusal(FourierTransfer, four, beta=beta) == message


@pytest.mark.parametrize('kind', BOTH)
def test_a_pipeline_may_restyle_images_after_depth_is_loaded(kind):
    step = dict(type=kind.__name__, folder='target')
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadDepth'), step]
    check_pipeline([TRANSFORMS.build(part) for part in pipeline])
    assert is_random(step)
    assert "folder='target'" in repr(TRANSFORMS.build(step))
