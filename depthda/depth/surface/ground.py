"""The ground below buildings and trees, from a surface model alone.

The ground is a morphological opening of the heights: first the lowest height in a window around
each pixel, then the highest of these values in the same window. Objects narrower than the window
vanish; a slope stays. The opening has steps as long as the window, so it is smoothed by a mean over
the window.

All steps process strips of rows, one after the other. A pixel is always combined with its
neighbours in the same order, so strips have bit for bit the ground of the complete raster.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, starmap

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

Strip = tuple[np.ndarray, np.ndarray]  # heights (float32) and where they are valid, rows×width

# Rows or columns that are summed at once, so that intermediate sums fit the processor's cache.
_CHUNK = 256


def ground_below(heights: np.ndarray, valid: np.ndarray, half: tuple[int, int]) -> np.ndarray:
    """Return the ground of a complete raster, float32 H×W; see :func:`ground_strips`."""
    ((ground, _),) = ground_strips([(heights, valid)], half)
    return ground


def ground_strips(strips: Iterable[Strip], half: tuple[int, int]) -> Iterator[Strip]:
    """Yield the ground of strips of full width; a window has ``2 * half + 1`` pixels a side.

    ``half`` is (rows, columns). Pixels that are not valid are ignored, like those beyond the edge:
    no window is centred on such a pixel, and no window uses its value. So a raster in a frame of
    no-data has the same ground as without the frame. The ground of pixels that are not valid has no
    meaning.
    """
    lowest = partial(_extreme, extreme=minimum_filter, beyond=np.inf)
    highest = partial(_extreme, extreme=maximum_filter, beyond=-np.inf)
    for step in (lowest, highest, _mean):
        strips = starmap(partial(step, half=half), _with_halo(strips, half[0]))
    return iter(strips)


def _with_halo(strips: Iterable[Strip], half: int) -> Iterator[Strip]:
    """Yield each strip with ``half`` more rows above and below.

    At the edges of the raster, these rows are not valid.
    """
    waiting: deque[int] = deque()  # row counts of the strips that wait for the rows below them
    buffered = None
    for strip in chain(strips, [None]):
        if strip is None:
            buffered = [np.pad(array, ((0, half), (0, 0))) for array in buffered]
        elif buffered is None:
            buffered = [np.pad(array, ((half, 0), (0, 0))) for array in strip]
        else:
            buffered = [np.concatenate(arrays) for arrays in zip(buffered, strip, strict=True)]
        if strip is not None:
            waiting.append(len(strip[0]))
        del strip  # ``buffered`` has a copy
        while waiting and len(buffered[0]) >= waiting[0] + 2 * half:
            rows = waiting.popleft()
            yield tuple(array[: rows + 2 * half] for array in buffered)
            buffered = [array[rows:] for array in buffered]


def _extreme(
    values: np.ndarray, valid: np.ndarray, half: tuple[int, int], extreme: Callable, beyond: float
) -> Strip:
    known = np.where(valid, values, np.float32(beyond))
    window = (2 * half[0] + 1, 2 * half[1] + 1)
    inner = np.s_[half[0] : len(values) - half[0]]
    return extreme(known, window, mode='constant', cval=beyond)[inner], valid[inner]


def _mean(values: np.ndarray, valid: np.ndarray, half: tuple[int, int]) -> Strip:
    mean = _window_sums(np.where(valid, values, 0), half)
    mean /= np.maximum(_window_sums(valid, half), 1)
    return mean.astype(np.float32), valid[half[0] : len(valid) - half[0]]


def _window_sums(values: np.ndarray, half: tuple[int, int]) -> np.ndarray:
    """Return the sum over each pixel's window, where ``values`` has ``half`` more rows on each end.

    Sums are in double precision: a window of 600² heights of 3000 m sums up to 1e9.
    ``scipy.ndimage.uniform_filter`` would carry rounding errors from row to row.
    """
    rows, width = len(values) - 2 * half[0], values.shape[1]
    columns = np.empty((rows, width))
    for left in range(0, width, _CHUNK):
        part = np.s_[:, left : left + _CHUNK]
        columns[part] = _run_sums(values[part].astype(np.float64), 2 * half[0] + 1)
    sums = np.empty((rows, width))
    for top in range(0, rows, _CHUNK):
        part = np.s_[top : top + _CHUNK]
        padded = np.pad(columns[part], ((0, 0), (half[1], half[1])))
        sums[part] = _run_sums(padded.T, 2 * half[1] + 1).T
    return sums


def _run_sums(values: np.ndarray, length: int) -> np.ndarray:
    """Return the sum of every ``length`` successive rows, in about 2 log2(length) steps.

    Sums of 2, 4, 8, … rows are each made of two sums of half as many rows. ``length`` is a sum of
    powers of two, and the sums of so many rows add up to the result. The order of the additions
    depends only on the position of a row in its run, not on where the strip begins.
    """
    count = len(values) - length + 1
    result, taken, size = None, 0, 1
    while True:
        if length & size:
            part = values[taken : taken + count]
            result = part if result is None else result + part
            taken += size
        size *= 2
        if size > length:
            return result
        values = values[: -size // 2] + values[size // 2 :]
