"""Exact percentiles of more heights than memory holds, in two passes.

The bits of a float32, read as an integer, are in the order of the values (once those of negative
values are inverted). The first pass counts the upper 16 bits of every height, which shows the bins
that hold the percentiles. The second pass counts the lower 16 bits of the heights in those bins
alone, which gives the exact values. If bins divided the range from the lowest to the highest height
instead, a single distant outlier would make them coarse.
"""

import math
from collections.abc import Sequence

import numpy as np

_BINS = 1 << 16


def count_coarse(heights: np.ndarray) -> np.ndarray:
    """Count, in a first pass, how many ``heights`` (finite) are in each of 65,536 bins (int64)."""
    return np.bincount(_ordered(heights) >> 16, minlength=_BINS)


def coarse_bins(coarse: np.ndarray, percentiles: Sequence[float]) -> list[int]:
    """Return the bins that the second pass has to divide, from the sum of the first pass."""
    positions = [_position(coarse, percentile) for percentile in percentiles]
    ranks = [*map(math.floor, positions), *map(math.ceil, positions)]
    return sorted({_locate(coarse, rank)[0] for rank in ranks})


def count_fine(heights: np.ndarray, bins: Sequence[int]) -> np.ndarray:
    """Count, in a second pass, the heights inside ``bins`` of the first; ``len(bins)``×65,536."""
    ordered = _ordered(heights)
    coarse = ordered >> 16
    members = (ordered[coarse == bin_] & (_BINS - 1) for bin_ in bins)
    return np.array([np.bincount(part, minlength=_BINS) for part in members])


def percentiles_of(
    coarse: np.ndarray, fine: np.ndarray, bins: Sequence[int], percentiles: Sequence[float]
) -> list[float]:
    """Return the percentiles as ``numpy.percentile`` does: linear between two nearest heights."""
    values = []
    for position in (_position(coarse, percentile) for percentile in percentiles):
        ends = []
        for rank in (math.floor(position), math.ceil(position)):
            upper, before = _locate(coarse, rank)
            lower, _ = _locate(fine[list(bins).index(upper)], rank - before)
            ends.append(_height(upper << 16 | lower))
        values.append(ends[0] + (ends[1] - ends[0]) * (position - math.floor(position)))
    return values


def rough_percentile(coarse: np.ndarray, percentile: float) -> float:
    """Return a percentile from the first pass alone: the end of its bin nearer to 0, within 1 %."""
    upper, _ = _locate(coarse, math.floor(_position(coarse, percentile)))
    edge = upper << 16
    # Below zero the bits are inverted, so the end nearer to zero has all lower bits set.
    return _height(edge if edge >> 31 else edge | _BINS - 1)


def _ordered(heights: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(heights, np.float32).reshape(-1).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _height(ordered: int) -> float:
    bits = ordered ^ (1 << 31) if ordered >> 31 else ~ordered & 0xFFFFFFFF
    return float(np.array(bits, np.uint32).view(np.float32))


def _position(coarse: np.ndarray, percentile: float) -> float:
    # The order of operations is that of numpy, because between distant heights the last bit of the
    # position matters.
    return percentile / 100 * (int(coarse.sum()) - 1)


def _locate(counts: np.ndarray, rank: int) -> tuple[int, int]:
    """Return the bin that holds the height of this rank, and how many heights precede the bin."""
    ends = counts.cumsum()
    bin_ = int(np.searchsorted(ends, rank, side='right'))
    return bin_, int(ends[bin_] - counts[bin_])
