import numpy as np
import pytest

from depthda.depth.surface.ground import ground_below, ground_strips


def noisy(seed=0, size=(57, 43), known=0.8):
    rng = np.random.default_rng(seed)
    return rng.normal(100, 5, size).astype(np.float32), rng.random(size) < known


def pixel_by_pixel(heights, valid, half):
    """Take the lowest value in each window, then the highest of these, then their mean.

    Each step replaces each pixel by one value of the valid pixels in the window around it.
    """
    result = heights.astype(np.float64)
    for summary in (np.min, np.max, np.mean):
        before, result = result, np.zeros(heights.shape)
        for row, column in zip(*np.nonzero(valid), strict=True):
            window = np.s_[
                max(0, row - half[0]) : row + half[0] + 1,
                max(0, column - half[1]) : column + half[1] + 1,
            ]
            result[row, column] = summary(before[window][valid[window]])
    return result


@pytest.mark.parametrize('half', [(1, 1), (3, 2), (4, 7), (30, 5), (60, 60)])
@pytest.mark.parametrize('known', [1.0, 0.6, 0.02])
def test_it_is_an_opening_and_a_mean(half, known):
    heights, valid = noisy(size=(30, 24), known=known)
    found = ground_below(heights, valid, half)
    np.testing.assert_allclose(found[valid], pixel_by_pixel(heights, valid, half)[valid], rtol=1e-6)


@pytest.mark.parametrize('half', [(1, 1), (3, 2), (10, 15), (40, 40)])
@pytest.mark.parametrize('rows', [1, 5, 20, 56])
def test_strips_have_the_bits_of_the_complete_raster(half, rows):
    heights, valid = noisy()
    strips = [(heights[top : top + rows], valid[top : top + rows]) for top in range(0, 57, rows)]
    found = list(ground_strips(iter(strips), half))
    assert [len(ground) for ground, _ in found] == [len(part) for part, _ in strips]
    ground, known = (np.concatenate(parts) for parts in zip(*found, strict=True))
    np.testing.assert_array_equal(ground[valid], ground_below(heights, valid, half)[valid])
    np.testing.assert_array_equal(known, valid)


def test_more_columns_than_are_summed_at_once():
    heights, valid = noisy(size=(20, 700))
    found = ground_below(heights, valid, (2, 9))
    part = np.s_[:, 230:290]
    alone = ground_below(heights[:, 200:320], valid[:, 200:320], (2, 9))[:, 30:90]
    np.testing.assert_array_equal(found[part][valid[part]], alone[valid[part]])


def test_no_data_does_not_leak():
    heights, valid = noisy()
    ground = ground_below(heights, valid, (4, 4))
    for value in (-9999, 1e30, np.nan):
        other = np.where(valid, heights, np.float32(value))
        np.testing.assert_array_equal(ground_below(other, valid, (4, 4))[valid], ground[valid])
    # A frame without data changes nothing.
    framed = ground_below(np.pad(heights, 6), np.pad(valid, 6), (4, 4))
    np.testing.assert_array_equal(framed[6:-6, 6:-6][valid], ground[valid])
