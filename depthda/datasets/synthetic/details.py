"""Details of a plan: cars, street trees, and the strip without annotation."""

import cv2
import numpy as np
from numpy.random import Generator

from .fields import Frame
from .materials import BUILDING, CLASS_OF, ROAD, WATER, Material
from .streets import StreetGrid


def paint_cars(grid: StreetGrid, frame: Frame, rng: Generator, material: np.ndarray) -> None:
    """Paint cars on asphalt, parallel to their street."""
    extent = frame.size * frame.gsd / 2
    count = int(extent**2 / 60)
    where = (rng.random((count, 2)) * 2 - 1) * extent
    heading = rng.random(count)
    column, row = frame.nearest(where)
    on_asphalt = material[row, column] == Material.ASPHALT
    # A car is parallel to the nearer of the two nearest street lines.
    offsets = [
        np.abs(axis.offset[at[row, column]]) for axis, at in zip(grid.axes, grid.at, strict=True)
    ]
    turn = np.where(offsets[0] < offsets[1], np.pi / 2, 0.0) + grid.angle
    distance = np.minimum(*offsets)
    # Keep cars away from the centre line and from crossings.
    chosen = on_asphalt & (distance > 1.3) & (np.maximum(*offsets) > 8) & (heading < 0.8)
    canvas = np.zeros(material.shape, np.uint8)
    for index in np.flatnonzero(chosen):
        along = np.array([np.cos(turn[index]), np.sin(turn[index])])
        side = np.array([-along[1], along[0]])
        signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
        corners = np.array([s * 2.2 * along + t * 0.95 * side for s, t in signs])
        corners = frame.to_pixels(where[index] + corners)
        cv2.fillConvexPoly(canvas, np.rint(corners * 16).astype(np.int32), 1, shift=4)
    material[(canvas > 0) & (material == Material.ASPHALT)] = Material.CAR


def paint_trees(kind: np.ndarray, frame: Frame, rng: Generator, material: np.ndarray) -> None:
    """Paint small groups of trees on lawns, meadows and the pavements of built-up blocks."""
    extent = frame.size * frame.gsd / 2
    count = int((2 * extent) ** 2 / 160)
    where = (rng.random((count, 2)) * 2 - 1) * extent
    radius = 1.6 + 1.9 * rng.random(count)
    # Trees grow in groups: move every second tree next to the one before it.
    where[1::2] = where[: count // 2 * 2 : 2] + 4.0 * (rng.random((count // 2, 2)) - 0.5)
    column, row = frame.nearest(where)
    ground = material[row, column]
    grassy = (ground == Material.LAWN) | (ground == Material.MEADOW)
    paved = (ground == Material.PAVED) & (kind[row, column] > 0)
    chance = np.where(grassy, 0.75, np.where(paved, 0.3, 0.0))
    canvas = np.zeros(material.shape, np.uint8)
    for index in np.flatnonzero(rng.random(count) < chance):
        centre = np.rint(frame.to_pixels(where[index]) * 16).astype(int)
        size = max(int(radius[index] / frame.gsd * 16), 16)
        cv2.circle(canvas, (int(centre[0]), int(centre[1])), size, 1, -1, shift=4)
    growable = ~np.isin(CLASS_OF[material], (BUILDING, ROAD, WATER))
    material[(canvas > 0) & growable] = Material.BROADLEAF


def paint_no_data(size: int, rng: Generator) -> np.ndarray:
    """Return the mask of a slightly slanted strip along one border."""
    depth = size * (0.03 + 0.07 * rng.random())
    slant = 0.05 * (2 * rng.random() - 1)
    side = int(rng.integers(4))
    axis = np.arange(size)
    strip = axis[None, :] < depth + slant * axis[:, None]
    return np.ascontiguousarray(np.rot90(strip, side))
