"""One area of an ISPRS set, cut into tiles."""

import functools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from depthda.datasets.isprs import CLASSES, PALETTE
from depthda.depth.maps import normalize_heights, write_depth
from depthda.errors import UserError
from depthda.io.rasters import open_raster, write_image
from depthda.preparation.cutting import read_colours, starts
from depthda.preparation.grids import Placed, place
from depthda.preparation.isprs_files import Piece
from depthda.preparation.sources import SourceFile

IGNORED = 255
DEPTHS = ('dsm', 'ndsm')
# Black is the boundary between objects, where the benchmark does not count.
INDICES = {tuple(colour): index for index, colour in enumerate(PALETTE)} | {(0, 0, 0): IGNORED}

Range = tuple[float, float]


@dataclass(frozen=True)
class Area:
    """The work on one area: what to write (by folder) and from which files."""

    name: str
    pieces: dict[str, Piece]
    reference: SourceFile  # the orthophoto whose grid all share


def cut_area(
    area: Area,
    out: Path,
    tile: int,
    stride: int,
    dsm_range: Range | None,
    nearest_colour: bool,
) -> dict[str, Any]:
    """Write the tiles of one area; gives what the manifest says of it."""
    for file in {area.reference, *(piece.file for piece in area.pieces.values())}:
        file.check()
    with open_raster(area.reference) as image, ExitStack() as opened:
        width, height = image.width, image.height
        columns, rows = starts(width, tile, stride), starts(height, tile, stride)
        if not (columns and rows):
            raise UserError(
                f'{area.reference} is {width}×{height}, smaller than a tile of {tile}: choose a '
                'smaller --tile'
            )
        facts: dict[str, dict] = {product: {} for product in area.pieces}
        readers: dict[str, Callable[[int, int, int], np.ndarray]] = {}
        for product, piece in area.pieces.items():
            if product == 'labels':
                labels, odd = read_colours(piece.file, INDICES, nearest_colour)
                _same_size(piece.file, labels.shape[::-1], image, area)
                facts[product] = dict(recoloured=odd, pixels=_count(labels))
                readers[product] = functools.partial(_label_rows, labels)
                continue
            raster = opened.enter_context(open_raster(piece.file))
            if product in DEPTHS:
                placed = place(raster, image)
                facts[product] = dict(size=[raster.width, raster.height])
                facts[product]['first'] = [placed.column, placed.row]
                readers[product] = functools.partial(
                    _depth_rows, placed, None if product == 'ndsm' else dsm_range, piece
                )
            else:
                _same_size(piece.file, (raster.width, raster.height), image, area)
                _check_bands(piece, raster)
                readers[product] = functools.partial(_image_rows, raster, piece.bands)
        # One row of tiles at a time is in memory: all that is there of a scene but its labels.
        for top in rows:
            for product, read in readers.items():
                try:
                    strip = read(top, tile, width)
                except RasterioError as error:
                    # Here, where it is known which of the open files it was.
                    file = area.pieces[product].file
                    raise UserError(
                        f'{file} cannot be read ({error}): write or unpack it again'
                    ) from error
                write = write_depth if product in DEPTHS else write_image
                for left in columns:
                    name = f'{area.name}_{left}_{top}_{left + tile}_{top + tile}.png'
                    write(out / product / name, strip[:, left : left + tile])
    return dict(size=[width, height], tiles=len(columns) * len(rows), products=facts)


def _same_size(
    file: SourceFile, size: tuple[int, int], image: rasterio.DatasetReader, area: Area
) -> None:
    if size != (image.width, image.height):
        raise UserError(
            f'{file} is {size[0]}×{size[1]} and {area.reference} {image.width}×{image.height}: '
            'unpack both again'
        )


def _check_bands(piece: Piece, raster: rasterio.DatasetReader) -> None:
    number, word = (4, 'four') if piece.kind == 'rgbir' else (3, 'three')
    if raster.count != number or raster.dtypes[0] != 'uint8':
        raise UserError(
            f'{piece.file} has {raster.count} bands of {raster.dtypes[0]}: an orthophoto of '
            f'{piece.kind.upper()} has {word} of 8 bits'
        )


def _label_rows(labels: np.ndarray, first: int, rows: int, width: int) -> np.ndarray:
    return labels[first : first + rows]


def _image_rows(
    raster: rasterio.DatasetReader, bands: tuple[int, ...], first: int, rows: int, width: int
) -> np.ndarray:
    return np.moveaxis(raster.read(list(bands), window=((first, first + rows), (0, width))), 0, -1)


def _depth_rows(
    placed: Placed, metres: Range | None, piece: Piece, first: int, rows: int, width: int
) -> np.ndarray:
    values, valid = placed.read_rows(first, rows, width)
    if metres is not None:
        return normalize_heights(values, valid, metres)
    if values.dtype != np.uint8:
        raise UserError(f'{piece.file} is {values.dtype}: an nDSM of ISPRS has 8 bits')
    # As 8-bit maps are read everywhere here: the lowest is height 0, not "no depth".
    return np.where(valid, (values.astype(np.float32) + 1) / 256, 0)


def _count(labels: np.ndarray) -> dict[str, int]:
    numbers = np.bincount(labels.ravel(), minlength=IGNORED + 1)
    counts = {name: int(numbers[index]) for index, name in enumerate(CLASSES)}
    return counts | dict(ignored=int(numbers[IGNORED]))
