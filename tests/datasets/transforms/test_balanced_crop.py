import numpy as np
import pytest
from mmseg.datasets.transforms import RandomCrop

from depthda.datasets.transforms.balanced_crop import BalancedCrop
from depthda.randomness import seeded


def sample(labels: np.ndarray) -> dict:
    image = np.arange(labels.size * 4, dtype=np.float32).reshape(*labels.shape, 4)
    return dict(img=image, gt_seg_map=labels, seg_fields=['gt_seg_map'])


def patches(seed: int, ignored: bool) -> np.ndarray:
    """Return labels in patches so large that many crops have one class and are drawn again."""
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.choice(4, (4, 4), p=(0.7, 0.1, 0.1, 0.1)), np.ones((16, 16), int))
    if ignored:
        labels[rng.random(labels.shape) < 0.3] = 255
    return labels.astype(np.uint8)


@pytest.mark.parametrize('ignored', [False, True])
@pytest.mark.parametrize('ratio', [1.0, 0.75, 0.5])
def test_it_crops_like_random_crop(ratio, ignored):
    settings = dict(crop_size=(20, 28), cat_max_ratio=ratio)
    for seed in range(40):
        results = []
        for crop in (RandomCrop(**settings), BalancedCrop(**settings)):
            with seeded(seed):
                results.append(crop(sample(patches(seed, ignored))))
        stock, balanced = results
        assert balanced['img_shape'] == stock['img_shape'] == (20, 28)
        assert np.array_equal(balanced['img'], stock['img'])
        assert np.array_equal(balanced['gt_seg_map'], stock['gt_seg_map'])
    # All of it ignored, and smaller than the crop.
    out = BalancedCrop(**settings)(sample(np.full((12, 40), 255, np.uint8)))
    assert out['gt_seg_map'].shape == (12, 28)


@pytest.mark.parametrize('ignore_index', [255, 0, -1, 300])
def test_a_crop_is_balanced_by_the_counts_of_all_its_classes(ignore_index):
    rng = np.random.default_rng(0)
    crop = BalancedCrop((40, 50), cat_max_ratio=0.6, ignore_index=ignore_index)
    outcomes = []
    for _ in range(200):
        share = rng.random()
        labels = np.where(rng.random((40, 50)) < share, 2, rng.integers(0, 5, (40, 50)))
        # The rows and columns that are sampled have few classes or none.
        labels[::16, ::16] = rng.choice([1, 3, max(ignore_index, 0)])
        if rng.random() < 0.2:
            labels[:] = rng.choice([2, max(ignore_index, 0)])
        kept = labels[labels != ignore_index]
        counts = np.unique(kept, return_counts=True)[1]
        expected = len(counts) > 1 and counts.max() / counts.sum() < 0.6
        assert crop._is_balanced(labels) == expected
        outcomes.append(expected)
    assert 20 < sum(outcomes) < 180
