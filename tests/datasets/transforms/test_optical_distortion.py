import colorsys

import numpy as np
import pytest
from mmseg.datasets.transforms import PhotoMetricDistortion

from depthda.datasets.transforms.optical_distortion import OpticalDistortion
from depthda.errors import UserError
from depthda.randomness import seeded

RNG = np.random.default_rng(0)


def sample(bands=3, value_max=255, depth=True):
    image = RNG.uniform(0.2, 0.8, (9, 11, bands)) * value_max
    if depth:
        image = np.dstack([image, RNG.uniform(0, 1, (9, 11))])
    return dict(img=image.astype(np.float32), optical_bands=bands)


def fixed(monkeypatch, applied, last, *values):
    """Set the draws: applied steps, contrast last, brightness, contrast, saturation, hue."""
    draws, flags = iter(values), iter([1.0 - np.array(applied), 0.0 if last else 1.0])
    monkeypatch.setattr(np.random, 'rand', lambda *shape: next(flags))
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: next(draws))


@pytest.mark.parametrize('bands', [3, 4])
@pytest.mark.parametrize('seed', range(16))
def test_depth_and_the_input_array_do_not_change(bands, seed):
    results = sample(bands)
    original, before = results['img'], results['img'].copy()
    with seeded(seed):
        after = OpticalDistortion()(results)['img']
    assert after[..., bands].tobytes() == before[..., bands].tobytes()
    np.testing.assert_array_equal(original, before)
    assert after.dtype == np.float32 and after[..., :bands].min() >= 0
    assert after[..., :bands].max() <= 255


@pytest.mark.parametrize('bands, top', [(4, 255), (3, 2047)])  # the values of the sensor
def test_brightness_and_contrast_change_all_optical_bands(monkeypatch, bands, top):
    results = sample(bands, value_max=top)
    before = results['img'][..., :bands].astype(np.float64)
    fixed(monkeypatch, [1, 1, 0, 0], False, -20.5, 1.4, 0.7, 9)
    after = OpticalDistortion(value_max=top)(results)['img']
    expected = ((before - 20.5).clip(0, top) * 1.4).clip(0, top)
    np.testing.assert_allclose(after[..., :bands], expected, rtol=1e-5)


def test_saturation_and_hue_of_the_first_three_bands_change_as_by_colorsys(monkeypatch):
    results = sample(4)
    before = results['img'].astype(np.float64)
    fixed(monkeypatch, [0, 0, 1, 1], False, 5, 1.4, 1.3, -10)
    after = OpticalDistortion()(results)['img']
    np.testing.assert_array_equal(after[..., 3:], before[..., 3:].astype(np.float32))
    for i in range(9):
        for j in range(11):
            h, s, v = colorsys.rgb_to_hsv(*(before[i, j, 2::-1] / 255))
            rgb = colorsys.hsv_to_rgb((h - 20 / 360) % 1, min(s * 1.3, 1), v)
            np.testing.assert_allclose(after[i, j, 2::-1], np.array(rgb) * 255, atol=0.01)


@pytest.mark.parametrize('last', [True, False])
@pytest.mark.parametrize('applied', [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]])
def test_it_agrees_with_mmseg_up_to_rounding(monkeypatch, applied, last):
    stock = PhotoMetricDistortion(32, (0.5, 1.4), (0.5, 1.6), 18)
    image = RNG.uniform(60, 180, (20, 20, 3)).astype(np.uint8)
    values = dict(brightness=14.0, contrast=1.2, saturation=0.8, hue=7)
    # mmseg draws at each step; after brightness it draws whether contrast is next (1) or last (0).
    first, contrast, saturation, hue = applied
    order = [saturation, hue, contrast] if last else [contrast, saturation, hue]
    flags = iter([first, int(not last), *order])
    by_upper_end = {32: values['brightness'], 1.4: values['contrast'], 1.6: values['saturation']}
    hue_delta = values['hue']
    monkeypatch.setattr(np.random, 'randint', lambda *a: hue_delta if len(a) == 2 else next(flags))
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: by_upper_end[high])
    stock_result = stock(dict(img=image.copy()))['img'].astype(np.float64)
    monkeypatch.undo()
    fixed(monkeypatch, applied, last, *values.values())
    distorted = OpticalDistortion()(dict(img=image, optical_bands=3))['img']
    # The stock transform has 8-bit values and 180 hues: a step differs by one or two grey levels,
    # and hue by up to one degree.
    difference = np.abs(distorted - stock_result)
    assert difference.max() < 8 and difference.mean() < 2
    assert np.abs(distorted - image).mean() > 4


def test_each_step_is_applied_half_of_the_time_and_integers_without_depth_become_float():
    grey = np.full((1, 1, 3), 128, np.uint8)  # saturation and hue do not change grey
    changed = 0
    for seed in range(400):
        with seeded(seed):
            after = OpticalDistortion()(dict(img=grey))['img']
        assert after.dtype == np.float32 and after.shape == (1, 1, 3)
        changed += abs(after[0, 0, 0] - 128) > 1e-3
    assert 260 < changed < 340  # 1 - 0.5² = 3/4


def test_repr_has_all_arguments_and_wrong_arguments_are_refused():
    assert str(OpticalDistortion(hue_delta=9)) == (
        'OpticalDistortion(brightness_delta=32, contrast_range=(0.5, 1.5), '
        'saturation_range=(0.5, 1.5), hue_delta=9, value_max=255)'
    )
    with pytest.raises(UserError, match='contrast_range'):
        OpticalDistortion(contrast_range=(1.5, 0.5))
    with pytest.raises(UserError, match='deltas'):
        OpticalDistortion(hue_delta=-1)
