import numpy as np
import pytest

from depthda.datasets.transforms.depth_jitter import DepthJitter
from depthda.errors import UserError
from depthda.randomness import seeded


def sample(depth):
    rng = np.random.default_rng(0)
    image = np.dstack([rng.uniform(0, 255, (*depth.shape, 3)), depth]).astype(np.float32)
    return dict(img=image, optical_bands=3)


DEPTH = np.linspace(0.2, 0.8, 30 * 40).reshape(30, 40)
DEPTH[3:6, 4:9] = 0


def run(seed, depth=DEPTH, **settings):
    with seeded(seed):
        return DepthJitter(**settings)(sample(depth))['img']


@pytest.mark.parametrize('seed', range(10))
def test_one_scale_and_one_shift_apply_to_all_of_a_map(seed):
    after = run(seed, scale=(0.9, 1.1), shift=0.05)
    valid = DEPTH > 0
    slope, offset = np.polyfit(DEPTH[valid], after[..., 3][valid], 1)
    assert 0.9 <= slope <= 1.1 and abs(offset) <= 0.05 + 1e-6 and abs(slope - 1) > 1e-4
    np.testing.assert_allclose(after[..., 3][valid], slope * DEPTH[valid] + offset, atol=1e-6)
    assert (after[..., 3][~valid] == 0).all()
    np.testing.assert_array_equal(after[..., :3], sample(DEPTH)['img'][..., :3])


def test_valid_depth_stays_valid_and_in_range_and_noise_has_its_deviation():
    low = run(0, depth=np.full((50, 50), 1 / 65535), shift=0.3, noise=0.5)[..., 3]
    assert low.min() == np.float32(1 / 65535) and low.max() == 1
    after = run(0, depth=np.full((200, 200), 0.5), scale=(1, 1), shift=0, noise=0.02)[..., 3]
    assert np.std(after) == pytest.approx(0.02, rel=0.03)
    assert np.mean(after) == pytest.approx(0.5, abs=0.001)


def test_a_dropped_map_has_no_depth_anywhere():
    dropped = [(run(s, drop_prob=0.3)[..., 3] == 0).all() for s in range(300)]
    assert 0.23 < np.mean(dropped) < 0.37
    results = sample(DEPTH)
    image, before = results['img'], results['img'].copy()
    optical = dict(img=image[..., :3], optical_bands=3)  # depth may be absent
    for after in (DepthJitter(drop_prob=1.0)(sample)['img'] for sample in (results, optical)):
        np.testing.assert_array_equal(after[..., :3], before[..., :3])
    np.testing.assert_array_equal(image, before)


def test_later_draws_are_the_same_with_and_without_depth():
    draws = []
    for bands in (3, 4):
        with seeded(4):
            DepthJitter(noise=0.1)(dict(img=sample(DEPTH)['img'][..., :bands], optical_bands=3))
            draws.append(np.random.rand())
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    'settings', [dict(scale=(0, 1)), dict(shift=-1), dict(noise=-1), dict(drop_prob=2)]
)
def test_invalid_settings_are_refused(settings):
    with pytest.raises(UserError):
        DepthJitter(**settings)
