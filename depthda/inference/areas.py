"""Ground areas of pixels and polygons."""

import math
from collections.abc import Sequence

import numpy as np

from depthda.io.grids import Grid

# WGS 84; other ellipsoids in use differ by less than 0.01 % in area.
_EQUATOR, _SQUARED = 6_378_137.0, 0.00669437999014  # metres; eccentricity squared


def pixel_size(grid: Grid) -> float | None:
    """Return the side of a pixel in metres, at the middle of the scene; None without a CRS."""
    areas = row_areas(grid)
    return None if areas is None else float(areas[grid.height // 2]) ** 0.5


def row_areas(grid: Grid) -> np.ndarray | None:
    """Return the area of one pixel in each row, in square metres; None without a CRS.

    In a projected CRS all pixels have the same area on the map. In a geographic CRS the areas are
    those on the ellipsoid, which shrink towards the poles.
    """
    if grid.crs is None:
        return None
    pixel = abs(grid.transform.determinant)
    if not grid.crs.is_geographic:
        return np.full(grid.height, pixel * grid.crs.linear_units_factor[1] ** 2)
    edges = grid.transform.f + grid.transform.e * np.arange(grid.height + 1)
    zones = np.abs(np.diff([_zone(math.radians(max(-90.0, min(90.0, y)))) for y in edges]))
    return zones * math.radians(abs(grid.transform.a))


def ring_area(grid: Grid, ring: Sequence[tuple[float, float]]) -> float:
    """Return the area inside a ring of pixel corners, in square metres; without a CRS in pixels.

    In a geographic CRS, edges along rows and columns are exact.
    """
    columns, rows = np.array(ring, float).T
    height, scale = rows, 1.0
    if grid.crs is not None and grid.crs.is_geographic:
        latitudes = np.radians(np.clip(grid.transform.f + grid.transform.e * rows, -90, 90))
        height = np.array([_zone(latitude) for latitude in latitudes])
        scale = math.radians(abs(grid.transform.a))
    elif grid.crs is not None:
        scale = abs(grid.transform.determinant) * grid.crs.linear_units_factor[1] ** 2
    middle = (columns[1:] + columns[:-1]) / 2
    return abs(float((middle * np.diff(height)).sum())) * scale


def _zone(latitude: float) -> float:
    """Return the area from the equator to a latitude, per radian of longitude."""
    e, s = math.sqrt(_SQUARED), math.sin(latitude)
    part = s / (1 - _SQUARED * s * s) + math.log((1 + e * s) / (1 - e * s)) / (2 * e)
    return _EQUATOR**2 * (1 - _SQUARED) / 2 * part
