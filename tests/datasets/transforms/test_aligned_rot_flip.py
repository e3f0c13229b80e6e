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


def run(transform, results, seed=0):
    with seeded(seed):
        return transform(results)


def test_same_draws_as_the_original():
    depth = np.linspace(0.2, 1, 60 * 80).reshape(60, 80)
    for seed in range(20):
        aligned = run(AlignedRotFlip(0.5, 0.5), sample(depth), seed)['img'][..., :3]
        original = run(RandomRotFlip(0.5, 0.5), sample(depth), seed)['img'][..., :3]
        np.testing.assert_array_equal(aligned, original)


@pytest.mark.parametrize('seed', range(8))
def test_depth_does_not_fade_along_corners_and_holes(seed):
    depth = np.full((60, 80), 0.7)
    depth[20:30, 30:50] = 0
    after = run(AlignedRotFlip(1.0, 0.0), sample(depth), seed)['img'][..., 3]
    assert set(np.rint(np.unique(after) * 1000)) == {0, 700}
    assert 0.8 * 200 < (after[15:45, 15:65] == 0).sum() < 1.2 * 200
    # In the original it fades.
    faded = run(RandomRotFlip(1.0, 0.0), sample(depth), seed)['img'][..., 3]
    assert len(np.unique(faded.round(2))) > 10


@pytest.mark.parametrize('seed', range(8))
def test_labels_stay_classes_and_corners_are_ignored(seed):
    label = np.where(np.arange(80) < 40, 1, 5).astype(np.uint8) * np.ones((60, 1), np.uint8)
    results = sample(np.full((60, 80), 0.7), label)
    after = run(AlignedRotFlip(1.0, 0.0, degree=(15, 20)), results, seed)
    assert set(np.unique(after['gt_seg_map'])) == {1, 5, 255}
    outside = after['img'][..., 3] == 0
    assert (outside == (after['gt_seg_map'] == 255)).mean() > 0.99
    assert set(np.unique(mmcv.imrotate(label, 17.0))) == {0, 1, 2, 3, 4, 5}


def test_three_bands_without_depth_and_the_shape():
    results = dict(img=np.ones((60, 80, 3), np.float32), seg_fields=[])
    shapes = {run(AlignedRotFlip(0.0, 1.0), dict(results), s)['img_shape'] for s in range(9)}
    assert shapes == {(60, 80), (80, 60)}
    turned = run(AlignedRotFlip(1.0, 0.0, degree=(40, 45)), dict(results))['img']
    assert turned.shape == (60, 80, 3) and turned[0, 0].tolist() == [0, 0, 0]
