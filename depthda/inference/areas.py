"""Areas of pixels on the ground."""

import math

import numpy as np
from rasterio.crs import CRS

from depthda.inference.scene import Grid

# WGS 84; other ellipsoids in use differ by less than 0.01 % in area.
_EQUATOR, _SQUARED = 6_378_137.0, 0.00669437999014  # metres; eccentricity squared


def row_areas(grid: Grid) -> np.ndarray | None:
    """Return the area of a pixel of each row in square metres; None without a georeference.

    A projected scene has pixels of one area, in the unit of its projection. Where the CRS is
    geographic, they are areas on the ellipsoid, which shrink towards the poles.
    """
    if grid.crs is None:
        return None
    pixel = abs(grid.transform.determinant)
    if not grid.crs.is_geographic:
        return np.full(grid.height, pixel * _metres(grid.crs) ** 2)
    edges = grid.transform.f + grid.transform.e * np.arange(grid.height + 1)
    zones = np.abs(np.diff([_zone(math.radians(max(-90.0, min(90.0, y)))) for y in edges]))
    return zones * math.radians(abs(grid.transform.a))


def _metres(crs: CRS) -> float:
    return crs.linear_units_factor[1]


def _zone(latitude: float) -> float:
    """Return the area from the equator to a latitude, per radian of longitude."""
    e, s = math.sqrt(_SQUARED), math.sin(latitude)
    part = s / (1 - _SQUARED * s * s) + math.log((1 + e * s) / (1 - e * s)) / (2 * e)
    return _EQUATOR**2 * (1 - _SQUARED) / 2 * part
