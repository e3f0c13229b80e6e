"""Find heights that look like no-data, in files that do not declare any."""

from collections.abc import Iterable, Sequence

import numpy as np

from depthda.depth.surface.percentiles import rough_percentile

# Values that writers of rasters use for no-data when a file does not declare it.
_TYPICAL = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, 9999.0, 99999.0, 32767.0, 65535.0)
_ABSURD = 1e30  # ±3.4e38, the limits of float32, are written in many roundings
# A lowest height this much farther below the median than 99 % of the heights are above is not
# terrain.
_FAR, _FAR_AT_LEAST = 10, 100


def suspect_height(
    counts: np.ndarray, lowest: float, highest: float, terrain: Sequence[float] = ()
) -> float | None:
    """Return the height that looks like no-data, or None.

    ``counts`` of all heights come from :func:`~depthda.depth.surface.percentiles.count_coarse`;
    ``terrain`` are heights of the terrain model below them, if there is one.
    """
    middle, top = (rough_percentile(counts, percent) for percent in (50, 99))
    is_far = lowest < middle - max(_FAR_AT_LEAST, _FAR * (top - middle))
    if is_far or typical_no_data([lowest]) is not None:
        return lowest
    # Of a terrain model too: a house above -9999 is 10 km high.
    return typical_no_data((highest, *terrain))


def typical_no_data(heights: Iterable[float]) -> float | None:
    """Return the first of ``heights`` that writers of rasters use for no-data, or None."""
    return next((h for h in heights if h in _TYPICAL or abs(h) > _ABSURD), None)
