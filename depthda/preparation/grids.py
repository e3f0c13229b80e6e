"""A raster of heights found on the grid of an image, or brought to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform, transform_bounds

from depthda.errors import UserError

# A depth raster may begin or end this many pixels beside its image; more is another place.
_TOLERANCE = 8


class Placed(NamedTuple):
    """A one-band raster on the grid of an image: where its first pixel lies there."""

    raster: rasterio.DatasetReader
    column: int
    row: int

    def read_rows(self, first: int, rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the image's grid: values, and where there are any; both ``rows``×``width``."""
        low, high = max(first, self.row), min(first + rows, self.row + self.raster.height)
        left, right = max(0, self.column), min(width, self.column + self.raster.width)
        values = np.zeros((rows, width), self.raster.dtypes[0])
        valid = np.zeros((rows, width), bool)
        if low < high and left < right:
            window = (
                (low - self.row, high - self.row),
                (left - self.column, right - self.column),
            )
            band = self.raster.read(1, window=window, masked=True)
            inside = np.s_[low - first : high - first, left:right]
            values[inside] = band.data
            valid[inside] = ~np.ma.getmaskarray(band) & np.isfinite(band.data)
        return values, valid


def place(raster: rasterio.DatasetReader, image: rasterio.DatasetReader) -> Placed:
    """Find ``raster`` on the grid of ``image``: by its georeference, or first pixel on first.

    It may be a few pixels larger, smaller or beside the image (one DSM of Potsdam lacks a line).
    """
    _check_one_band(raster)
    column = row = 0
    if has_place(raster) and has_place(image):
        if fault := other_grid(raster, image):
            raise UserError(
                f'{_title(raster)} and {_title(image)} {fault}: bring the heights to the grid of '
                'the image'
            )
        pixel, theirs = image.transform, raster.transform
        column = round((theirs.c - pixel.c) / pixel.a)
        row = round((theirs.f - pixel.f) / pixel.e)
    ends = (column + raster.width - image.width, row + raster.height - image.height)
    if max(map(abs, (column, row, *ends))) > _TOLERANCE:
        raise UserError(
            f'{_title(raster)} ({raster.width}×{raster.height}, from column {column}, row {row}) '
            f'does not cover {_title(image)} ({image.width}×{image.height}): check both files and '
            'their georeferences'
        )
    return Placed(raster, column, row)


@contextmanager
def warp(raster: rasterio.DatasetReader, image: rasterio.DatasetReader) -> Iterator[Placed]:
    """Bring ``raster`` to the grid of ``image`` by their georeferences, bilinear, row by row.

    Where it has nothing there is no depth; to lie elsewhere altogether is an error.
    """
    _check_one_band(raster)
    for each in (raster, image):
        if each.crs is None or not has_place(each):
            raise UserError(
                f'{_title(each)} has no georeference, so nobody knows where it lies: give both '
                'files one, or heights with the pixels of the image'
            )
    bounds = transform_bounds(raster.crs, image.crs, *raster.bounds)
    if rasterio.coords.disjoint_bounds(_upright(bounds), _upright(image.bounds)):
        raise UserError(
            f'{_title(raster)} has no height where {_title(image)} lies: check which belong '
            'together'
        )
    # A tag that the values cannot take would count places outside as height 0.
    nodata = {'nodata': _unused(raster)} if raster.nodata is None else {}
    with WarpedVRT(
        raster,
        crs=image.crs,
        transform=image.transform,
        width=image.width,
        height=image.height,
        resampling=Resampling.bilinear,
        dtype='float64',
        **nodata,
    ) as warped:
        yield Placed(warped, 0, 0)


def has_place(raster: rasterio.DatasetReader) -> bool:
    return not raster.transform.is_identity


def other_grid(raster: rasterio.DatasetReader, image: rasterio.DatasetReader) -> str | None:
    """How the grids of two georeferenced files differ, their places aside; None if they do not.

    Two spellings of one coordinate system are common, and so are two systems with the same places
    (ETRS89 and WGS 84). So two systems differ only if they put the image in different places.
    """
    mine, theirs = raster.transform, image.transform
    if max(map(abs, (mine.b, mine.d, theirs.b, theirs.d))) > 1e-3 * abs(theirs.a):
        return 'do not both lie straight on their axes'
    if not np.allclose((mine.a, mine.e), (theirs.a, theirs.e), rtol=0.01, atol=0):
        if raster.transform.e * image.transform.e < 0:
            turned = raster if raster.transform.e > 0 else image
            return (
                f'have their rows in opposite orders, for {_title(turned)} is stored bottom-up '
                '(gdalwarp FILE NEW turns it)'
            )
        return f'have pixels of {abs(mine.a):g}×{abs(mine.e):g} and {theirs.a:g}×{abs(theirs.e):g}'
    if _moved(raster, image):
        one, other = (f'EPSG:{each.crs.to_epsg()}' for each in (raster, image))
        return f'have different coordinate systems ({one} and {other})'
    return None


def _moved(raster: rasterio.DatasetReader, image: rasterio.DatasetReader) -> bool:
    """Whether the middle of the image is another place in the coordinate system of ``raster``."""
    codes = [each.crs and each.crs.to_epsg() for each in (raster, image)]
    if None in codes or codes[0] == codes[1]:
        return False
    x, y = image.transform @ (image.width / 2, image.height / 2)
    (moved_x,), (moved_y,) = transform(raster.crs, image.crs, [x], [y])
    column, row = ~image.transform @ (moved_x, moved_y)
    return not max(abs(column - image.width / 2), abs(row - image.height / 2)) < _TOLERANCE


def _upright(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return bounds with the lower end first, also those of a raster that is stored bottom-up."""
    left, bottom, right, top = bounds
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _check_one_band(raster: rasterio.DatasetReader) -> None:
    if raster.count != 1:
        raise UserError(f'{_title(raster)} has {raster.count} bands: heights are one')


def _title(raster: rasterio.DatasetReader) -> str:
    """The name of a file, as people have it: GDAL's own for one in a zip is full of signs."""
    return re.sub(r'^/vsizip/\{(?:/vsisubfile/[^,]*,)?(.*)\}/', r'\1/', raster.name)


def _unused(raster: rasterio.DatasetReader) -> float:
    return float('nan') if np.dtype(raster.dtypes[0]).kind == 'f' else -1e9
