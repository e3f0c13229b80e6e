import pytest
import torch
from mmseg.registry import MODELS

from depthda.errors import UserError


def build(**options):
    return MODELS.build(dict(type='DomainPairPreprocessor', **options))


def test_bands_are_scaled_and_missing_depth_is_nan():
    image = torch.tensor([0.0, 51.0, 255.0, 0.25]).view(4, 1, 1).expand(4, 2, 2).clone()
    image[3, 0, 1] = 0
    data = dict(inputs=dict(source=[image, image], target=[image[:3], image[:3]]))
    batches = build()(data)['inputs']
    assert batches['source'].shape == (2, 4, 2, 2) and batches['target'].shape == (2, 3, 2, 2)
    torch.testing.assert_close(batches['source'][0, :3, 0, 0], torch.tensor([-1, -0.6, 1]))
    depth = batches['source'][1, 3]
    assert depth[0, 1].isnan() and depth.isfinite().sum() == 3
    assert depth[1, 1] == 0.25
    assert torch.equal(batches['target'], batches['source'][:, :3])


@pytest.mark.parametrize('bgr_to_rgb', [False, True])
def test_restored_bands_equal_the_original(bgr_to_rgb):
    preprocessor = build(bgr_to_rgb=bgr_to_rgb, optical_bands=4)
    images = torch.arange(256, dtype=torch.uint8).view(1, 4, 8, 8).expand(2, 4, 8, 8)
    batch = preprocessor(dict(inputs=dict(source=list(images))))['inputs']['source']
    order = [2, 1, 0, 3] if bgr_to_rgb else [0, 1, 2, 3]
    torch.testing.assert_close(batch, images[:, order].float() / 127.5 - 1)
    assert torch.equal(preprocessor.restore(batch), images)
    outside = torch.tensor([-1.7, 1.2]).view(1, 1, 1, 2)  # values outside [-1, 1] are clipped
    assert preprocessor.restore(outside).flatten().tolist() == [0, 255]


def test_unsuitable_images_are_refused():
    small, large = torch.rand(4, 8, 8), torch.rand(4, 8, 9)
    for options, domains, message in (
        ({}, dict(source=[small], target=[small, large]), r'^target: .*\(4, 8, 8\), \(4, 8, 9\)'),
        ({}, dict(source=[small], target=[small] * 2), 'a batch has 1 source and 2 target images'),
        (
            dict(optical_bands=5),
            dict(source=[small]),
            '^source: an image has 4 channels, .* 5, or 6 with',
        ),
        ({}, dict(source=[small.to(torch.uint8)]), 'its type is torch.uint8'),
    ):
        with pytest.raises(UserError, match=message):
            build(**options)(dict(inputs=domains))
