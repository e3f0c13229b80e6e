"""Read a surface model: its grid, and its heights above the ground strip by strip."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import dumpsw
from rasterio.crs import CRS

from depthda.depth.surface.ground import Strip, ground_strips
from depthda.errors import UserError, many
from depthda.io.files import sha256
from depthda.io.grids import Grid
from depthda.io.rasters import open_raster

# Pixels read at once: 8 MB of heights. Memory holds several copies of them.
_STRIP = 1 << 21


class Relief(NamedTuple):
    """A strip of a surface model."""

    raw: np.ndarray  # heights as they are on disk, float32 rows×width
    heights: np.ndarray  # above the ground if that is subtracted; else equal to raw
    valid: np.ndarray  # where there is a height
    below_ground: int = 0  # how many valid heights were below the ground, and are now 0
    terrain: np.ndarray | None = None  # the terrain model, if there is one


@dataclass(frozen=True)
class Surface:
    """A surface model, and how its ground is found."""

    path: Path  # GeoTIFF of one band
    nodata: tuple[float, ...] = ()  # values that are not heights, added to those of the file
    terrain: Path | None = None  # a terrain model on the same grid, which is the ground
    window: float | None = None  # side of the window of the opening that finds the ground, in m
    window_pixels: int | None = None  # the same side in pixels; it replaces ``window``

    def identity(self) -> dict[str, object]:
        """Return size and hash of the files. A copy has equal values, a changed file has others."""
        identity = file_identity(self.path)
        if self.terrain is not None:
            identity['terrain'] = file_identity(self.terrain)
        return identity

    def check(self) -> Grid:
        """Return the grid; raise a ``UserError`` if no heights could be read."""
        grid = read_grid(self.path)
        if self.terrain is not None:
            _check_same_grid(self.path, grid, self.terrain, read_grid(self.terrain))
        self._half_window(grid)
        return grid

    def strips(self) -> Iterator[Relief]:
        """Yield the heights from top to bottom; for an opening, two readers read the file."""
        grid = read_grid(self.path)
        half = self._half_window(grid)
        # With strips of fewer rows than half a window, most of the work would be for the margins.
        rows = max(_STRIP // grid.width, 1, half[0] if half else 0)
        surface = _read(self.path, grid, rows, self.nodata)
        if self.terrain is not None:
            ground = _read(self.terrain, grid, rows, self.nodata)
        elif half:
            ground = ground_strips(_read(self.path, grid, rows, self.nodata), half)
        else:
            yield from (Relief(raw, raw, valid) for raw, valid in surface)
            return
        for (raw, valid), (level, known) in zip(surface, ground, strict=True):
            valid = valid & known
            above = np.subtract(raw, level, where=valid, out=np.zeros_like(raw))
            below_ground = int(np.count_nonzero(above < 0))
            terrain = level if self.terrain is not None else None
            yield Relief(raw, np.maximum(above, 0), valid, below_ground, terrain)

    def is_smaller_than_window(self, grid: Grid) -> bool:
        """Return whether the opening's window exceeds the raster, so that hills vanish as well."""
        sides = self._window(grid)
        return sides is not None and (sides[0] > grid.height or sides[1] > grid.width)

    def _window(self, grid: Grid) -> tuple[float, float] | None:
        """Return the window of the opening in rows and columns; None without an opening."""
        if self.window_pixels is not None:
            return self.window_pixels, self.window_pixels
        if self.window is not None:
            return tuple(self.window / metres for metres in _pixel_size(self.path, grid))
        return None

    def _half_window(self, grid: Grid) -> tuple[int, int] | None:
        """Return half the window in rows and columns, less the centre; None without an opening."""
        sides = self._window(grid)
        if sides is None:
            return None
        if min(sides) < 3:
            raise UserError(
                f'the window that finds the ground is only {min(sides):.2g} pixels wide in '
                f'{self.path}, but it must be larger than the largest building: use a larger one.'
            )
        # Windows are cut at the edges of the raster. So a larger window than these has no effect.
        limits = 2 * grid.height + 1, 2 * grid.width + 1
        return tuple(round((min(pair) - 1) / 2) for pair in zip(sides, limits, strict=True))


