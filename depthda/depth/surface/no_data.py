"""Find heights that look like no-data, in files that do not declare any."""

from collections.abc import Iterable, Sequence

import numpy as np

from depthda.depth.surface.percentiles import rough_percentile

# Values that writers of rasters use for no-data when a file does not declare it.
_TYPICAL = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, 9999.0, 99999.0, 32767.0, 65535.0)
# A larger magnitude is no-data: writers use the limits of float32, ±3.4e38, rounded differently.
_ABSURD = 1e30
# The lowest height is not terrain if it is farther below the median than _FAR times the distance
# from the median up to the 99th percentile, and farther than _FAR_AT_LEAST (metres).
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
    # No-data of the terrain model, too: if -9999 were subtracted, a house would be 10 km high.
    return typical_no_data((highest, *terrain))


def typical_no_data(heights: Iterable[float]) -> float | None:
    """Return the first of ``heights`` that writers of rasters use for no-data, or None."""
    return next((h for h in heights if h in _TYPICAL or abs(h) > _ABSURD), None)
