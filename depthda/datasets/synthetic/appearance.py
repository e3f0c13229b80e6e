"""Render the image of a scene (colour, texture, light, sensor), and simulate relative depth."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .config import AppearanceConfig, DepthConfig
from .fields import between, noise
from .geometry import Sun, TileHeights, cast_shadow
from .layout import TilePlan
from .materials import AUTUMN, SUMMER, TEXTURE, Material, is_any

_SKY = np.array([184, 192, 200], np.float32)
_ROWS = (Material.GREEN_CROP, Material.RIPE_CROP, Material.PLOUGHED, Material.PADDY)
_CAR_PAINT = np.array([225, 205, 60, 110, 160], np.float32)
_FLAT_ROOFS = (Material.ROOF_CONCRETE, Material.ROOF_BITUMEN, Material.ROOF_METAL)


@dataclass
class Light:
    """The sun of a tile, and the shadow (H×W, in [0, 1]) of its objects."""

    sun: Sun
    shadow: np.ndarray


def make_light(config: AppearanceConfig, surface: TileHeights, gsd: float, rng: Generator) -> Light:
    """Draw the position of the sun, and compute the shadows."""
    sun = Sun(between(rng, config.sun_azimuth_deg), between(rng, config.sun_elevation_deg))
    return Light(sun, cast_shadow(surface.height, gsd, sun))


def render(
    config: AppearanceConfig, layout: TilePlan, surface: TileHeights, light: Light, rng: Generator
) -> np.ndarray:
    """Return the image of the sensor, H×W×3 uint8 RGB."""
    colour = _colours(config, layout, surface, rng)
    colour *= _texture(layout, rng)[..., None]
    colour *= _illumination(layout, surface, light)
    return _sense(config, colour, layout.no_data, rng)


def _colours(
    config: AppearanceConfig, layout: TilePlan, surface: TileHeights, rng: Generator
) -> np.ndarray:
    """Return the colour of the material of each pixel, varied from object to object."""
    autumn = np.float32(between(rng, config.autumn))
    palette = SUMMER + (AUTUMN - SUMMER) * autumn
    # One table has the tints of parcels and blocks (the first 1024), buildings (the next 1024) and
    # tree crowns (the last 2048). Numbers of objects wrap around in their section.
    count = 4096
    tint = np.exp(config.variety * rng.standard_normal((count, 1), dtype=np.float32))
    tint = tint * np.exp(config.variety / 4 * rng.standard_normal((count, 3), dtype=np.float32))
    number = layout.buildings.number
    key = np.where(number > 0, 1024 + number % 1024, layout.region % 1024)
    colour = np.take(palette, layout.material, 0) * np.take(tint, key, 0)
    # Tree crowns in a forest differ less in colour than fields do.
    crowns = np.sqrt(tint[2048:])
    crowns[0] = 1
    colour *= np.take(crowns, surface.plant % 2048, 0)
    cars = layout.material == Material.CAR
    if cars.any():
        spots = noise(rng, layout.frame.size, 7.0)
        paint = _CAR_PAINT[(np.abs(spots[cars]) * 9).astype(int) % len(_CAR_PAINT)]
        colour[cars] = paint[:, None]
    return colour


def _texture(layout: TilePlan, rng: Generator) -> np.ndarray:
    """Return a brightness factor for each pixel: uneven ground, rows in fields, lanes of roads."""
    size, gsd = layout.frame.size, layout.frame.gsd
    mottle = 0.05 * noise(rng, size, 14 / gsd) + 0.05 * noise(rng, size, 3.5 / gsd)
    mottle += 0.05 * noise(rng, size, max(1.0 / gsd, 1.3))
    texture = 1 + mottle * TEXTURE[layout.material]
    rows, columns = np.nonzero(is_any(layout.material, *_ROWS))
    if len(rows):
        parcel = layout.region[rows, columns] % 1024
        frequency = (2 * math.pi / (2.2 + 3 * rng.random(1024))).astype(np.float32)
        strength = (0.03 + 0.11 * rng.random(1024)).astype(np.float32)
        phase = layout.row[rows, columns] * frequency[parcel]
        texture[rows, columns] += strength[parcel] * np.sin(phase)
    # A pale centre line on asphalt, and the darker wheel tracks next to it.
    asphalt, lane = layout.material == Material.ASPHALT, layout.lane
    texture[asphalt & (lane < max(0.2, gsd / 2))] *= 1.35
    texture[asphalt & (np.abs(lane - 2.0) < 0.5)] *= 0.95
    return texture


def _illumination(layout: TilePlan, surface: TileHeights, light: Light) -> np.ndarray:
    """Return a light factor by Lambert's law with ambient light; level ground in full sun has 1."""
    gsd, sun = layout.frame.gsd, light.sun
    smooth = cv2.GaussianBlur(surface.height, (0, 0), 0.6)
    scale = 1 / (8 * gsd)
    gx = np.clip(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=scale), -1.0, 1.0)
    gy = np.clip(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=scale), -1.0, 1.0)
    sx, sy, slope = map(np.float32, (*sun.towards, sun.slope))
    facing = (1 - (gx * sx + gy * sy) / slope) / np.sqrt(1 + gx * gx + gy * gy)
    facing = np.clip(facing, 0.1, 1.6)
    facing[layout.material == Material.WATER] = 1
    direct = facing * (1 - light.shadow)
    ambient = np.array([0.30, 0.34, 0.40], np.float32)
    return ambient + (1 - ambient) * direct[..., None]


