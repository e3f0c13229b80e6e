"""Image, depth and label stay aligned in every geometric transform.

Each pixel of the pattern encodes its original position: B = x, G = y. So its depth and label are
known wherever it moves.
"""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS

import depthda.datasets.transforms.aligned_rot_flip  # noqa: F401
from depthda.randomness import seeded

SEEDS = range(12)
SIZE = (120, 200)


@pytest.fixture
def apply(pattern):
    init_default_scope('mmseg')

    def run(seed, **config):
        image, label, depth = pattern(*SIZE)
        array = np.dstack([image, np.zeros(SIZE)]).astype(np.float32)
        array[..., 3] = depth / np.float32(65535)
        results = dict(img=array, optical_bands=3, img_shape=SIZE, ori_shape=SIZE)
        results |= dict(gt_seg_map=label - 1, seg_fields=['gt_seg_map'])
        with seeded(seed):
            return TRANSFORMS.build(config)(results)

    return run


def check_alignment(pattern, results):
    """Compare depth and label with those of the position that each pixel encodes."""
    image, label = results['img'], results['gt_seg_map']
    assert image.dtype == np.float32 and image.shape[:2] == label.shape
    # R is 200 inside the original image, and smaller where it is blended with the fill value.
    inside = np.abs(image[..., 2] - 200) < 1e-2
    x, y = image[..., 0][inside], image[..., 1][inside]
    expected = pattern.depth_at(x, y)
    # OpenCV interpolates at multiples of 1/32 pixel, and depth changes by 100 codes per pixel.
    np.testing.assert_allclose(image[..., 3][inside], expected, atol=5 / 65535)
    # Nearest neighbours may be one pixel off, so borders between cells are left out.
    half = pattern.cell / 2
    far = [np.abs((v + 0.5) % pattern.cell - half) < half - 1.5 for v in (x, y)]
    centre = far[0] & far[1]
    assert centre.sum() > 0.1 * inside.sum() > 0
    labels = pattern.label_at(np.rint(x), np.rint(y)) - 1
    np.testing.assert_array_equal(label[inside][centre], labels[centre])
    outside = image[..., 2] == 0
    assert (image[..., 3][outside] == 0).all()
    # A pixel just outside the image may have the label of the nearest pixel inside.
    assert (label[_shrunk(outside)] == 255).all()
    return inside, outside


def _shrunk(mask):
    padded = np.pad(mask, 1, constant_values=True)
    return mask & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]


@pytest.mark.parametrize('keep_ratio', [True, False])
@pytest.mark.parametrize('scale', [(400, 240), (150, 90), (333, 111)])
def test_resize(apply, pattern, scale, keep_ratio):
    results = apply(0, type='Resize', scale=scale, keep_ratio=keep_ratio)
    check_alignment(pattern, results)
    if not keep_ratio:
        assert results['img'].shape == (scale[1], scale[0], 4)
    depth = apply(0, type='Resize', scale_factor=2.0)['img'][..., 3] * 65535
    # Pixel centres are at half integers, so output x corresponds to input (x + 0.5) / 2 - 0.5.
    x, y = (101 + 0.5) / 2 - 0.5, (50 + 0.5) / 2 - 0.5
    assert depth[50, 101] == pytest.approx(100 * x + 37 * y + 20000, abs=0.01)


@pytest.mark.parametrize('config', [
    dict(type='RandomChoiceResize', scales=[(300, 180), (100, 60)], keep_ratio=True),
    dict(type='ResizeShortestEdge', scale=90, max_size=400),
    dict(type='ResizeToMultiple', size_divisor=32),
    dict(type='CenterCrop', crop_size=(64, 48)),
    dict(type='CenterCrop', crop_size=(256, 128), auto_pad=True),
    dict(type='Pad', size=(256, 160)),
    dict(type='Pad', size_divisor=64),
    dict(type='Pad', size=(256, 160), padding_mode='reflect'),
])  # fmt: skip
def test_other_transforms_of_mmseg(apply, pattern, config):
    _, outside = check_alignment(pattern, apply(0, **config))
    padded = config['type'] == 'Pad' and 'padding_mode' not in config
    assert outside.any() == (padded or config.get('auto_pad', False))


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('auto_bound', [True, False])
def test_random_rotate(apply, pattern, seed, auto_bound):
    results = apply(seed, type='RandomRotate', prob=1.0, degree=(10, 30), auto_bound=auto_bound)
    inside, outside = check_alignment(pattern, results)
    assert outside.sum() > 100
    if auto_bound:
        assert results['img'].shape[0] > 120
    # Pixels neither inside nor outside form an edge about one pixel wide, where depth is blended.
    assert (~inside & ~outside).sum() < 4 * (120 + 200)


@pytest.mark.parametrize('name', ['RandomRotFlip', 'AlignedRotFlip'])
def test_quarter_turns_reach_every_corner(apply, pattern, name):
    corners = set()
    for seed in range(40):
        results = apply(seed, type=name, rotate_prob=0.0, flip_prob=1.0)
        inside, _ = check_alignment(pattern, results)
        assert inside.all()
        assert sorted(results['img'].shape[:2]) == [120, 200]
        corners.add((*results['img'][0, 0, :2],))
    assert corners == {(0, 0), (199, 0), (0, 119), (199, 119)}
