"""A surface model on disk: what it says of itself, its heights strip by strip, above the ground."""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from depthda.depth.surface.ground import Strip, ground_strips
from depthda.errors import UserError

# Pixels read at once: 8 MB of heights, of which some copies are needed.
_STRIP = 1 << 21
_READ = 1 << 20


class SurfaceGrid(NamedTuple):
    """Where the pixels of a raster are; the transform is the identity where that is not known."""

    width: int
    height: int
    transform: Affine
    crs: CRS | None


class Relief(NamedTuple):
    """A strip of a surface model."""

    raw: np.ndarray  # heights as they are on disk; float32 rows×width
    heights: np.ndarray  # above the ground, where that is asked for
    valid: np.ndarray
    below: int = 0  # how many valid ones were below the ground, and are 0 now
    terrain: np.ndarray | None = None  # the terrain model, where there is one


@dataclass(frozen=True)
class Surface:
    """A surface model, and how its ground is found.

    Args:
        path: GeoTIFF of one band.
        nodata: Values that are no heights, besides what the file says itself.
        terrain: A terrain model on the same grid, which is the ground.
        window: Side of the opening's window in metres; or
        window_pixels: the same in pixels.
    """

    path: Path
    nodata: tuple[float, ...] = ()
    terrain: Path | None = None
    window: float | None = None
    window_pixels: int | None = None

    def identity(self) -> dict[str, object]:
        """Size and content of the files: a copy is the same, a corrected file is another."""
        found = file_identity(self.path)
        return found if self.terrain is None else found | {'terrain': file_identity(self.terrain)}

    def check(self) -> SurfaceGrid:
        """The grid; a ``UserError`` if heights could not be read of this."""
        grid = read_grid(self.path)
        if self.terrain is not None:
            _check_same(self.path, grid, self.terrain, read_grid(self.terrain))
        self._half(grid)
        return grid

    def strips(self) -> Iterator[Relief]:
        """The heights from top to bottom; reads the file twice at once if there is an opening."""
        grid = read_grid(self.path)
        half = self._half(grid)
        # Strips lower than their halo would mean more work for the halo than for the strip.
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
            below = int(np.count_nonzero(above < 0))
            terrain = level if self.terrain is not None else None
            yield Relief(raw, np.maximum(above, 0), valid, below, terrain)

    def is_smaller_than_window(self, grid: SurfaceGrid) -> bool:
        """Whether the window of the opening is larger than the raster, so that hills go as well."""
        sides = self._window(grid)
        return sides is not None and (sides[0] > grid.height or sides[1] > grid.width)

    def _window(self, grid: SurfaceGrid) -> tuple[float, float] | None:
        """The window of the opening, in rows and columns; None: there is none."""
        if self.window_pixels is not None:
            return self.window_pixels, self.window_pixels
        if self.window is not None:
            return tuple(self.window / metres for metres in _pixel(self.path, grid))
        return None

    def _half(self, grid: SurfaceGrid) -> tuple[int, int] | None:
        """Half the window, in rows and columns."""
        sides = self._window(grid)
        if sides is None:
            return None
        if min(sides) < 3:
            raise UserError(
                f'the window of the opening is {min(sides):.2g} pixels of {self.path}, and it has '
                'to be larger than the largest building: give a larger one.'
            )
        # A window that is larger than the raster is cut at its edges anyway.
        size = (grid.height, grid.width)
        return tuple(round((min(s, 2 * n + 1) - 1) / 2) for s, n in zip(sides, size, strict=True))


def read_grid(path: Path) -> SurfaceGrid:
    """Size and place of a raster that holds one band of heights."""
    with _open(path) as raster:
        if raster.count != 1 or np.dtype(raster.dtypes[0]).kind not in 'iuf':
            raise UserError(
                f'{path} has {raster.count} bands of {raster.dtypes[0]}, and a surface model has '
                'one of numbers: leave the file out.'
            )
        return SurfaceGrid(raster.width, raster.height, raster.transform, raster.crs)


