"""Buildings: rectangles that are placed block by block and drawn into the material map."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from .fields import Frame, between
from .materials import CLASS_OF, ROAD, WATER, Material
from .streets import KINDS, StreetGrid

_ROOFS = (Material.ROOF_CONCRETE, Material.ROOF_BITUMEN, Material.ROOF_TILE, Material.ROOF_METAL)


class _Style(NamedTuple):
    """How buildings fill the blocks of one kind. Lengths are in metres."""

    # Distance between buildings along the street axes: a range along u, from which each block
    # takes a random value, and a fixed value along v.
    spacing: tuple[tuple[float, float], float]
    half_u: tuple[float, float]  # half the length of a building along u
    half_v: tuple[float, float]  # half the length of a building along v
    chance: float  # of a building at each lattice point
    roofs: tuple[float, float, float, float]  # weights of concrete, bitumen, tile, metal
    storey: tuple[float, float]  # relative height: 0 is the lowest and 1 the tallest building
    gabled: float  # chance of a gabled roof; roofs of tile are always gabled


_STYLES = {
    'houses': _Style(
        ((12, 16), 16), (4.6, 6.6), (3.8, 5.2), 0.88, (0.15, 0.2, 0.6, 0.05), (0.1, 0.3), 0.25
    ),
    'slabs': _Style(((34, 46), 20), (13, 20), (5.5, 7), 0.95, (0.5, 0.4, 0.1, 0), (0.4, 0.75), 0),
    'towers': _Style(((28, 28), 28), (8.5, 12), (7.5, 10), 0.9, (0.6, 0.4, 0, 0), (0.7, 1), 0),
    'halls': _Style(((34, 34), 28), (14, 19), (10, 14), 0.95, (0.4, 0.3, 0, 0.3), (0.2, 0.4), 0),
    'quarter': _Style(
        ((11.5, 11.5), 10.5), (4.4, 5.4), (3.8, 4.8), 0.88, (0.4, 0.2, 0.4, 0), (0.1, 0.4), 0.25
    ),
    'farm': _Style(((18, 18), 15), (5, 9), (3.6, 5.8), 0.75, (0.3, 0.2, 0.4, 0.1), (0, 0.6), 0.25),
}


@dataclass
class Buildings:
    """All buildings of a tile, as arrays.

    ``number`` is an H×W map: the index of the building at a pixel, plus 1; 0 without a building.
    ``x, y`` is the centre and ``a >= b`` are the half sides in metres, ``angle`` is the direction
    of the long side, ``storey`` is in [0, 1]. ``gabled`` roofs have a ridge along the long side.
    """

    number: np.ndarray
    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    angle: np.ndarray
    storey: np.ndarray
    gabled: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


def place_buildings(
    grid: StreetGrid, frame: Frame, rng: Generator, material: np.ndarray
) -> Buildings:
    """Fill the blocks of a street grid with buildings, away from streets and water."""
    rows = []
    for cell in np.argwhere(grid.table > 0):
        bounds = []
        for axis in range(2):
            edges, half = grid.axes[axis].edges, grid.half[axis]
            band = cell[axis]
            bounds += [edges[band] + half[band] + 3.5, edges[band + 1] - half[band + 1] - 3.5]
        if not _usable(bounds, frame):
            continue
        kind = KINDS[grid.table[tuple(cell)] - 1]
        if kind in _STYLES:
            rows.append(_fill_block(_STYLES[kind], bounds, rng))
    # Columns: u, v, a, b, turned, storey, roof, gabled.
    table = np.concatenate(rows) if rows else np.zeros((0, 8))
    table = table[table[:, 3] > 1.5]
    centre = grid.to_ground(table[:, :2])
    angle = grid.angle + np.pi / 2 * table[:, 4]
    corners = frame.to_pixels(_corners(centre, table[:, 2], table[:, 3], angle))

    inside = ((corners > -1) & (corners < frame.size)).all(2).any(1)
    probes = np.concatenate([corners, corners.mean(1, keepdims=True)], 1)
    pixels = np.rint(probes).astype(int)
    in_tile = ((pixels >= 0) & (pixels < frame.size)).all(2)
    pixels = pixels.clip(0, frame.size - 1)
    classes = CLASS_OF[material[pixels[..., 1], pixels[..., 0]]]
    blocked = (((classes == ROAD) | (classes == WATER)) & in_tile).any(1)
    keep = np.flatnonzero(inside & ~blocked)

    number = np.zeros(material.shape, np.int32)
    points = np.rint(corners[keep] * 16).astype(np.int32)
    for index, polygon in enumerate(points, 1):
        cv2.fillConvexPoly(number, polygon, index, shift=4)
    # A bent street may still cross the corner of a building. The street stays on top there.
    classes = CLASS_OF[material]
    number[(classes == ROAD) | (classes == WATER)] = 0
    roofs = np.array([0, *table[keep, 6]], np.uint8)
    is_building = number > 0
    material[is_building] = roofs[number[is_building]]
    kept = table[keep]
    columns = centre[keep, 0], centre[keep, 1], kept[:, 2], kept[:, 3], angle[keep], kept[:, 5]
    return Buildings(number, *columns, kept[:, 7] > 0)


def _usable(bounds: list[float], frame: Frame) -> bool:
    u0, u1, v0, v1 = bounds
    nearest_u, nearest_v = max(u0, -u1, 0.0), max(v0, -v1, 0.0)
    return u1 - u0 > 8 and v1 - v0 > 8 and np.hypot(nearest_u, nearest_v) < frame.reach


def _corners(centre: np.ndarray, a: np.ndarray, b: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return the corners of N buildings in metres, N×4×2."""
    along = np.stack([np.cos(angle), np.sin(angle)], 1)
    side = np.stack([-along[:, 1], along[:, 0]], 1)
    along, side = along * a[:, None], side * b[:, None]
    signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
    return np.stack([centre + s * along + t * side for s, t in signs], 1)