def read_grid(path: Path) -> Grid:
    """Read size and position of a raster that has one band of heights."""
    with open_raster(path) as raster:
        if raster.count != 1 or np.dtype(raster.dtypes[0]).kind not in 'iuf':
            raise UserError(
                f'{path} has {many(raster.count, "band")} of {raster.dtypes[0]}, but a surface '
                'model needs one band of real numbers: leave out the file.'
            )
        return Grid.of(raster)


def file_identity(path: Path) -> dict[str, object]:
    """Return size and SHA-256 of a raster with all its files (masks, world files)."""
    with open_raster(path) as raster:
        names = sorted(raster.files)
    return {'bytes': sum(map(os.path.getsize, names)), 'sha256': sha256(*names)}


def world_file(grid: Grid) -> str | None:
    """Return the content of a world file: pixel size, rotation, centre of the first pixel.

    It is None without a georeference.
    """
    return None if grid.transform.is_identity else dumpsw(grid.transform)


def _read(path: Path, grid: Grid, rows: int, nodata: Sequence[float]) -> Iterator[Strip]:
    with open_raster(path) as raster:
        scale, offset = raster.scales[0], raster.offsets[0]
        for top, bottom in pairwise([*range(0, grid.height, rows), grid.height]):
            band = raster.read(1, window=((top, bottom), (0, grid.width)), masked=True)
            valid = ~np.ma.getmaskarray(band)
            for value in nodata:
                valid &= band.data != value
            # Heights beyond float32 become infinite, which is no-data as well.
            with np.errstate(over='ignore'):
                heights = band.data.astype(np.float32)
            valid &= np.isfinite(heights)
            if (scale, offset) != (1, 0):
                heights = (heights * np.float64(scale) + offset).astype(np.float32)
            yield np.where(valid, heights, np.float32(0)), valid


def _pixel_size(path: Path, grid: Grid) -> tuple[float, float]:
    """Return the distances from row to row and from column to column, in metres."""
    step = grid.transform
    if step.is_identity or (grid.crs is not None and grid.crs.is_geographic):
        fault = 'no georeference' if step.is_identity else 'pixels in degrees'
        raise UserError(
            f'{path} has {fault}, so a window in metres has no meaning: set it in pixels with '
            '--window-pixels, or reproject the file to a grid in metres.'
        )
    unit = 1.0 if grid.crs is None else grid.crs.linear_units_factor[1]
    return math.hypot(step.b, step.e) * unit, math.hypot(step.a, step.d) * unit


def _check_same_grid(surface: Path, grid: Grid, terrain: Path, other: Grid) -> None:
    """Refuse a terrain model on another grid: it would be subtracted without an error."""
    transforms = grid.transform, other.transform
    pixel = math.hypot(grid.transform.a, grid.transform.d)
    steps, other_steps = ((t.a, t.e, t.b, t.d) for t in transforms)
    corner, other_corner = ((t.c, t.f) for t in transforms)
    if len({t.is_identity for t in transforms}) > 1:
        difference = 'one has a georeference and the other has none'
    elif grid.crs is not None and other.crs is not None and grid.crs != other.crs:
        difference = f'reference systems {_crs_name(grid.crs)} and {_crs_name(other.crs)}'
    elif not np.allclose(steps, other_steps, rtol=1e-5, atol=1e-5 * pixel):
        difference = f'pixels {steps[:2]} and {other_steps[:2]}'
    elif not np.allclose(corner, other_corner, rtol=0, atol=0.05 * pixel):
        difference = f'first corners at {corner} and {other_corner}'
    elif (grid.width, grid.height) != (other.width, other.height):
        difference = f'sizes {grid.width}×{grid.height} and {other.width}×{other.height}'
    else:
        return
    raise UserError(
        f'{surface} and {terrain} are on different grids ({difference}): warp the terrain model to '
        'the grid of the surface model.'
    )


def _crs_name(crs: CRS) -> str:
    return crs.to_string() if crs.to_epsg() else f'"{crs.to_wkt()[:40]}…"'
