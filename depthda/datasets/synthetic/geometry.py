"""Geometry: the heights of all objects in the plan of a tile, and their shadows."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .config import GeometryConfig
from .fields import between, noise
from .layout import TilePlan
from .materials import CLASS_OF, FOREST, Material


@dataclass
class TileHeights:
    """Heights in metres (H×W): ``terrain``, and ``height`` with all objects on it.

    ``plant`` numbers the tree crowns and shrubs; 0 is no plant.
    """

    terrain: np.ndarray
    height: np.ndarray
    plant: np.ndarray


def make_surface(config: GeometryConfig, layout: TilePlan, rng: Generator) -> TileHeights:
    frame, material = layout.frame, layout.material
    terrain = _terrain(config, layout, rng)
    above = _crops(config, layout, rng)
    plant = np.zeros(material.shape, np.int32)

    forest = CLASS_OF[material] == FOREST
    if forest.any():
        crown_m = between(rng, config.crown_m)
        distance, label = _plants(forest, crown_m * 1.6 / frame.gsd, 0.75, rng)
        top = between(rng, config.tree_m) * (0.75 + 0.5 * rng.random(label.max() + 1))
        crown = 1 - (distance * np.float32(frame.gsd / (crown_m * 1.25))) ** 2
        dome = 0.55 + 0.45 * np.sqrt(np.maximum(crown, 0))
        above[forest] = (top.astype(np.float32)[label] * dome)[forest]
        plant[forest] = label[forest]
    shrubs = material == Material.ORCHARD
    if shrubs.any():
        crown_m = 0.6 * between(rng, config.crown_m)
        distance, label = _plants(shrubs, crown_m * 1.9 / frame.gsd, 0.3, rng)
        crown = 1 - (distance * np.float32(frame.gsd / (crown_m * 1.1))) ** 2
        top = 1.2 + 1.0 * rng.random(label.max() + 1)
        above[shrubs] = (top.astype(np.float32)[label] * np.sqrt(np.maximum(crown, 0.02)))[shrubs]
        plant[shrubs] = label[shrubs] + 100_000
    above[material == Material.CAR] = 1.5
    height = terrain + above
    _raise_buildings(config, layout, terrain, height, rng)
    return TileHeights(terrain, height, plant)


def _terrain(config: GeometryConfig, layout: TilePlan, rng: Generator) -> np.ndarray:
    size, gsd = layout.frame.size, layout.frame.gsd
    relief, base = between(rng, config.relief_m), 100 * rng.random()
    rolling = noise(rng, size, config.relief_length_m / gsd)
    rolling += 0.25 * noise(rng, size, config.relief_length_m / 4 / gsd)
    terrain = np.float32(relief / 4) * rolling + np.float32(base)
    water = layout.material == Material.WATER
    if water.any():
        # Water is level and below its banks.
        level = terrain[water].min() - 0.8
        bank = cv2.GaussianBlur(water.astype(np.float32), (0, 0), 3.0 / gsd)
        terrain = terrain + (level - terrain) * np.minimum(bank * 1.4, 1)
        terrain[water] = level
    return terrain


def _crops(config: GeometryConfig, layout: TilePlan, rng: Generator) -> np.ndarray:
    """Return the heights of grass, crops and rubble."""
    tall = np.zeros(len(Material), np.float32)
    for crop in (Material.GREEN_CROP, Material.RIPE_CROP, Material.PADDY):
        tall[crop] = 1.0
    tall[Material.MEADOW] = tall[Material.RUBBLE] = 0.3
    tops = between(rng, config.crop_m, 1024)
    return tall[layout.material] * tops.astype(np.float32)[layout.region % 1024]


def _plants(
    area: np.ndarray, spacing_px: float, jitter: float, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Place plants on a jittered lattice; return distance (pixels) and number of the nearest."""
    size = area.shape[0]
    spacing_px = max(spacing_px, 2.0)
    count = int(size / spacing_px) + 2
    lattice = np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1).astype(np.float64)
    lattice[1::2, :, 0] += 0.5
    lattice += jitter * (rng.random(lattice.shape) - 0.5) + rng.random(2) - 1
    pixel = np.rint(lattice.reshape(-1, 2) * spacing_px).astype(int)
    pixel = pixel[((pixel >= 0) & (pixel < size)).all(1)]
    free = np.ones(area.shape, np.uint8)
    free[pixel[:, 1], pixel[:, 0]] = 0
    return cv2.distanceTransformWithLabels(free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)


def _raise_buildings(
    config: GeometryConfig,
    layout: TilePlan,
    terrain: np.ndarray,
    height: np.ndarray,
    rng: Generator,
) -> None:
    """Add flat and gabled buildings, which stand at the height of the ground at their centre."""
    buildings, frame = layout.buildings, layout.frame
    rows, columns = np.nonzero(buildings.number)
    if not len(rows):
        return
    low, high = config.building_m
    eaves = low * (high / low) ** buildings.storey * (0.92 + 0.16 * rng.random(len(buildings)))
    column, row = frame.nearest(np.stack([buildings.x, buildings.y], 1))
    eaves += terrain[row, column]
    pitch = np.where(buildings.gabled, 0.4 + 0.25 * rng.random(len(buildings)), 0.0)

    index = buildings.number[rows, columns] - 1
    half = frame.size / 2 - 0.5
    x = (columns - half) * frame.gsd - buildings.x[index]
    y = (rows - half) * frame.gsd - buildings.y[index]
    angle = buildings.angle
    across = np.abs(y * np.cos(angle)[index] - x * np.sin(angle)[index])
    roof = pitch[index] * np.maximum(buildings.b[index] - across, 0)
    height[rows, columns] = eaves[index] + roof


@dataclass(frozen=True)
class Sun:
    """The position of the sun; ``towards`` is its direction in the image (x right, y down)."""

    azimuth_deg: float
    elevation_deg: float

    @property
    def towards(self) -> tuple[float, float]:
        azimuth = math.radians(self.azimuth_deg)
        return math.sin(azimuth), -math.cos(azimuth)

    @property
    def slope(self) -> float:
        return math.tan(math.radians(self.elevation_deg))


def cast_shadow(height: np.ndarray, gsd: float, sun: Sun) -> np.ndarray:
    """Return the shadow in [0, 1]. It is 1 for a pixel a metre or more below the light ray.

    A pixel is in shadow if, at a distance t towards the sun, an object is more than t·slope higher.
    Objects outside of the tile cast no shadow into it.
    """
    size = height.shape[0]
    sx, sy = sun.towards
    drop = np.float32(sun.slope * gsd)
    reach = min(int((height.max() - height.min()) / drop) + 1, size - 1)
    edge = height.copy()
    for step in range(1, reach + 1):
        dx, dy = round(step * sx), round(step * sy)
        to_rows = slice(max(-dy, 0), size - max(dy, 0))
        to_columns = slice(max(-dx, 0), size - max(dx, 0))
        from_rows = slice(max(dy, 0), size - max(-dy, 0))
        from_columns = slice(max(dx, 0), size - max(-dx, 0))
        target = edge[to_rows, to_columns]
        np.maximum(target, height[from_rows, from_columns] - step * drop, out=target)
    shadow = np.clip(edge - height, 0, 1)
    return cv2.GaussianBlur(shadow, (0, 0), 0.7)
