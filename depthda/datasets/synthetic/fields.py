"""Random streams, coordinates and noise for all parts of a synthetic world.

Code that affects classes uses only element-wise arithmetic and integer drawing, so that labels are
the same on every processor. Noise that only affects colours or heights may use OpenCV.
"""

import hashlib
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import PCG64, Generator


def stream(*key: int | str) -> Generator:
    """Return a random generator that depends only on the key."""
    digest = hashlib.blake2b('/'.join(map(str, key)).encode(), digest_size=16).digest()
    return Generator(PCG64(int.from_bytes(digest, 'little')))


def between(
    rng: Generator, limits: tuple[float, float], count: int | None = None
) -> float | np.ndarray:
    """Draw uniformly from a range: one value, or an array of ``count`` values."""
    return limits[0] + (limits[1] - limits[0]) * rng.random(count)


@dataclass(frozen=True)
class Frame:
    """Ground coordinates of a tile: metres from its centre, x to the right, y downwards."""

    size: int
    gsd: float

    @property
    def reach(self) -> float:
        """Distance from the centre to a corner, plus a margin for warped coordinates."""
        return self.size * self.gsd * math.sqrt(0.5) + 20.0

    def rotated(self, angle: float, warp: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """Return coordinates (u, v) rotated by ``angle``, plus ``warp`` (2×H×W, metres)."""
        axis = ((np.arange(self.size) + 0.5 - self.size / 2) * self.gsd).astype(np.float32)
        cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        u = (axis * cos)[None, :] + (axis * sin)[:, None]
        v = (axis * -sin)[None, :] + (axis * cos)[:, None]
        return (u, v) if warp is None else (u + warp[0], v + warp[1])

    def to_pixels(self, metres: np.ndarray) -> np.ndarray:
        """Convert ground to pixel coordinates (pixel centres are whole numbers)."""
        return metres / self.gsd + (self.size / 2 - 0.5)

    def nearest(self, metres: np.ndarray) -> np.ndarray:
        """Return the columns and rows (2×N) of the pixels nearest to ground coordinates (N×2)."""
        return np.rint(self.to_pixels(metres)).astype(int).clip(0, self.size - 1).T


class Bands:
    """A line divided into bands of random width, with tables for fast look-up by pixel.

    ``edges`` are the borders of the bands in metres. The tables have an entry per ``step`` of the
    line: ``band`` is the index of its band, ``nearest`` that of the nearest edge, and ``offset``
    the signed distance from that edge in metres.
    """

    def __init__(
        self, rng: Generator, frame: Frame, width_m: tuple[float, float], step: float
    ) -> None:
        reach = frame.reach
        count = int((2 * reach + width_m[1]) / width_m[0]) + 2
        widths = between(rng, width_m, count)
        edges = -reach - width_m[1] * rng.random() + np.concatenate([[0.0], np.cumsum(widths)])
        self.edges = edges[: np.searchsorted(edges, reach) + 1]
        self.reach, self.step = reach, step
        positions = -reach + step * (np.arange(int(2 * reach / step) + 2) + 0.5)
        band = np.searchsorted(self.edges, positions, side='right') - 1
        self.band = np.clip(band, 0, len(self) - 1)
        low, high = positions - self.edges[self.band], self.edges[self.band + 1] - positions
        self.nearest = self.band + (high < low)
        self.offset = (positions - self.edges[self.nearest]).astype(np.float32)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def index(self, coordinate: np.ndarray) -> np.ndarray:
        """Return the positions of coordinates in the tables ``band``, ``nearest``, ``offset``."""
        rows = ((coordinate + np.float32(self.reach)) * np.float32(1 / self.step)).astype(np.intp)
        return np.clip(rows, 0, len(self.band) - 1, out=rows)


def exact_noise(rng: Generator, size: int, length_px: float, octaves: int = 1) -> np.ndarray:
    """Return smooth noise in about [-1, 1] that is the same, bit for bit, on every processor."""
    total = np.zeros((size, size), np.float32)
    weight, weights = 1.0, 0.0
    for _ in range(octaves):
        count = int(size / length_px) + 3
        lattice = rng.random((count, count), dtype=np.float32) * 2 - 1
        shift = rng.random(2)
        rows, columns = (np.arange(size) / length_px + s for s in shift)
        # Interpolate columns first, because then the larger second step copies whole rows.
        for axis, position in ((1, columns), (0, rows)):
            low = position.astype(np.intp)
            t = (position - low).astype(np.float32)
            t = t * t * (3 - 2 * t)
            t = t[:, None] if axis == 0 else t[None, :]
            first = np.take(lattice, low, axis)
            lattice = first + (np.take(lattice, low + 1, axis) - first) * t
        total += np.float32(weight) * lattice
        weights += weight
        weight, length_px = weight / 2, max(length_px / 2, 2.0)
    return total / np.float32(weights)


def noise(rng: Generator, size: int, length_px: float) -> np.ndarray:
    """Return smooth noise of about zero mean and unit variance, with one length scale."""
    # Compute long waves at a quarter of the size and enlarge them: cubic sampling is slow.
    shrink = 1 if length_px < 8 else 4
    small, length = -(-size // shrink), length_px / shrink
    count = int(small / length) + 5
    lattice = rng.random((count, count), dtype=np.float32) * 2 - 1
    shift = rng.random(2) + 1
    matrix = np.array([[1 / length, 0, shift[0]], [0, 1 / length, shift[1]]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    waves = cv2.warpAffine(lattice, matrix, (small, small), flags=flags)
    if shrink > 1:
        waves = cv2.resize(waves, (size, size), interpolation=cv2.INTER_LINEAR)
    return waves * np.float32(2.2)
