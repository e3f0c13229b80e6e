"""Find a scale and a shift for each tile, so that the tiles of a scene agree with each other."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

_BLOCKS = 8  # per side of a tile
Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two are exclusive
Values = np.ndarray | float


def align_tiles(
    tiles: Sequence[np.ndarray],
    boxes: Sequence[Box],
    coarse: np.ndarray,
    tie: float = 0.1,
    valid: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return scales a and shifts b of the tiles p_i, by linear least squares over the whole scene:

    .. math::
        \min_{a, b} \sum_{i<j} \sum_{x \in i \cap j} (a_i p_i + b_i - a_j p_j - b_j)^2
        + tie \sum_i \sum_{x \in i} (a_i \bar p_i + b_i - \bar c)^2, \quad a_i \ge 0

    c is the coarse pass, the depth of the whole scene at once. A bar over p_i or c is the mean over
    the block that contains the pixel x; a block has an eighth of the tile's side.

    The overlaps make neighbours agree. Alone, they would let the scene drift from tile to tile (and
    a = 0 would fit best). The coarse pass prevents that. With overlaps of a quarter of a tile and
    the default ``tie``, differences over more than one or two tiles follow the coarse pass, and
    differences over shorter distances follow the tiles. Without the means over blocks, detail that
    the coarse pass cannot see would count as noise and flatten the tile. A tile whose scale would
    be negative becomes flat.

    Args:
        tiles: Depth of each tile, H_i×W_i, on the pixels of the scene.
        boxes: Position of each tile in the scene, row by row.
        coarse: Depth of the coarse pass, enlarged to the size H×W of the scene.
        tie: Weight of a pixel of the coarse pass relative to a pixel of an overlap.
        valid: H×W bool, where the scene has data. Other pixels are ignored. None: everywhere.
    """
    known = np.ones(coarse.shape, bool) if valid is None else valid
    alignment = Alignment(len(tiles), coarse[known], tie)
    for index, (tile, box) in enumerate(zip(tiles, boxes, strict=True)):
        inside = _slices(box)
        alignment.add(index, box, tile, known[inside], coarse[inside])
    return alignment.solve()


