"""Pixel grids: place a raster on the grid of an image, or resample it to that grid."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from affine import Affine
from rasterio import DatasetReader
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform, transform_bounds

from depthda.errors import UserError

# The edges of a raster of heights may be this many pixels away from the edges of its image. At a
# larger distance, the raster shows another area.
_TOLERANCE = 8


@dataclass(frozen=True)
class Grid:
    """Size and place of a raster; without a georeference, the transform is the identity."""

    height: int
    width: int
    transform: Affine
    crs: CRS | None

    def scaled(self, factor: float) -> 'Grid':
        """Return the grid with ``factor`` times as many pixels along each side."""
        height, width = (max(1, round(side * factor)) for side in (self.height, self.width))
        scale = Affine.scale(self.width / width, self.height / height)
        return Grid(height, width, self.transform @ scale, self.crs)

    @classmethod
    def of(cls, raster: DatasetReader) -> 'Grid':
        return cls(raster.height, raster.width, raster.transform, raster.crs)


class Placed(NamedTuple):
    """A one-band raster, and the column and row of its first pixel in an image."""

    raster: DatasetReader
    column: int
    row: int

    def read_rows(self, first: int, rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Read rows of the image's grid: values and their validity, both ``rows``×``width``."""
        low, high = max(first, self.row), min(first + rows, self.row + self.raster.height)
        left, right = max(0, self.column), min(width, self.column + self.raster.width)
        strip = np.ma.array(np.zeros((rows, width), self.raster.dtypes[0]), mask=True)
        if low < high and left < right:
            window = ((low - self.row, high - self.row), (left - self.column, right - self.column))
            inside = self.raster.read(1, window=window, masked=True)
            strip[low - first : high - first, left:right] = inside
        return strip.data, ~strip.mask & np.isfinite(strip.data)


def place(raster: DatasetReader, image: DatasetReader, advice: str = '') -> Placed:
    """Place ``raster`` on the grid of ``image`` by their georeferences.

    Without georeferences, the first pixels of both coincide. The raster may be larger or smaller
    than the image, or shifted, by a few pixels (one DSM of Potsdam lacks a line). Otherwise, an
    error is raised, whose message ends with the further ``advice``.
    """
    check_heights(raster)
    fix = f'resample the heights to the grid of the image{advice}'
    column, row = map(round, _first_pixel(raster, image, fix))
    ends = (column + raster.width - image.width, row + raster.height - image.height)
    if max(map(abs, (column, row, *ends))) > _TOLERANCE:
        raise UserError(
            f'{_title(raster)} ({raster.width}×{raster.height}, from column {column}, row {row}) '
            f'does not cover {_title(image)} ({image.width}×{image.height}): check both files and '
            f'their georeferences{advice}'
        )
    return Placed(raster, column, row)


@contextmanager
def warp(raster: DatasetReader, image: DatasetReader) -> Iterator[Placed]:
    """Resample ``raster`` bilinearly to the grid of ``image`` by their georeferences.

    The rows are resampled when they are read. Where the raster has no value, there is no depth. A
    raster that does not overlap the image is an error.
    """
    check_heights(raster)
    for file in (raster, image):
        if file.crs is None or not is_georeferenced(file):
            raise UserError(
                f'{_title(file)} has no georeference, so its position is unknown: georeference '
                'both files, or use heights on the pixel grid of the image'
            )
    bounds = transform_bounds(raster.crs, image.crs, *raster.bounds)
    # Put the lower ends first, because a raster that is stored bottom-up has them last.
    corners, image_corners = (
        np.sort(np.reshape(ends, (2, 2)), axis=0) for ends in (bounds, image.bounds)
    )
    if (corners[0] > image_corners[1]).any() or (corners[1] < image_corners[0]).any():
        files = f'{_title(raster)} does not overlap {_title(image)}'
        raise UserError(f'{files}: check that the two files belong together')
    # Set a no-data value that no height has, because pixels outside the raster would get height 0.
    is_float = np.dtype(raster.dtypes[0]).kind == 'f'
    nodata = {} if raster.nodata is not None else {'nodata': float('nan') if is_float else -1e9}
    grid = dict(crs=image.crs, transform=image.transform, width=image.width, height=image.height)
    kind = dict(resampling=Resampling.bilinear, dtype='float64')
    with WarpedVRT(raster, **grid, **kind, **nodata) as warped:
        yield Placed(warped, 0, 0)


