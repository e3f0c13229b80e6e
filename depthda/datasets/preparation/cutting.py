"""What cutting a scene into aligned tiles is made of: places, colours, grids, files."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from depthda.errors import UserError
from depthda.files import atomic_path

# A depth raster may begin or end this many pixels beside its image; more is another place.
_TOLERANCE = 8
_UNKNOWN = 254


def starts(length: int, tile: int, stride: int) -> list[int]:
    """Where tiles begin along one side; the last is moved back to end with the side."""
    places = list(range(0, length - tile + 1, stride))
    if places and places[-1] + tile < length:
        places.append(length - tile)
    return places


@contextmanager
def open_raster(path: str | os.PathLike) -> Iterator[rasterio.DatasetReader]:
    """Open for reading; a file that cannot be read is a ``UserError`` with its name."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        try:
            with rasterio.open(path) as raster:
                yield raster
        except RasterioError as error:
            raise UserError(f'{path} cannot be read ({error}): unpack it again') from error


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write an 8-bit picture (H×W, or H×W×3 as red, green, blue), whole or not at all."""
    encoded = cv2.imencode('.png', picture[..., ::-1] if picture.ndim == 3 else picture)[1]
    with atomic_path(path) as beside:
        beside.write_bytes(encoded.tobytes())


def read_colours(
    path: str | os.PathLike, indices: dict[tuple[int, int, int], int], nearest: bool = False
) -> tuple[np.ndarray, int]:
    """A label picture as uint8 H×W indices, and how many pixels had a colour of no class.

    Such pixels are an error, or with ``nearest`` get the index of the nearest colour.
    """
    with open_raster(path) as raster:
        if raster.count not in (3, 4) or raster.dtypes[0] != 'uint8':
            raise UserError(
                f'{path} has {raster.count} bands of {raster.dtypes[0]}: a label picture has '
                'red, green and blue of 8 bits'
            )
        red, green, blue = raster.read([1, 2, 3])
    codes = red.astype(np.uint32) << 16 | green.astype(np.uint32) << 8 | blue
    table = np.full(1 << 24, _UNKNOWN, np.uint8)
    for colour, index in indices.items():
        table[_code(colour)] = index
    labels = table[codes]
    odd = labels == _UNKNOWN
    count = int(odd.sum())
    if count:
        found, numbers = np.unique(codes[odd], return_counts=True)
        if not nearest:
            most = found[numbers.argmax()]
            raise UserError(
                f'{path} has {count} pixels in {len(found)} colours of no class (most of them '
                f'{_colour(most)}): correct them, or give them the nearest colour by '
                '--nearest-colour'
            )
        known = np.array(list(indices))
        for code in found:
            distances = ((known - _colour(code)) ** 2).sum(1)
            table[code] = indices[tuple(known[distances.argmin()].tolist())]
        labels[odd] = table[codes[odd]]
    return labels, count


def _code(colour: tuple[int, int, int]) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def _colour(code: int) -> tuple[int, int, int]:
    return int(code) >> 16, int(code) >> 8 & 255, int(code) & 255


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
    if raster.count != 1:
        raise UserError(f'{raster.name} has {raster.count} bands: heights are one')
    column = row = 0
    if not (raster.transform.is_identity or image.transform.is_identity):
        pixel, theirs = image.transform, raster.transform
        if not np.allclose((pixel.a, pixel.e), (theirs.a, theirs.e), rtol=0.01):
            raise UserError(
                f'{raster.name} has pixels of {theirs.a:g} and {image.name} of {pixel.a:g}: '
                'bring it to the grid of the image'
            )
        column = round((theirs.c - pixel.c) / pixel.a)
        row = round((theirs.f - pixel.f) / pixel.e)
    ends = (column + raster.width - image.width, row + raster.height - image.height)
    if max(map(abs, (column, row, *ends))) > _TOLERANCE:
        raise UserError(
            f'{raster.name} ({raster.width}×{raster.height}, from column {column}, row {row}) '
            f'does not cover {image.name} ({image.width}×{image.height}): check both files and '
            'their world files (.tfw)'
        )
    return Placed(raster, column, row)
