import numpy as np
import pytest

from depthda.depth.surface.percentiles import (
    coarse_bins,
    count_coarse,
    count_fine,
    percentiles_of,
    rough_percentile,
)


def mixed(seed=0):
    """Return heights of two scales around zero, with ties, and outliers too far for linear bins."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(0, 5, 5001), rng.normal(2000, 3, 3000), np.full(400, -9999.0), [3e38, 0]]
    return rng.permutation(np.concatenate([*parts, np.full(300, 1.25)])).astype(np.float32)


def two_passes(chunks, percentiles):
    coarse = sum(count_coarse(chunk) for chunk in chunks)
    bins = coarse_bins(coarse, percentiles)
    fine = sum(count_fine(chunk, bins) for chunk in chunks)
    return percentiles_of(coarse, fine, bins, percentiles)


@pytest.mark.parametrize(
    'percentiles', [(0.5, 99.5), (0, 100), (3, 50), (49.99, 50.01), (4.6, 99.99)]
)
def test_any_number_of_chunks_has_the_percentiles_of_all_heights(percentiles):
    heights = mixed()
    expected = np.percentile(heights.astype(np.float64), percentiles)
    for chunks in (1, 7, 100):
        found = two_passes(np.array_split(heights, chunks), percentiles)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_few_heights_and_one_value():
    for heights in ([3.5], [-2, 7], [-1, -1, -1]):
        found = two_passes([np.array(heights, np.float32)], (0.5, 99.5))
        np.testing.assert_allclose(found, np.percentile(heights, (0.5, 99.5)), rtol=1e-14)


def test_the_first_pass_alone_is_within_one_percent():
    heights = mixed(1)
    coarse = count_coarse(heights)
    for percentile in (1, 10, 30, 50, 80, 99):
        exact = np.percentile(heights, percentile, method='lower')
        assert rough_percentile(coarse, percentile) == pytest.approx(exact, rel=0.01)
        # The end nearer to zero.
        assert abs(rough_percentile(coarse, percentile)) <= abs(exact)
