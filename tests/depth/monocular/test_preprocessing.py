"""Preprocessing equals the image processor of transformers."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor

from depthda.depth.monocular.preprocessing import load_preprocessing
from depthda.errors import UserError


def image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    'size', [(70, 70), (96, 96), (30, 40), (300, 400), (400, 300), (61, 200), (20, 100), (70, 84)]
)
@pytest.mark.parametrize('keep_aspect', [True, False])
def test_every_value_is_that_of_the_processor(folder, tmp_path, size, keep_aspect):
    path = tmp_path / 'preprocessor_config.json'
    settings = json.loads((folder / 'preprocessor_config.json').read_text())
    path.write_text(json.dumps(settings | {'keep_aspect_ratio': keep_aspect}))
    (tmp_path / 'config.json').write_text((folder / 'config.json').read_text())
    processor = AutoImageProcessor.from_pretrained(str(tmp_path), backend='pil')
    pixels = image(*size)
    expected = processor(images=pixels, return_tensors='pt')['pixel_values'][0]
    preprocessing = load_preprocessing(str(tmp_path))
    assert preprocessing.network_size(*size) == tuple(expected.shape[1:])
    assert torch.equal(preprocessing(pixels), expected)


def test_the_size_of_depth_anything_is_as_published(folder):
    # The factor nearer to 1 decides: 300×400 becomes 392×518.
    usual = load_preprocessing(str(folder)).at(518, 14)
    assert usual.network_size(300, 400) == (392, 518)
    assert usual.network_size(1024, 1024) == (518, 518)
    # The processor would choose a height of 0.
    assert usual.network_size(5, 600) == (14, 518)


def test_the_coarse_size_has_as_many_pixels_whatever_the_shape(folder):
    usual = load_preprocessing(str(folder)).at(518, 14)
    assert usual.coarse_size(4000, 4000) == (518, 518)
    for height, width in [(700, 10000), (10000, 700), (5000, 3000)]:
        h, w = usual.coarse_size(height, width)
        assert h % 14 == w % 14 == 0 and 0.9 < h * w / 518**2 < 1.1
        assert h / w == pytest.approx(height / width, rel=0.05)


@pytest.mark.parametrize(
    'change, message',
    [
        ({'do_pad': True}, 'do_pad=True .* set it to false'),
        ({'do_resize': False}, 'do_resize=False .* set it to true'),
        ({'size': {'shortest_edge': 70}}, "has no 'height'"),
    ],
)
def test_another_kind_of_processor_is_refused(folder, tmp_path, change, message):
    settings = json.loads((folder / 'preprocessor_config.json').read_text())
    (tmp_path / 'preprocessor_config.json').write_text(json.dumps(settings | change))
    with pytest.raises(UserError, match=message):
        load_preprocessing(str(tmp_path))


def test_a_folder_without_a_processor_and_an_invalid_size_are_refused(folder, tmp_path):
    with pytest.raises(UserError, match='has no preprocessor_config.json'):
        load_preprocessing(str(tmp_path))
    with pytest.raises(UserError, match='size 500 .* multiple of 14, such as 504'):
        load_preprocessing(str(folder)).at(500, 14)