def check_aligned(raster: DatasetReader, image: DatasetReader, by_size: bool = False) -> None:
    """Refuse a raster that is not on the pixel grid of its image, as far as the files tell.

    With ``by_size`` only the sizes are compared.
    """
    files, fix = f'{_title(raster)} and {_title(image)}', 'use files on the grid of the image'
    if raster.shape != image.shape:
        sizes = f'{raster.width}×{raster.height} and {image.width}×{image.height}'
        raise UserError(f'{files} have different sizes, {sizes}: {fix}')
    column, row = (0, 0) if by_size else _first_pixel(raster, image, fix)
    if max(abs(column), abs(row)) > 0.5:
        raise UserError(f'{files} are {column:.1f} columns and {row:.1f} rows apart: {fix}')


def is_georeferenced(raster: DatasetReader) -> bool:
    """Return whether a file is georeferenced."""
    return not raster.transform.is_identity


def _first_pixel(raster: DatasetReader, image: DatasetReader, fix: str) -> tuple[float, float]:
    """Return the column and row of the image at which the raster begins.

    Without georeferences, this is the first pixel of the image. A raster on another grid is an
    error.
    """
    if not (is_georeferenced(raster) and is_georeferenced(image)):
        return 0, 0
    if fault := _other_grid(raster, image):
        raise UserError(f'{_title(raster)} and {_title(image)} {fault}: {fix}')
    return ~image.transform @ (raster.transform.c, raster.transform.f)


def _other_grid(raster: DatasetReader, image: DatasetReader) -> str | None:
    """Describe how the grids of two files differ, apart from their origins; None if they agree.

    One coordinate system is often written in two ways, and a point may have the same coordinates in
    two systems (ETRS89 and WGS 84). So two systems differ only if they put the image in different
    places.
    """
    grid, image_grid = raster.transform, image.transform
    shears = (grid.b, grid.d, image_grid.b, image_grid.d)
    if max(map(abs, shears)) > 1e-3 * abs(image_grid.a):
        return 'must both have grids without rotation'
    if not np.allclose((grid.a, grid.e), (image_grid.a, image_grid.e), rtol=0.01, atol=0):
        if grid.e * image_grid.e < 0:
            cause = f'{_title(raster if grid.e > 0 else image)} is stored bottom-up'
            return (
                f'have their rows in opposite orders, because {cause} (gdalwarp FILE NEW flips it)'
            )
        size, image_size = (f'{abs(t.a):g}×{abs(t.e):g}' for t in (grid, image_grid))
        return f'have pixels of {size} and {image_size}'
    codes = [file.crs and file.crs.to_epsg() for file in (raster, image)]
    if None in codes or codes[0] == codes[1]:
        return None
    # Take the coordinates of the middle of the image as those of the raster's system.
    middle = (image.width / 2, image.height / 2)
    (x,), (y,) = transform(raster.crs, image.crs, *([end] for end in image.transform @ middle))
    if np.abs(np.subtract(~image.transform @ (x, y), middle)).max() < _TOLERANCE:
        return None
    return f'have different coordinate systems (EPSG:{codes[0]} and EPSG:{codes[1]})'


def check_heights(raster: DatasetReader) -> None:
    """Refuse a raster that cannot hold heights."""
    if raster.count != 1:
        raise UserError(f'{_title(raster)} has {raster.count} bands, but heights need one')
    if np.dtype(raster.dtypes[0]).kind == 'c':
        raise UserError(f'{_title(raster)} contains complex numbers: save heights as float32')


def _title(raster: DatasetReader) -> str:
    """Return the path of a file as the user knows it; GDAL's path of a file in a zip is cryptic."""
    return re.sub(r'^/vsizip/\{(?:/vsisubfile/[^,]*,)?(.*)\}/', r'\1/', raster.name)
