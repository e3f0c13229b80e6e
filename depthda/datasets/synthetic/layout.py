"""The plan of a tile: a map of materials, and the objects on it.

The map is painted in this order: countryside (field parcels, forest), built-up blocks of a street
grid, water, streets, buildings, cars and street trees. The labels depend only on the plan.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .buildings import Buildings, place_buildings
from .config import LayoutConfig
from .fields import Bands, Frame, between, exact_noise
from .materials import BUILDING, CLASS_OF, FOREST, ROAD, WATER, Material
from .streets import GROUND, KINDS, StreetGrid

# First region number of field parcels and of blocks. Lower numbers are water, forest and streets.
_PARCELS, _BLOCKS = 8, 600


@dataclass
class TilePlan:
    """The plan of a tile. Maps are H×W.

    ``region`` numbers parcels and blocks, so that neighbours can have different colours. ``row`` is
    the coordinate in metres across the rows of a field, ``lane`` the distance in metres from the
    axis of the nearest street. ``no_data`` marks pixels without annotation.
    """

    frame: Frame
    material: np.ndarray
    region: np.ndarray
    row: np.ndarray
    lane: np.ndarray
    buildings: Buildings
    no_data: np.ndarray | None

    @property
    def mask(self) -> np.ndarray:
        """The label map in LoveDA's raw codes: 0 no-data, 1 background … 7 agriculture."""
        mask = CLASS_OF[self.material]
        if self.no_data is not None:
            mask[self.no_data] = 0
        return mask


def make_layout(config: LayoutConfig, frame: Frame, rng: Generator) -> TilePlan:
    warp = None
    if config.meander_m > 0:
        length = 130.0 / frame.gsd
        warp = np.stack([exact_noise(rng, frame.size, length) for _ in range(2)])
        warp *= np.float32(config.meander_m)
    material, region, row = _countryside(config, frame, rng, warp)

    angle = math.pi * rng.random()
    grid = StreetGrid(config, frame, rng, angle, warp)
    _paint_blocks(grid, frame, rng, material, region)
    _paint_water(config, frame, rng, grid, material)
    lane = grid.paint_streets(material)
    # All water is one region, all forest is another, and all streets are a third.
    classes = CLASS_OF[material]
    for number, joined in enumerate((WATER, FOREST, ROAD), 1):
        region[classes == joined] = number
    buildings = place_buildings(grid, frame, rng, material)
    _paint_cars(grid, frame, rng, material)
    _paint_trees(grid.kind, frame, rng, material)
    no_data = _paint_no_data(frame.size, rng) if rng.random() < config.no_data else None
    return TilePlan(frame, material, region, row, lane, buildings, no_data)


