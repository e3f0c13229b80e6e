import mmcv
import numpy as np
import pytest
from mmseg.datasets.transforms import RandomRotFlip

from depthda.datasets.transforms.aligned_rot_flip import AlignedRotFlip
from depthda.randomness import seeded


def sample(depth, label=None):
    image = np.dstack([np.full((*depth.shape, 3), 90.0), depth]).astype(np.float32)
    label = np.ones(depth.shape, np.uint8) if label is None else label
    return dict(img=image, optical_bands=3, gt_seg_map=label, seg_fields=['gt_seg_map'])


def apply(transform, results, seed=0):
    with seeded(seed):
        return transform(results)


def test_it_draws_the_same_values_as_random_rot_flip():
    depth = np.linspace(0.2, 1, 60 * 80).reshape(60, 80)
    for seed in range(20):
        aligned = apply(AlignedRotFlip(0.5, 0.5), sample(depth), seed)['img'][..., :3]
        expected = apply(RandomRotFlip(0.5, 0.5), sample(depth), seed)['img'][..., :3]
        np.testing.assert_array_equal(aligned, expected)


@pytest.mark.parametrize('seed', range(8))
def test_depth_is_not_blended_with_missing_values_or_corners(seed):
    depth = np.full((60, 80), 0.7)
    depth[20:30, 30:50] = 0
    missing = 10 * 20
    after = apply(AlignedRotFlip(1.0, 0.0), sample(depth), seed)['img'][..., 3]
    assert set(np.rint(np.unique(after) * 1000)) == {0, 700}
    assert 0.8 * missing < (after[15:45, 15:65] == 0).sum() < 1.2 * missing
    # In contrast, mmseg's RandomRotFlip blends them.
    blended = apply(RandomRotFlip(1.0, 0.0), sample(depth), seed)['img'][..., 3]
    assert len(np.unique(blended.round(2))) > 10


@pytest.mark.parametrize('seed', range(8))
def test_labels_are_not_interpolated_and_corners_are_ignored(seed):
    label = np.where(np.arange(80) < 40, 1, 5).astype(np.uint8) * np.ones((60, 1), np.uint8)
    results = sample(np.full((60, 80), 0.7), label)
    after = apply(AlignedRotFlip(1.0, 0.0, degree=(15, 20)), results, seed)
    assert set(np.unique(after['gt_seg_map'])) == {1, 5, 255}
    outside = after['img'][..., 3] == 0
    assert (outside == (after['gt_seg_map'] == 255)).mean() > 0.99
    # In contrast, mmcv.imrotate interpolates between labels, which produces other classes.
    assert set(np.unique(mmcv.imrotate(label, 17.0))) == {0, 1, 2, 3, 4, 5}


def test_images_without_depth_are_rotated_and_img_shape_is_updated():
    results = dict(img=np.ones((60, 80, 3), np.float32), seg_fields=[])
    shapes = {apply(AlignedRotFlip(0.0, 1.0), dict(results), s)['img_shape'] for s in range(9)}
    assert shapes == {(60, 80), (80, 60)}
    rotated = apply(AlignedRotFlip(1.0, 0.0, degree=(40, 45)), dict(results))['img']
    assert rotated.shape == (60, 80, 3) and rotated[0, 0].tolist() == [0, 0, 0]