class Alignment:
    """:func:`align_tiles` for tiles that come one after another, row by row.

    It keeps only the tiles that a later tile may overlap. ``coarse`` has the values of the coarse
    pass, of any size. ``add`` needs the section of the coarse pass that belongs to a tile, enlarged
    to its pixels.
    """

    def __init__(self, tiles: int, coarse: np.ndarray, tie: float = 0.1) -> None:
        self._equations, self._tie = _Equations(tiles), tie
        # Depth is standardised, because numbers of order 1 keep the normal equations accurate.
        self._coarse_statistics = _statistics(coarse)
        self._tile_statistics = np.tile([0.0, 1.0], (tiles, 1))
        # Box, depth and known pixels of the tiles that a later tile may overlap.
        self._recent: dict[int, tuple[Box, np.ndarray, np.ndarray]] = {}

    def add(
        self, index: int, box: Box, tile: np.ndarray, known: np.ndarray, coarse: np.ndarray
    ) -> None:
        """Add a tile. ``known`` is where it has data, ``coarse`` the coarse depth in its box."""
        self._tile_statistics[index] = _statistics(tile[known])
        for other in [i for i, (earlier, *_) in self._recent.items() if earlier[2] <= box[0]]:
            del self._recent[other]
        for other, (other_box, other_tile, other_known) in self._recent.items():
            if shared := _shared(other_box, box):
                here, there = _within(box, shared), _within(other_box, shared)
                both = other_known[there] & known[here]
                values = {
                    other: self._standardised(other, other_tile[there][both]),
                    index: self._standardised(index, tile[here][both]),
                }
                self._equations.add(1.0, values)
        values, counts = _block_means(self._standardised(index, tile), known)
        mean, deviation = self._coarse_statistics
        target, _ = _block_means((coarse - mean) / deviation, known)
        self._equations.add(self._tie * counts, {index: values}, target)
        self._recent[index] = box, tile, known

    def _standardised(self, index: int, values: np.ndarray) -> np.ndarray:
        mean, deviation = self._tile_statistics[index]
        return (values.astype(np.float64) - mean) / deviation

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return scales and shifts of all tiles."""
        mean, deviation = self._coarse_statistics
        tile_means, tile_deviations = self._tile_statistics.T
        scales, shifts = self._equations.solve()
        scales = scales * deviation / tile_deviations
        return scales, shifts * deviation + mean - scales * tile_means


def _shared(one: Box, other: Box) -> Box | None:
    box = (*map(max, one[:2], other[:2]), *map(min, one[2:], other[2:]))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _within(outer: Box, box: Box) -> tuple[slice, slice]:
    top, left, _, _ = outer
    return _slices((box[0] - top, box[1] - left, box[2] - top, box[3] - left))


class _Equations:
    """The normal equations of all scales and shifts, summed up term by term."""

    def __init__(self, tiles: int) -> None:
        # Rows, columns and values, by the tiles of the term.
        self._terms: dict[tuple[int, ...], tuple[np.ndarray, ...]] = {}
        self._right = np.zeros(2 * tiles)

    def add(self, weight: Values, tiles: dict[int, np.ndarray], target: Values = 0.0) -> None:
        """Add the sum of ``weight · (scale · values + shift − target)²`` over the values of a tile.

        With a second tile, ``scale · values + shift`` of that tile is subtracted in the brackets.
        """
        design = []
        for sign, values in zip((1, -1), tiles.values(), strict=False):
            design += [sign * values, np.full(len(values), float(sign))]
        design = np.stack(design)
        unknowns = np.array([2 * tile + k for tile in tiles for k in (0, 1)])
        rows, columns = np.repeat(unknowns, len(unknowns)), np.tile(unknowns, len(unknowns))
        self._terms[tuple(tiles)] = rows, columns, (weight * design @ design.T).ravel()
        self._right[unknowns] += (weight * design * target).sum(1)

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return scales and shifts. Negative scales are set to 0, and the others solved again."""
        # In a fixed order, because the last bits of a sum depend on it: pairs of tiles come first.
        terms = [self._terms[key] for key in sorted(self._terms, key=lambda key: (-len(key), key))]
        rows, columns, values = map(np.concatenate, zip(*terms, strict=True))
        size = len(self._right)
        normal = coo_matrix((values, (rows, columns)), (size, size)).tocsc()
        # The scale of a tile without relief is undetermined, and so are scale and shift of a tile
        # without data: they are fixed at 0.
        fixed = normal.diagonal() <= 1e-9 * normal.diagonal().max()
        solution = np.zeros(size)
        while not fixed.all():
            free = np.flatnonzero(~fixed)
            solution[:] = 0
            solution[free] = np.atleast_1d(spsolve(normal[free][:, free], self._right[free]))
            if not (solution[::2] < 0).any():
                break
            fixed[::2] |= solution[::2] < 0
        return solution[::2], solution[1::2]


def _slices(box: Box) -> tuple[slice, slice]:
    top, left, bottom, right = box
    return slice(top, bottom), slice(left, right)


def _block_means(values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and number of the known pixels of each block that has known pixels."""
    starts = [np.unique(np.linspace(0, n, _BLOCKS, False, dtype=int)) for n in values.shape]
    counts, totals = known, values if known.all() else np.where(known, values, 0)
    for axis, first in enumerate(starts):
        counts, totals = (
            np.add.reduceat(part, first, axis, dtype=np.float64) for part in (counts, totals)
        )
    is_known = counts > 0
    return totals[is_known] / counts[is_known], counts[is_known]


def _statistics(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation; a deviation that is only rounding is replaced by 1."""
    if not values.size:
        return 0.0, 1.0
    mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return mean, deviation if deviation > 1e-6 * abs(mean) else 1.0