def file_identity(path: Path) -> dict[str, object]:
    """Bytes and SHA-256 of a raster with all that belongs to it (masks, world files)."""
    with _open(path) as raster:
        files = sorted(raster.files)
    digest, size = hashlib.sha256(), 0
    for each in files:
        with open(each, 'rb') as file:
            while part := file.read(_READ):
                digest.update(part)
                size += len(part)
    return {'bytes': size, 'sha256': digest.hexdigest()}


def world_file(grid: SurfaceGrid) -> str | None:
    """The content of a world file: pixel size, rotation, centre of the first pixel."""
    if grid.transform.is_identity:
        return None
    step = grid.transform
    x, y = step.c + (step.a + step.b) / 2, step.f + (step.d + step.e) / 2
    return ''.join(f'{value!r}\n' for value in (step.a, step.d, step.b, step.e, x, y))


def _read(path: Path, grid: SurfaceGrid, rows: int, nodata: Sequence[float]) -> Iterator[Strip]:
    with _open(path) as raster:
        scale, offset = raster.scales[0], raster.offsets[0]
        for top, bottom in pairwise([*range(0, grid.height, rows), grid.height]):
            band = raster.read(1, window=((top, bottom), (0, grid.width)), masked=True)
            valid = ~np.ma.getmaskarray(band)
            for value in nodata:
                valid &= band.data != value
            # Heights beyond float32 become infinite, which is no data as well.
            with np.errstate(over='ignore'):
                heights = band.data.astype(np.float32)
            valid &= np.isfinite(heights)
            if (scale, offset) != (1, 0):
                heights = (heights * np.float64(scale) + offset).astype(np.float32)
            yield np.where(valid, heights, np.float32(0)), valid


@contextmanager
def _open(path: Path) -> Iterator[rasterio.DatasetReader]:
    try:
        with rasterio.open(path) as raster:
            yield raster
    except RasterioError as error:
        raise UserError(f'{path} is not readable as GeoTIFF ({error}): write it again.') from error


def _pixel(path: Path, grid: SurfaceGrid) -> tuple[float, float]:
    """Metres from row to row and from column to column."""
    step = grid.transform
    if step.is_identity or (grid.crs is not None and grid.crs.is_geographic):
        lacks = 'no georeference' if step.is_identity else 'pixels in degrees'
        raise UserError(
            f'{path} has {lacks}, so a window in metres says nothing: give it in pixels with '
            '--window-pixels, or give the file a grid in metres.'
        )
    unit = 1.0 if grid.crs is None else grid.crs.linear_units_factor[1]
    return math.hypot(step.b, step.e) * unit, math.hypot(step.a, step.d) * unit


def _check_same(surface: Path, grid: SurfaceGrid, terrain: Path, other: SurfaceGrid) -> None:
    """A terrain model of another place would be subtracted without a word."""
    pixel = math.hypot(grid.transform.a, grid.transform.d)
    if grid.transform.is_identity != other.transform.is_identity:
        differs = 'one has a georeference and the other has none'
    elif grid.crs is not None and other.crs is not None and grid.crs != other.crs:
        differs = f'reference systems {_name(grid.crs)} and {_name(other.crs)}'
    elif not np.allclose(_steps(grid), _steps(other), rtol=1e-5, atol=1e-5 * pixel):
        differs = f'pixels {_steps(grid)[:2]} and {_steps(other)[:2]}'
    elif not np.allclose(_first(grid), _first(other), rtol=0, atol=0.05 * pixel):
        differs = f'first corners at {_first(grid)} and {_first(other)}'
    elif grid[:2] != other[:2]:
        differs = f'sizes {grid.width}×{grid.height} and {other.width}×{other.height}'
    else:
        return
    raise UserError(
        f'{surface} and {os.fspath(terrain)} are on different grids ({differs}): warp the terrain '
        'model to the grid of the surface model.'
    )


def _name(crs: CRS) -> str:
    return crs.to_string() if crs.to_epsg() else f'"{crs.to_wkt()[:40]}…"'


def _steps(grid: SurfaceGrid) -> tuple[float, float, float, float]:
    step = grid.transform
    return step.a, step.e, step.b, step.d


def _first(grid: SurfaceGrid) -> tuple[float, float]:
    return grid.transform.c, grid.transform.f