def _fill_block(style: _Style, bounds: list[float], rng: Generator) -> np.ndarray:
    """Place the buildings of one block on a regular lattice, in grid coordinates."""
    u0, u1, v0, v1 = bounds
    step_u, step_v = between(rng, style.spacing[0]), style.spacing[1]
    nu, nv = max(int((u1 - u0) / step_u), 1), max(int((v1 - v0) / step_v), 1)
    u = u0 + (np.arange(nu) + 0.5) * (u1 - u0) / nu
    v = v0 + (np.arange(nv) + 0.5) * (v1 - v0) / nv
    total = nu * nv
    size_u, size_v, own, outlier, roof, gable, built = rng.random((7, total))
    shift_u, shift_v = 2 * rng.random((2, total)) - 1
    room_u, room_v = (u1 - u0) / nu / 2 - 0.6, (v1 - v0) / nv / 2 - 0.6
    half_u = np.minimum(_scale(style.half_u, size_u), room_u)
    half_v = np.minimum(_scale(style.half_v, size_v), room_v)
    table = np.empty((total, 8))
    table[:, 0] = np.repeat(u, nv) + shift_u * np.minimum(room_u - half_u, 2.0)
    table[:, 1] = np.tile(v, nu) + shift_v * np.minimum(room_v - half_v, 2.5)
    table[:, 2], table[:, 3] = np.maximum(half_u, half_v), np.minimum(half_u, half_v)
    table[:, 4] = half_v > half_u
    # Neighbours have about the same height; one in five stands out.
    common, own = _scale(style.storey, rng.random()), _scale(style.storey, own)
    table[:, 5] = np.where(outlier < 0.2, own, 0.85 * common + 0.15 * own)
    cumulative = np.cumsum(style.roofs) / np.sum(style.roofs)
    table[:, 6] = np.array(_ROOFS)[np.searchsorted(cumulative, roof).clip(max=3)]
    table[:, 7] = (table[:, 6] == Material.ROOF_TILE) | (gable < style.gabled)
    return table[built < style.chance]


def _scale(limits: tuple[float, float], share: np.ndarray | float) -> np.ndarray | float:
    return limits[0] + (limits[1] - limits[0]) * share
