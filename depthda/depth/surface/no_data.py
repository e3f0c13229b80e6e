"""Heights that look like no-data, in files that do not declare any."""

from collections.abc import Iterable, Sequence

import numpy as np

from depthda.depth.surface.percentiles import rough_percentile

# What writers of rasters put where they know nothing, when a file does not say so.
_TYPICAL = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, 9999.0, 99999.0, 32767.0, 65535.0)
_TYPICAL += (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))
# A lowest height so much farther below the median than 99 of 100 are above it is no terrain.
_FAR, _FAR_AT_LEAST = 10, 100


def suspect_height(
    counts: np.ndarray, lowest: float, highest: float, terrain: Sequence[float] = ()
) -> float | None:
    """The height that looks like no-data, or None.

    Args:
        counts: Of all heights, from ``heights.count_coarse``.
        lowest, highest: Of all heights.
        terrain: Heights of the terrain model below them, if there is one.
    """
    middle, top = (rough_percentile(counts, percent) for percent in (50, 99))
    if lowest in _TYPICAL or lowest < middle - max(_FAR_AT_LEAST, _FAR * (top - middle)):
        return lowest
    # Of a terrain model too: a house above -9999 is 10 km high.
    return typical_no_data((highest, *terrain))


def typical_no_data(heights: Iterable[float]) -> float | None:
    """The first of ``heights`` that writers of rasters use for no-data, or None."""
    return next((height for height in heights if height in _TYPICAL), None)
