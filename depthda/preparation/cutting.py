"""What cutting a scene into aligned tiles is made of: places, colours, files."""

import functools
import os
from collections.abc import Mapping

import numpy as np

from depthda.errors import UserError, many
from depthda.io.rasters import open_raster

_UNKNOWN = 254

Colour = tuple[int, int, int]


def starts(length: int, tile: int, stride: int) -> list[int]:
    """Where tiles begin along one side; the last is moved back to end with the side."""
    places = list(range(0, length - tile + 1, stride))
    if places and places[-1] + tile < length:
        places.append(length - tile)
    return places


def read_colours(
    path: str | os.PathLike, indices: Mapping[Colour, int], nearest: bool = False
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
        return index_colours(raster.read([1, 2, 3]), indices, str(path), nearest)


def index_colours(
    colours: np.ndarray, indices: Mapping[Colour, int], name: str, nearest: bool = False
) -> tuple[np.ndarray, int]:
    """``read_colours`` for 3×H×W ``colours`` of the file ``name``."""
    red, green, blue = colours
    codes = red.astype(np.uint32) << 16 | green.astype(np.uint32) << 8 | blue
    labels = _table(tuple(indices.items()))[codes]
    odd = labels == _UNKNOWN
    count = int(odd.sum())
    if count:
        found, numbers = np.unique(codes[odd], return_counts=True)
        if not nearest:
            most = found[numbers.argmax()]
            raise UserError(
                f'{name} has {many(count, "pixel")} of no class, in {many(len(found), "colour")} '
                f'(most often {_colour(most)}): correct them, or give them the nearest colour by '
                '--nearest-colour'
            )
        known = np.array(list(indices))
        table = np.zeros(1 << 24, np.uint8)
        for code in found:
            distances = ((known - _colour(code)) ** 2).sum(1)
            table[code] = indices[tuple(known[distances.argmin()].tolist())]
        labels[odd] = table[codes[odd]]
    return labels, count


@functools.lru_cache(maxsize=2)
def _table(indices: tuple[tuple[Colour, int], ...]) -> np.ndarray:
    """The index of each of the 2²⁴ colours: one look-up a pixel."""
    table = np.full(1 << 24, _UNKNOWN, np.uint8)
    for colour, index in indices:
        table[_code(colour)] = index
    return table


def _code(colour: Colour) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def _colour(code: int) -> Colour:
    return int(code) >> 16, int(code) >> 8 & 255, int(code) & 255
