"""The plan of a tile: a map of materials, and the objects on it.

It is painted in this order: countryside (field parcels, forest), built-up blocks of a street grid,
water, streets, buildings, cars and street trees. The mask depends only on the plan.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .buildings import Buildings, place_buildings
from .config import LayoutConfig
from .details import paint_cars, paint_no_data, paint_trees
from .fields import Bands, Frame, between, exact_noise
from .materials import CLASS_OF, FOREST, ROAD, WATER, Material
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
        """The mask in LoveDA's raw codes: 0 no-data, 1 background … 7 agriculture."""
        mask = CLASS_OF[self.material]
        if self.no_data is not None:
            mask[self.no_data] = 0
        return mask


def make_layout(config: LayoutConfig, frame: Frame, rng: Generator) -> TilePlan:
    """Draw the plan of one tile."""
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
    # Water, forest and streets are one region each, across parcels and blocks.
    classes = CLASS_OF[material]
    for number, joined in enumerate((WATER, FOREST, ROAD), 1):
        region[classes == joined] = number
    buildings = place_buildings(grid, frame, rng, material)
    paint_cars(grid, frame, rng, material)
    paint_trees(grid.kind, frame, rng, material)
    no_data = paint_no_data(frame.size, rng) if rng.random() < config.no_data else None
    return TilePlan(frame, material, region, row, lane, buildings, no_data)


def _countryside(
    config: LayoutConfig, frame: Frame, rng: Generator, warp: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw field parcels in strips, and patches of forest with natural outlines."""
    u, v = frame.rotated(math.pi * rng.random(), warp)
    strips = Bands(rng, frame, config.field_m, frame.gsd / 2)
    at = strips.index(u)
    strip = strips.band[at].astype(np.int32)

    count = len(strips)
    length = np.array([between(rng, (1.2, 2.5)) for _ in range(count)]) * np.diff(strips.edges)
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
    hills = exact_noise(rng, frame.size, 55.0 / frame.gsd, octaves=3)
    kind = Material.CONIFER if rng.random() < 0.3 else Material.BROADLEAF
    if share > 0:
        material[hills > np.quantile(hills[::4, ::4], 1 - share)] = kind
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
        # A rounded rectangle looks like a fish pond, a ragged edge like a natural pond.
        u, v = u * u, v * v
        radius = u * u + v * v + 0.7 * ragged
        material[open_ground & (radius < 1.25)] = Material.MEADOW
        material[open_ground & (radius < 1)] = Material.WATER
