"""Find a scale and a shift for each tile, so that the tiles of a scene agree with each other."""

from collections.abc import Iterator, Sequence

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

    The overlaps make neighbours agree. Alone, they would let the scene drift from tile to tile (and
    a = 0 would fit best). The coarse pass c is the depth of the whole scene at once, and prevents
    that. With overlaps of a quarter of a tile and the default ``tie``, differences over more than
    one or two tiles follow the coarse pass, and differences over shorter distances follow the
    tiles. The bars are means over blocks with an eighth of the tile's side. In a comparison pixel
    by pixel, detail that the coarse pass cannot see would count as noise and flatten the tile. A
    tile whose scale would be negative becomes flat.

    Args:
        tiles: Depth of each tile, H_i×W_i, on the pixels of the scene.
        boxes: Position of each tile in the scene.
        coarse: Depth of the coarse pass, enlarged to the size H×W of the scene.
        tie: Weight of a pixel of the coarse pass relative to a pixel of an overlap.
        valid: H×W bool, where the scene has data. Other pixels are ignored. None: everywhere.
    """
    known = np.ones(coarse.shape, bool) if valid is None else valid
    if not known.any():
        return np.zeros(len(tiles)), np.zeros(len(tiles))
    # Depth is standardised, because numbers of order 1 keep the normal equations accurate.
    middle, spread = _standard(coarse[known])
    parts = [tile[known[_slices(box)]] for tile, box in zip(tiles, boxes, strict=True)]
    middles, spreads = np.array([_standard(part) for part in parts]).T

    def part(index: int, box: Box) -> np.ndarray:
        top, left, _, _ = boxes[index]
        inside = _slices((box[0] - top, box[1] - left, box[2] - top, box[3] - left))
        values = tiles[index][inside][known[_slices(box)]].astype(np.float64)
        return (values - middles[index]) / spreads[index]

    equations = _Equations(len(tiles))
    for i, j, box in _overlaps(boxes):
        equations.add(1.0, {i: part(i, box), j: part(j, box)})
    for i, box in enumerate(boxes):
        inside = _slices(box)
        values, counts = _block_means((tiles[i] - middles[i]) / spreads[i], known[inside])
        target, _ = _block_means((coarse[inside] - middle) / spread, known[inside])
        equations.add(tie * counts, {i: values}, target)
    scales, shifts = equations.solve()
    scales = scales * spread / spreads
    return scales, shifts * spread + middle - scales * middles


class Alignment:
    """:func:`align_tiles` for tiles that come one after another, row by row.

    It keeps only the tiles that a later tile may overlap. The coarse pass is a small map of the
    whole scene. ``add`` needs the section of it that belongs to a tile, enlarged in any way.
    """

    def __init__(self, tiles: int, coarse: np.ndarray, tie: float = 0.1) -> None:
        self._equations, self._tie = _Equations(tiles), tie
        self._coarse = _standard(coarse)
        self._own = np.tile([0.0, 1.0], (tiles, 1))  # mean and deviation of each tile
        self._open: dict[int, tuple[Box, np.ndarray, np.ndarray]] = {}

    def add(
        self, index: int, box: Box, tile: np.ndarray, known: np.ndarray, coarse: np.ndarray
    ) -> None:
        """Add a tile. ``known`` is where it has data, ``coarse`` the coarse depth in its box."""
        self._own[index] = _standard(tile if known.all() else tile[known])
        for other in [i for i, (open_box, *_) in self._open.items() if open_box[2] <= box[0]]:
            del self._open[other]
        for other, (other_box, other_tile, other_known) in self._open.items():
            if shared := _shared(other_box, box):
                here, there = _within(box, shared), _within(other_box, shared)
                both = other_known[there] & known[here]
                values = {
                    other: self._standardised(other, other_tile[there][both]),
                    index: self._standardised(index, tile[here][both]),
                }
                self._equations.add(1.0, values)
        values, counts = _block_means(tile, known)
        target = (_block_means(coarse, known)[0] - self._coarse[0]) / self._coarse[1]
        self._equations.add(self._tie * counts, {index: self._standardised(index, values)}, target)
        self._open[index] = box, tile, known

    def _standardised(self, index: int, values: np.ndarray) -> np.ndarray:
        middle, spread = self._own[index]
        return (values.astype(np.float64) - middle) / spread

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return scales and shifts of all tiles."""
        middle, spread = self._coarse
        middles, spreads = self._own.T
        scales, shifts = self._equations.solve()
        scales = scales * spread / spreads
        return scales, shifts * spread + middle - scales * middles


def _shared(one: Box, other: Box) -> Box | None:
    box = (*map(max, one[:2], other[:2]), *map(min, one[2:], other[2:]))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _within(outer: Box, box: Box) -> tuple[slice, slice]:
    top, left, _, _ = outer
    return _slices((box[0] - top, box[1] - left, box[2] - top, box[3] - left))


class _Equations:
    """The normal equations of all scales and shifts, summed up term by term."""

    def __init__(self, tiles: int) -> None:
        self._terms: list[tuple[np.ndarray, ...]] = []  # rows, columns, values
        self._right = np.zeros(2 * tiles)

    def add(self, weight: Values, tiles: dict[int, np.ndarray], target: Values = 0.0) -> None:
        """Add ``Σ weight · (scale · values + shift − target)²`` of one tile over its values.

        With a second tile, ``scale · values + shift`` of that tile is subtracted in the brackets.
        """
        design = []
        for sign, values in zip((1, -1), tiles.values(), strict=False):
            design += [sign * values, np.full(len(values), float(sign))]
        design = np.stack(design)
        unknowns = np.array([2 * tile + k for tile in tiles for k in (0, 1)])
        rows, columns = np.repeat(unknowns, len(unknowns)), np.tile(unknowns, len(unknowns))
        self._terms.append((rows, columns, (weight * design @ design.T).ravel()))
        self._right[unknowns] += (weight * design * target).sum(1)

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return scales and shifts. Negative scales become 0, and the others are solved again."""
        rows, columns, values = map(np.concatenate, zip(*self._terms, strict=True))
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


def _overlaps(boxes: Sequence[Box]) -> Iterator[tuple[int, int, Box]]:
    """Yield the indices of every two boxes that share pixels, and the box that they share."""
    corners = np.array(boxes)
    for i in range(len(boxes) - 1):
        later = corners[i + 1 :]
        starts = np.maximum(corners[i, :2], later[:, :2])
        stops = np.minimum(corners[i, 2:], later[:, 2:])
        for j in np.flatnonzero((starts < stops).all(1)):
            yield i, i + 1 + int(j), (*starts[j].tolist(), *stops[j].tolist())


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


def _standard(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation; a deviation that is only rounding is replaced by 1."""
    if not values.size:
        return 0.0, 1.0
    middle, spread = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return middle, spread if spread > 1e-6 * abs(middle) else 1.0
