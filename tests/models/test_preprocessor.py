import numpy as np
import pytest
import torch
from labelled_samples import labelled
from mmseg.models import SegDataPreProcessor

from depthda.errors import UserError
from depthda.models.preprocessor import RGBDDataPreprocessor

MEAN, STD = [123.7, 116.3, 103.5], [58.4, 57.1, 57.4]


def image_with_depth(height, width, bands=3):
    optical = np.random.default_rng(0).integers(0, 256, (bands, height, width))
    depth = np.random.default_rng(1).uniform(0.1, 1, (1, height, width))
    depth[0, 0, :3] = 0
    return np.concatenate([optical, depth]).astype(np.float32)


SIZES = [(6, 5), (4, 8)]


def batch():
    """Two labelled images with depth, of different sizes."""
    inputs = [torch.tensor(image_with_depth(*size)) for size in SIZES]
    return dict(inputs=inputs, data_samples=labelled(torch.ones(s).long() for s in SIZES))


def normalized(image, mean=MEAN, std=STD):
    """Normalise an image in the order BGR(N)D, band by band with NumPy."""
    bands = [image[2], image[1], image[0], *image[3:-1]]
    bands = [(band - m) / s for band, m, s in zip(bands, mean, std, strict=True)]
    depth = np.where(image[-1] > 0, (image[-1] - 0.449) / 0.226, np.nan)
    return np.stack([*bands, depth])


@pytest.mark.parametrize('bands', [3, 4])
def test_bands_and_depth_are_normalized_separately_and_infrared_remains_the_fourth(bands):
    image = image_with_depth(6, 5, bands)
    mean, std = [*MEAN, 90.0][:bands], [*STD, 40.0][:bands]
    out = RGBDDataPreprocessor(mean, std, bgr_to_rgb=True)(dict(inputs=[torch.tensor(image)]))
    np.testing.assert_allclose(out['inputs'][0], normalized(image, mean, std), rtol=1e-5)
    assert torch.isnan(out['inputs'][0, bands, 0, :3]).all()
    assert torch.isfinite(out['inputs']).sum() == (bands + 1) * 30 - 3


def test_a_batch_is_normalized_image_by_image():
    images = [image_with_depth(6, 5), image_with_depth(6, 5)[:, ::-1].copy()]
    out = RGBDDataPreprocessor(MEAN, STD, bgr_to_rgb=True).normalize(torch.tensor(np.stack(images)))
    np.testing.assert_allclose(out, [normalized(image) for image in images], rtol=1e-5)


@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
@pytest.mark.parametrize('stacked', [True, False])
def test_images_without_depth_are_normalised_as_in_mmseg(dtype, stacked):
    images = [torch.randint(0, 256, (3, 7, 9)).to(dtype) for _ in range(2)]
    rgbd = RGBDDataPreprocessor(MEAN, STD, bgr_to_rgb=True)
    stock = SegDataPreProcessor(MEAN, STD, bgr_to_rgb=True)
    inputs = torch.stack(images) if stacked else images
    assert torch.equal(rgbd(dict(inputs=inputs))['inputs'], stock(dict(inputs=images))['inputs'])


def test_training_pads_bands_with_0_depth_with_nan_and_labels_with_255():
    out = RGBDDataPreprocessor(MEAN, STD, bgr_to_rgb=True, size=(8, 8))(batch(), training=True)
    for i, (height, width) in enumerate(SIZES):
        inside = torch.zeros(8, 8, dtype=torch.bool)
        inside[:height, :width] = True
        expected = normalized(image_with_depth(height, width))
        np.testing.assert_allclose(out['inputs'][i, :, :height, :width], expected, rtol=1e-5)
        assert (out['inputs'][i, :3, ~inside] == 0).all()
        assert torch.isnan(out['inputs'][i, 3, ~inside]).all()
        label = out['data_samples'][i].gt_sem_seg.data[0]
        assert (label[inside] == 1).all() and (label[~inside] == 255).all()
    # Without a size, images are padded to the largest.
    assert RGBDDataPreprocessor(MEAN, STD)(batch(), training=True)['inputs'].shape == (2, 4, 6, 8)


def test_drop_removes_the_depth_channel():
    image = torch.tensor(image_with_depth(6, 5))
    drop = RGBDDataPreprocessor(MEAN, STD, depth='drop')
    with_depth, without = drop(dict(inputs=[image])), drop(dict(inputs=[image[:3]]))
    assert torch.equal(with_depth['inputs'], without['inputs'])
    assert drop(dict(inputs=[image.byte()]))['inputs'].shape == (1, 3, 6, 5)


def test_test_images_of_different_sizes_need_padding():
    out = RGBDDataPreprocessor(MEAN, STD, test_cfg=dict(size_divisor=8))(batch())
    assert out['inputs'].shape == (2, 4, 8, 8)
    depth = out['inputs'][0, 3]
    assert torch.isnan(depth[6:]).all() and torch.isnan(depth[:, 5:]).all()
    sizes = [sample.img_padding_size for sample in out['data_samples']]
    assert sizes == [(0, 3, 0, 2), (0, 0, 0, 4)]


@pytest.mark.parametrize(
    ('images', 'message'),
    [
        (batch()['inputs'], r'\(4, 8\), \(6, 5\).*batch size to 1'),
        ([torch.rand(6, 4, 4)], 'has 6 channels'),
        ([torch.ones(4, 4, 4, dtype=torch.uint8)], 'load depth with LoadDepth'),
        ([torch.rand(3, 4, 4), torch.rand(4, 4, 4)], 'with depth and images without'),
    ],
)
def test_wrong_images_are_refused(images, message):
    with pytest.raises(UserError, match=message):
        RGBDDataPreprocessor(MEAN, STD)(dict(inputs=images))


@pytest.mark.parametrize(
    'settings',
    [
        dict(std=STD[:2]),
        dict(depth='ignore'),
        dict(size=(8, 8), size_divisor=8),
        dict(batch_augments=[dict(type='BatchFixedSizePad', size=(8, 8))]),
    ],
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(UserError):
        RGBDDataPreprocessor(**dict(mean=MEAN, std=STD) | settings)


def test_depth_differs_from_the_released_copies_as_documented():
    depth = np.linspace(1 / 256, 1, 256, dtype=np.float32)[None]
    image = np.concatenate([np.zeros((3, 1, 256), np.float32), depth[None]])
    single = RGBDDataPreprocessor(MEAN, STD)(dict(inputs=[torch.tensor(image)]))['inputs'][0, 3, 0]
    # ImageNet's means and stds of red, green and blue.
    pairs = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))
    released = np.stack([(depth[0] - mean) / std for mean, std in pairs])
    difference = released - single.numpy()
    assert difference.mean(1) == pytest.approx([-0.160, -0.029, 0.192], abs=2e-3)
    assert np.abs(difference).max() == pytest.approx(0.202, abs=1e-3)
    assert (released.max(0) - released.min(0)).max() == pytest.approx(0.391, abs=1e-3)
