"""The ground below buildings and trees, from a surface model alone.

A morphological opening: the lowest height in a window around each pixel, then the highest of those
in the same window. What is narrower than the window goes; a slope stays. Its steps, as long as the
window, are then smoothed by a mean over the window.

All of it runs over strips of rows that come one after another. A pixel is always combined with its
neighbours in one and the same order, so strips give the very bits that the whole raster would.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import starmap

import numpy as np

Strip = tuple[np.ndarray, np.ndarray]  # heights (float32) and where they are valid, rows×width
Combine = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Rows or columns worked on at once, so that what is in between stays in the processor's cache.
_CHUNK = 256


def ground_below(heights: np.ndarray, valid: np.ndarray, half: tuple[int, int]) -> np.ndarray:
    """The ground of a whole raster, float32 H×W; see :func:`ground_strips`."""
    ((ground, _),) = ground_strips([(heights, valid)], half)
    return ground


def ground_strips(strips: Iterable[Strip], half: tuple[int, int]) -> Iterator[Strip]:
    """The ground of strips of full width, strip by strip; a window is ``2 * half + 1`` pixels.

    ``half`` is (rows, columns). What is not valid has no part in it, like what lies beyond the
    edge: no window is centred there, and none sees it. So a raster within a frame of no-data has
    the ground that it has without. The ground of what is not valid has no meaning.
    """
    for step in (_lowest, _highest, _mean):
        strips = starmap(partial(step, half=half), _with_halo(strips, half[0]))
    return iter(strips)


def _with_halo(strips: Iterable[Strip], half: int) -> Iterator[Strip]:
    """Each strip with ``half`` rows more above and below: its neighbours', or not valid ones."""
    waiting: deque[int] = deque()
    held: Strip | None = None
    first = 0  # row of the raster that ``held`` begins with

    def give(start: int, rows: int) -> Strip:
        nonlocal held, first
        below = max(0, start + rows + half - first - len(held[0]))
        part = tuple(array[start - half - first :] for array in held)
        given = tuple(_append(array[: rows + 2 * half], below) for array in part)
        held, first = tuple(array[rows:] for array in part), start - half + rows
        return given

    start = stop = 0
    for values, valid in strips:
        if held is None:
            held, first = tuple(_above(array, half) for array in (values, valid)), -half
        else:
            held = tuple(map(np.concatenate, zip(held, (values, valid), strict=True)))
        waiting.append(len(values))
        stop += len(values)
        del values, valid  # held already
        while waiting and start + waiting[0] + half <= stop:
            yield give(start, waiting[0])
            start += waiting.popleft()
    for rows in waiting:
        yield give(start, rows)
        start += rows


def _above(array: np.ndarray, rows: int) -> np.ndarray:
    return np.pad(array, ((rows, 0), (0, 0)))


def _append(array: np.ndarray, rows: int) -> np.ndarray:
    return np.pad(array, ((0, rows), (0, 0))) if rows else array


def _lowest(values: np.ndarray, valid: np.ndarray, half: tuple[int, int]) -> Strip:
    return _windows(np.minimum, np.inf, values, valid, half), _inner(valid, half)


def _highest(values: np.ndarray, valid: np.ndarray, half: tuple[int, int]) -> Strip:
    return _windows(np.maximum, -np.inf, values, valid, half), _inner(valid, half)


def _mean(values: np.ndarray, valid: np.ndarray, half: tuple[int, int]) -> Strip:
    # In double precision: the sum over a window of 600² of heights of 3000 m has 10 digits.
    mean = _windows(np.add, 0, values, valid, half, np.float64)
    mean /= np.maximum(_windows(np.add, 0, valid, valid, half), 1)
    return mean.astype(np.float32), _inner(valid, half)


def _inner(valid: np.ndarray, half: tuple[int, int]) -> np.ndarray:
    return valid[half[0] : len(valid) - half[0]]


def _windows(
    combine: Combine,
    beyond: float,
    values: np.ndarray,
    valid: np.ndarray,
    half: tuple[int, int],
    dtype: type = np.float32,
) -> np.ndarray:
    """``combine`` over each pixel's window; what is not valid, or beyond the edge, is ``beyond``.

    ``values`` has ``half`` rows more above and below.
    """
    rows, width = len(values) - 2 * half[0], values.shape[1]
    upright = np.empty((rows, width), dtype)
    for left in range(0, width, _CHUNK):
        part = np.s_[:, left : left + _CHUNK]
        known = np.where(valid[part], values[part], beyond).astype(dtype)
        upright[part] = _runs(combine, known, 2 * half[0] + 1)
    result = np.empty((rows, width), dtype)
    for top in range(0, rows, _CHUNK):
        part = np.s_[top : top + _CHUNK]
        line = np.pad(upright[part], ((0, 0), (half[1], half[1])), constant_values=beyond)
        result[part] = _runs(combine, line.T, 2 * half[1] + 1).T
    return result


def _runs(combine: Combine, values: np.ndarray, length: int) -> np.ndarray:
    """``combine`` over every ``length`` rows in succession, in about 2 log2(length) steps.

    Runs of 1, 2, 4, … rows are made of each other; those in the binary digits of ``length`` make up
    the whole. Which rows meet when depends on their distance alone.
    """
    count = len(values) - length + 1
    result, taken = None, 0
    size = 1
    while True:
        if length & size:
            part = values[taken : taken + count]
            result = part if result is None else combine(result, part)
            taken += size
        size *= 2
        if size > length:
            return result
        values = combine(values[: -size // 2], values[size // 2 :])