def _sense(
    config: AppearanceConfig, colour: np.ndarray, no_data: np.ndarray | None, rng: Generator
) -> np.ndarray:
    """Apply the effects of air, optics and sensor: haze, blur, noise and gamma."""
    size = colour.shape[0]
    haze = np.float32(between(rng, config.haze))
    jitter = 1 + config.gain_jitter * rng.standard_normal(3)
    gain = (np.array(config.gain) * jitter).astype(np.float32)
    gamma, blur = between(rng, config.gamma), between(rng, config.blur_px)
    image = (colour * (1 - haze) + haze * _SKY) * gain
    image = cv2.GaussianBlur(image, (0, 0), blur)
    # The noise of a sensor is similar in its bands, so they share one draw. Red and blue add half
    # of a shifted copy.
    grain = rng.standard_normal((size, size), dtype=np.float32) * np.float32(config.noise)
    image += grain[..., None]
    image[..., 0] += np.roll(grain, 7, 0) * np.float32(0.5)
    image[..., 2] += np.roll(grain, 7, 1) * np.float32(0.5)
    levels = 255 * (np.arange(256) / 255) ** gamma
    image = np.clip(image, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, np.rint(levels).astype(np.uint8))
    if no_data is not None:
        image[no_data] = 0
    return image


def estimate_depth(
    config: DepthConfig, layout: TilePlan, surface: TileHeights, light: Light, rng: Generator
) -> np.ndarray:
    """Return relative depth, H×W uint16 in 1…65535, larger = higher.

    f is the fidelity, z the standardised true height, and g a Gaussian blur with the standard
    deviation (1 - f)·blur_m in metres. Depth is
    ``f·g(z + (1 - f)·appearance_error·e) + (1 - f)·drift·n``. Here n is smooth noise and e are
    errors caused by appearance: shadows are too deep, water has bumps, some flat roofs are missed.
    With f = 1, depth is the true height. With f = 0, it is noise without information about the
    scene. Each map is normalised by its own range, so scale and shift are lost.
    """
    size, gsd, f = layout.frame.size, layout.frame.gsd, config.fidelity
    spread = max(float(surface.height.std()), 0.5)
    z = (surface.height - surface.height.mean()) * np.float32(1 / spread)
    drift = _drift(size, gsd, rng)
    errors = _appearance_errors(layout, surface, light, spread, rng)
    stretch = rng.random(2)
    if f < 1:
        z = z + np.float32((1 - f) * config.appearance_error) * errors
        z = cv2.GaussianBlur(z, (0, 0), max((1 - f) * config.blur_m / gsd, 0.1))
    estimate = np.float32(f) * z + np.float32((1 - f) * config.drift) * drift
    low, high = float(estimate.min()), float(estimate.max())
    margin = 0.1 * (high - low) + 1e-6
    low, high = low - margin * stretch[0], high + margin * stretch[1]
    relative = (estimate - np.float32(low)) * np.float32(65534 / (high - low))
    return (np.clip(relative, 0, 65534) + 1).astype(np.uint16)


def _drift(size: int, gsd: float, rng: Generator) -> np.ndarray:
    """Return smooth noise of unit scale: a slope, long waves, and bumps as large as city blocks."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    slope = rng.standard_normal(2).astype(np.float32) * np.float32(0.7)
    drift = slope[0] * axis[None, :] + slope[1] * axis[:, None]
    drift += 0.6 * noise(rng, size, 60 / gsd) + 0.4 * noise(rng, size, 20 / gsd)
    return drift


def _appearance_errors(
    layout: TilePlan, surface: TileHeights, light: Light, spread: float, rng: Generator
) -> np.ndarray:
    size, gsd = layout.frame.size, layout.frame.gsd
    errors = np.float32(-0.7) * light.shadow
    water = layout.material == Material.WATER
    bumps = noise(rng, size, 16 / gsd)
    errors[water] += bumps[water]
    # Some flat roofs are mistaken for open ground and lose part of their height.
    missed = np.clip(rng.random(4096) * 1.6 - 0.6, 0, 1).astype(np.float32)
    number = layout.buildings.number
    flat = (number > 0) & is_any(layout.material, *_FLAT_ROOFS)
    above = (surface.height - surface.terrain)[flat] / np.float32(spread)
    errors[flat] -= missed[number[flat] % 4096] * above
    return errors
