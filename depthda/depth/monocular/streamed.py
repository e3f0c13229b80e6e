"""Relative depth of a scene that does not fit into memory: tiles on disk, aligned, then blended."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthda.depth.maps import LOWEST
from depthda.depth.monocular.alignment import Alignment, Box
from depthda.depth.monocular.tiling import TileGrid

# A function that returns the pixels of a box, H×W×3 uint8 RGB, and where they have data.
Crop = Callable[[Box], tuple[np.ndarray, np.ndarray]]
_STEPS = 65535  # between the lowest and the highest depth of a tile


@dataclass
class DepthTiles:
    """The depth of the tiles of a scene in one file. 16-bit codes span the range of each tile."""

    path: Path  # a file with 2 bytes for each pixel of each tile
    grid: TileGrid  # the positions of the tiles

    def __post_init__(self) -> None:
        self._boxes = self.grid.boxes
        top, left, bottom, right = self._boxes[0]
        self.shape = bottom - top, right - left
        self._size = 2 * self.shape[0] * self.shape[1]
        self.ranges = np.zeros((len(self._boxes), 2), np.float32)

    def write(self, index: int, depth: np.ndarray) -> None:
        low, high = float(depth.min()), float(depth.max())
        self.ranges[index] = low, high
        codes = np.rint((depth - low) / max(high - low, 1e-30) * _STEPS).astype(np.uint16)
        with open(self.path, 'r+b' if self.path.exists() else 'w+b') as file:
            file.seek(index * self._size)
            file.write(codes.tobytes())

    def read(self, index: int, rows: slice = slice(None)) -> np.ndarray:
        """Return the depth of a tile, or of some of its rows."""
        first, last, _ = rows.indices(self.shape[0])
        rows, width = last - first, self.shape[1]
        start = index * self._size + 2 * first * width
        codes = np.fromfile(self.path, np.uint16, rows * width, offset=start).reshape(rows, width)
        low, high = self.ranges[index]
        return codes.astype(np.float32) * ((high - low) / _STEPS) + low


class SceneDepth:
    """The aligned depth of a scene, read by rows; the range of the scene becomes (0, 1].

    Pixels without data do not count for the range. Memory holds two rows of tiles, however long the
    scene is. The functions ``valid`` return where the pixels of a box have data.
    """

    def __init__(self, tiles: DepthTiles, coarse: np.ndarray) -> None:
        self._tiles, self._grid, self._coarse = tiles, tiles.grid, coarse
        self._boxes = list(tiles.grid.weighted_boxes())
        self._alignment = Alignment(len(self._boxes), coarse)
        self._scales = self._shifts = np.zeros(0)
        self._range = 0.0, 1.0

    def add(self, index: int, valid: Callable[[Box], np.ndarray]) -> None:
        """Add a tile of ``tiles`` that has been written; tiles must come in their order."""
        box, _ = self._boxes[index]
        coarse = enlarged(self._coarse, box, (self._grid.height, self._grid.width))
        self._alignment.add(index, box, self._tiles.read(index), valid(box), coarse)

    def align(self, valid: Callable[[Box], np.ndarray]) -> None:
        """Find scale and shift of each tile, and the range of the scene."""
        self._scales, self._shifts = self._alignment.solve()
        low, high = np.inf, -np.inf
        for top in range(0, self._grid.height, self._tiles.shape[0]):
            bottom = min(top + self._tiles.shape[0], self._grid.height)
            values = self._blended(top, bottom)[valid((top, 0, bottom, self._grid.width))]
            if values.size:
                low, high = min(low, float(values.min())), max(high, float(values.max()))
        self._range = (low, high) if low < high else (low - 1, low + 1)

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Return the depth of some rows, float32 (rows, W)."""
        low, high = self._range
        rows = self._blended(top, bottom)
        rows -= low
        rows /= high - low
        return rows.clip(LOWEST, 1, out=rows)

    def _blended(self, top: int, bottom: int) -> np.ndarray:
        rows = np.zeros((bottom - top, self._grid.width), np.float32)
        for index, (box, (row, column)) in enumerate(self._boxes):
            if box[0] >= bottom or box[2] <= top:
                continue
            first, last = max(top, box[0]), min(bottom, box[2])
            inside = slice(first - box[0], last - box[0])
            tile = self._tiles.read(index, inside)
            aligned = np.float32(self._scales[index]) * tile + np.float32(self._shifts[index])
            part = np.outer(row[inside], column) * aligned
            rows[first - top : last - top, box[1] : box[3]] += part
        return rows


def enlarged(coarse: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Enlarge a small map of a scene to its ``size`` bilinearly, and return the pixels of a box."""
    axes = []
    for start, stop, length, small in zip(box[:2], box[2:], size, coarse.shape, strict=True):
        position = (np.arange(start, stop) + 0.5) * (small / length) - 0.5
        low = np.clip(np.floor(position).astype(int), 0, small - 1)
        axes.append((low, np.minimum(low + 1, small - 1), np.clip(position - low, 0, 1)))
    (up, down, y), (left, right, x) = axes
    above = coarse[up][:, left] * (1 - x) + coarse[up][:, right] * x
    below = coarse[down][:, left] * (1 - x) + coarse[down][:, right] * x
    return above * (1 - y)[:, None] + below * y[:, None]