def _countryside(
    config: LayoutConfig, frame: Frame, rng: Generator, warp: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw field parcels in strips, and patches of forest; return ``material, region, row``."""
    u, v = frame.rotated(math.pi * rng.random(), warp)
    strips = Bands(rng, frame, config.field_m, frame.gsd / 2)
    at = strips.index(u)
    strip = strips.band[at].astype(np.int32)

    count = len(strips)
    length = between(rng, (1.2, 2.5), count) * np.diff(strips.edges)
    start = length * rng.random(count) + frame.reach
    along = (v + start.astype(np.float32)[strip]) / length.astype(np.float32)[strip]
    position = along.astype(np.int32)
    per_strip = int(2 * frame.reach / length.min()) + 3
    parcel = _PARCELS + strip * per_strip + np.clip(position, 0, per_strip - 1)

    materials, weights = zip(*config.fields, strict=True)
    codes = np.array([Material[name] for name in materials], np.uint8)
    cumulative = np.cumsum(weights) / np.sum(weights)
    drawn = np.searchsorted(cumulative, rng.random(count * per_strip)).clip(max=len(codes) - 1)
    material = codes[drawn][parcel - _PARCELS]
    across = rng.random(count * per_strip) < 0.5
    row = np.where(across[parcel - _PARCELS], u, v)

    margin = np.abs(strips.offset)[at]
    end = np.abs(along - np.rint(along)) * length.astype(np.float32)[strip]
    material[np.minimum(margin, end) < 0.7] = Material.MEADOW
    is_track = rng.random(count + 1) < config.track
    material[is_track[strips.nearest[at]] & (margin < 1.7)] = Material.TRACK

    share = between(rng, config.forest)
    forest_noise = exact_noise(rng, frame.size, 55.0 / frame.gsd, octaves=3)
    kind = Material.CONIFER if rng.random() < 0.3 else Material.BROADLEAF
    if share > 0:
        material[forest_noise > np.quantile(forest_noise[::4, ::4], 1 - share)] = kind
    return material, parcel, row


def _paint_blocks(
    grid: StreetGrid, frame: Frame, rng: Generator, material: np.ndarray, region: np.ndarray
) -> None:
    """Paint the ground of the blocks: lawns, yards, bare lots, groves in parks."""
    built = grid.kind > 0
    ground = np.array([Material.MEADOW, *GROUND.values()], np.uint8)
    lots = rng.random(grid.table.shape)
    patches = exact_noise(rng, frame.size, 22.0 / frame.gsd, octaves=2)
    cover = ground[grid.table]
    is_lot = grid.table == KINDS.index('lot') + 1
    cover[is_lot & (lots < 0.4)] = Material.RUBBLE
    surface = cover[grid.cell]
    # Irregular patches of yard in the lawns, and of lawn in the yards.
    surface[(surface == Material.LAWN) & (patches > 0.33)] = Material.PAVED
    surface[(surface == Material.PAVED) & (patches < -0.42)] = Material.LAWN
    surface[(surface == Material.SOIL) & (patches < -0.4)] = Material.MEADOW
    surface[(grid.kind == KINDS.index('park') + 1) & (patches < 0.1)] = Material.BROADLEAF
    material[built] = surface[built]
    blocks = _BLOCKS + grid.cell[0] * grid.table.shape[1] + grid.cell[1]
    region[built] = blocks[built]


def _paint_water(
    config: LayoutConfig, frame: Frame, rng: Generator, grid: StreetGrid, material: np.ndarray
) -> None:
    """Paint a river that winds across the tile, and ponds outside of built-up blocks."""
    half_extent = frame.size * frame.gsd / 2
    has_river, angle = rng.random() < config.river, math.pi * rng.random()
    offset, width = half_extent * (2 * rng.random() - 1), between(rng, (5.0, 14.0))
    phases, bend = rng.random(2), between(rng, (6.0, 16.0))
    ponds = [draws for draws in rng.random((2, 6)) if draws[0] < config.pond]
    if not has_river and not ponds:
        return
    ragged = exact_noise(rng, frame.size, 40.0 / frame.gsd, octaves=2)
    if has_river:
        u, v = frame.rotated(angle)
        axis = np.arange(-frame.reach, frame.reach, frame.gsd / 2)
        course = np.sin(axis / 38.0 + 6.28 * phases[0]) + 0.5 * np.sin(axis / 17 + 6.28 * phases[1])
        rows = ((u + np.float32(frame.reach)) * np.float32(2 / frame.gsd)).astype(np.intp)
        course = (bend * course + offset).astype(np.float32)[rows]
        distance = np.abs(v - course) + 3 * ragged
        material[distance < width + 3] = Material.MEADOW
        material[distance < width] = Material.WATER
    open_ground = (grid.kind == 0) | (grid.kind == KINDS.index('park') + 1)
    for draws in ponds:
        u, v = frame.rotated(math.pi * draws[1])
        u = (u - half_extent * (2 * draws[2] - 1)) / (8 + 18 * draws[3])
        v = (v - half_extent * (2 * draws[4] - 1)) / (7 + 10 * draws[5])
        # A rounded rectangle as of a fish pond, with a ragged edge as of a natural one.
        u, v = u * u, v * v
        radius = u * u + v * v + 0.7 * ragged
        material[open_ground & (radius < 1.25)] = Material.MEADOW
        material[open_ground & (radius < 1)] = Material.WATER


def _paint_cars(grid: StreetGrid, frame: Frame, rng: Generator, material: np.ndarray) -> None:
    """Paint cars on asphalt, parallel to their street."""
    extent = frame.size * frame.gsd / 2
    count = int(extent**2 / 60)
    points = (rng.random((count, 2)) * 2 - 1) * extent
    chance = rng.random(count)
    column, row = frame.nearest(points)
    on_asphalt = material[row, column] == Material.ASPHALT
    # Streets have two directions. Of the nearest line of each, the car is parallel to the nearer.
    offsets = [
        np.abs(axis.offset[at[row, column]]) for axis, at in zip(grid.axes, grid.at, strict=True)
    ]
    turn = np.where(offsets[0] < offsets[1], np.pi / 2, 0.0) + grid.angle
    distance = np.minimum(*offsets)
    # Keep cars away from the centre line and from crossings.
    chosen = on_asphalt & (distance > 1.3) & (np.maximum(*offsets) > 8) & (chance < 0.8)
    canvas = np.zeros(material.shape, np.uint8)
    for index in np.flatnonzero(chosen):
        along = np.array([np.cos(turn[index]), np.sin(turn[index])])
        side = np.array([-along[1], along[0]])
        signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
        corners = np.array([s * 2.2 * along + t * 0.95 * side for s, t in signs])
        corners = frame.to_pixels(points[index] + corners)
        cv2.fillConvexPoly(canvas, np.rint(corners * 16).astype(np.int32), 1, shift=4)
    material[(canvas > 0) & (material == Material.ASPHALT)] = Material.CAR


def _paint_trees(kind: np.ndarray, frame: Frame, rng: Generator, material: np.ndarray) -> None:
    """Paint small groups of trees on lawns, meadows and the pavements of built-up blocks."""
    extent = frame.size * frame.gsd / 2
    count = int((2 * extent) ** 2 / 160)
    points = (rng.random((count, 2)) * 2 - 1) * extent
    radius = 1.6 + 1.9 * rng.random(count)
    # Trees grow in groups: move every second tree next to the one before it.
    points[1::2] = points[: count // 2 * 2 : 2] + 4.0 * (rng.random((count // 2, 2)) - 0.5)
    column, row = frame.nearest(points)
    ground = material[row, column]
    grassy = (ground == Material.LAWN) | (ground == Material.MEADOW)
    paved = (ground == Material.PAVED) & (kind[row, column] > 0)
    chance = np.where(grassy, 0.75, np.where(paved, 0.3, 0.0))
    canvas = np.zeros(material.shape, np.uint8)
    for index in np.flatnonzero(rng.random(count) < chance):
        centre = np.rint(frame.to_pixels(points[index]) * 16).astype(int)
        size = max(int(radius[index] / frame.gsd * 16), 16)
        cv2.circle(canvas, (int(centre[0]), int(centre[1])), size, 1, -1, shift=4)
    growable = ~np.isin(CLASS_OF[material], (BUILDING, ROAD, WATER))
    material[(canvas > 0) & growable] = Material.BROADLEAF


def _paint_no_data(size: int, rng: Generator) -> np.ndarray:
    """Return a slightly slanted strip along one border, H×W bool."""
    width = size * (0.03 + 0.07 * rng.random())
    slant = 0.05 * (2 * rng.random() - 1)
    side = int(rng.integers(4))
    axis = np.arange(size)
    strip = axis[None, :] < width + slant * axis[:, None]
    return np.ascontiguousarray(np.rot90(strip, side))
