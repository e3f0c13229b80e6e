"""Divide a scene into overlapping tiles, and blend the tiles."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from depthda.depth.monocular.alignment import Box


@dataclass(frozen=True)
class TileGrid:
    """Evenly spread tiles of equal size that cover a scene.

    A side of a tile has ``tile`` pixels, or as many as the side of the scene if that is shorter.
    Neighbours share at least ``overlap`` pixels.
    """

    height: int
    width: int
    tile: int
    overlap: int

    @property
    def boxes(self) -> list[Box]:
        """The boxes of the tiles, row by row."""
        spans = product(self._spans(self.height), self._spans(self.width))
        return [(top, left, bottom, right) for (top, bottom), (left, right) in spans]

    def weighted_boxes(self) -> Iterator[tuple[Box, tuple[np.ndarray, np.ndarray]]]:
        """Yield the box of each tile, with the weights of its rows and of its columns.

        The weight of a pixel is the product of the weights of its row and its column.
        """
        weights = product(list(self._weights(self.height)), list(self._weights(self.width)))
        return zip(self.boxes, weights, strict=True)

    def blend(self, tiles: list[np.ndarray], scales: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Blend the tiles ``scale · tile + shift`` into the scene, H×W float32.

        The weight of a tile rises as sin² from its edge across the overlap, and the weights of all
        tiles at a pixel sum to 1. So where two tiles differ, one changes into the other without a
        step or a kink.
        """
        scene = np.zeros((self.height, self.width), np.float32)
        parts = zip(self.weighted_boxes(), tiles, scales, shifts, strict=True)
        for ((top, left, bottom, right), (row, column)), tile, scale, shift in parts:
            aligned = np.float32(scale) * tile + np.float32(shift)
            scene[top:bottom, left:right] += np.outer(row, column) * aligned
        return scene

    def _spans(self, length: int) -> list[tuple[int, int]]:
        side = min(self.tile, length)
        count = math.ceil((length - side) / (self.tile - self.overlap)) + 1
        starts = np.rint(np.linspace(0, length - side, count)).astype(int).tolist()
        return [(start, start + side) for start in starts]

    def _weights(self, length: int) -> Iterator[np.ndarray]:
        """Yield the weights of each tile along one axis."""
        spans = self._spans(length)
        raised = np.ones((len(spans), length))
        for index, ((_, stop), (start, _)) in enumerate(pairwise(spans)):
            ramp = np.sin((np.arange(stop - start) + 0.5) / (stop - start) * math.pi / 2) ** 2
            raised[index, start:stop] *= ramp[::-1]
            raised[index + 1, start:stop] *= ramp
        for index, (start, stop) in enumerate(spans):
            raised[index, :start] = raised[index, stop:] = 0
        total = raised.sum(0)
        for index, (start, stop) in enumerate(spans):
            yield (raised[index, start:stop] / total[start:stop]).astype(np.float32)
