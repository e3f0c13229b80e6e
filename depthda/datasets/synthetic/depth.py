"""Relative depth like that of a monocular estimator."""

import cv2
import numpy as np
from numpy.random import Generator

from .appearance import Light
from .config import DepthConfig
from .fields import noise
from .geometry import TileHeights
from .layout import TilePlan
from .materials import Material, is_any

_FLAT_ROOFS = (Material.ROOF_CONCRETE, Material.ROOF_BITUMEN, Material.ROOF_METAL)


def estimate_depth(
    config: DepthConfig, layout: TilePlan, surface: TileHeights, light: Light, rng: Generator
) -> np.ndarray:
    """Return relative depth, H×W uint16 in 1…65535, larger = higher.

    With the fidelity f, the standardised true height z, and a Gaussian blur g of width
    (1 - f)·blur_m, depth is ``f·g(z + (1 - f)·appearance_error·e) + (1 - f)·drift·n``. Here n is
    smooth noise and e are errors caused by appearance: shadows are too deep, water has bumps, some
    flat roofs are missed. With f = 1 this is the true height, with f = 0 noise without information
    about the scene. Each map is normalised by its own range, so scale and shift are lost.
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
    """Return smooth noise of unit scale: a slope, long waves, and bumps of the size of blocks."""
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
