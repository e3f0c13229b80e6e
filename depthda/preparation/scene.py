"""Scenes, the files of their products, and the positions of their tiles."""

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rasterio import DatasetReader

from depthda.datasets.class_list import ClassList
from depthda.depth.surface.spans import Range
from depthda.errors import UserError, check_count, check_range, many
from depthda.io.grids import is_georeferenced
from depthda.io.headers import IMAGE_SUFFIXES
from depthda.io.rasters import open_raster, refuse_indices, tile_suffix
from depthda.io.sources import File

Progress = Callable[[str, int, int], None]  # stage, number of steps done, number of all steps
Report = Callable[[str], None]  # called with a sentence for the user


class Box(NamedTuple):
    """The position of a tile: in pixels of its image, or in map coordinates."""

    left: float
    top: float
    right: float
    bottom: float


Boxes = Mapping[str, Box]  # by the names of the tiles


@dataclass(frozen=True)
class Cut:
    """How all images of a dataset are cut."""

    tile: int | None = None  # side of a tile; None: images are not cut
    stride: int | None = None  # distance from one tile to the next
    # Bands to keep, counted from 1, in this order; three bands must be red, green and blue. None:
    # all bands of an image with one or three.
    bands: tuple[int, ...] | None = None
    stretch: Range | None = None  # input values that become 0 and 255; None: no stretch
    keep_values: bool = False  # write 16-bit values unchanged
    classes: ClassList | None = None  # what the labels mean; None: there are no labels
    class_field: str | None = None  # attribute with the class, if labels are polygons
    nearest_colour: bool = False  # an unlisted colour gets the class of the nearest colour
    depth_range: Range | None = None  # heights that become 0 and 1; heights outside are clipped
    warp: bool = False  # resample heights to the grid of their image
    depth_name: str = 'depth'  # folder of the depth maps


class ProductFile(NamedTuple):
    """The file from which one product of a scene is cut, the bands to read, and its kind."""

    file: File
    bands: tuple[int, ...] = ()
    kind: str = ''


class Scene(NamedTuple):
    """One image and the ``files`` that belong to it, by product.

    All files are on the grid of the image ``reference``. They are cut into the tiles ``boxes``, or
    into all tiles if it is None. Tiles without data are left out.
    """

    name: str
    files: dict[str, ProductFile]
    reference: File
    boxes: Boxes | None = None
    # ``find_tiles`` adds these: the tiles in map coordinates, their CRS, and the type of values.
    map_boxes: Boxes = {}
    crs: str = ''
    dtype: str = ''


def scene_name(path: str, suffix: str | None = None) -> str:
    """Return the name of an image, with which the names of its tiles begin.

    It is the path without ``suffix``, which defaults to the suffix of any image.
    """
    stem, end = os.path.splitext(path)
    if suffix:
        stem = path[: -len(suffix)]
    elif end.lower() not in IMAGE_SUFFIXES:
        stem = path  # the dot is part of the name and does not begin a suffix
    # With one folder per scene (a/rgb.tif, a/dsm.tif), only the name of the folder remains.
    name = stem.replace(os.sep, '/').rstrip('/_-. ') or 'image'
    return unicodedata.normalize('NFC', name)


def starts(length: int, tile: int, stride: int) -> list[int]:
    """Return where tiles begin along one side; the last tile is moved back to end at the edge."""
    return [*range(0, length - tile, stride), length - tile] if length >= tile else []


def tile_boxes(name: str, width: int, height: int, cut: Cut) -> Boxes:
    """Return the boxes of all tiles of an image; a side shorter than a tile is not cut."""
    if cut.tile is None:
        return {name: Box(0, 0, width, height)}
    boxes = [
        Box(left, top, min(left + cut.tile, width), min(top + cut.tile, height))
        for top in starts(height, cut.tile, cut.stride) or [0]
        for left in starts(width, cut.tile, cut.stride) or [0]
    ]
    return {f'{name}_{"_".join(map(str, box))}': box for box in boxes}


def find_tiles(scene: Scene, cut: Cut) -> Scene:
    """Find the bands and the tiles of an image from its header alone."""
    with open_raster(scene.reference) as image:
        photo = ProductFile(scene.reference, _bands(image, cut), 'images')
        files = scene.files | {'images': photo}
        boxes, map_boxes, crs = tile_boxes(scene.name, image.width, image.height, cut), {}, ''
        if is_georeferenced(image) and image.crs is not None:
            crs = image.crs.to_string()
            for name, box in boxes.items():
                xs, ys = zip(image.transform @ box[:2], image.transform @ box[2:], strict=True)
                map_boxes[name] = Box(min(xs), min(ys), max(xs), max(ys))
        return Scene(scene.name, files, scene.reference, boxes, map_boxes, crs, image.dtypes[0])


def output_suffix(scenes: Sequence[Scene], cut: Cut) -> str:
    """Return the suffix of image tiles: ``'.png'`` for 8-bit grey or colour, otherwise ``'.tif'``.

    Grey and colour images may be mixed, because both are read as three bands. Other kinds may not.
    """
    kinds: dict[tuple[int, str], str] = {}
    for scene in scenes:
        dtype = scene.dtype if cut.stretch is None else 'uint8'
        kinds.setdefault((len(scene.files['images'].bands), dtype), scene.name)
    suffixes = {tile_suffix(*kind) for kind in kinds}
    if len(kinds) > 1 and suffixes != {'.png'}:
        ((bands, dtype), name), ((other_bands, other_dtype), other) = list(kinds.items())[:2]
        raise UserError(
            f'{name} has {many(bands, "band")} of {dtype}, but {other} has '
            f'{many(other_bands, "band")} of {other_dtype}: prepare them as two datasets'
            f'{", or select the same number of bands with --bands" if dtype == other_dtype else ""}'
        )
    return suffixes.pop()


def _bands(image: DatasetReader, cut: Cut) -> tuple[int, ...]:
    """Return the bands of an image to keep; refuse types of values that cannot be kept."""
    bands = cut.bands or tuple(range(1, image.count + 1))
    # A fourth band may be near infrared or opacity. Its tag does not tell which, because GDAL tags
    # any fourth band as opacity by default.
    if cut.bands is None and len(bands) not in (1, 3):
        numbers = ' '.join(map(str, bands[:4])) + (' …' if len(bands) > 4 else '')
        raise UserError(
            f'{image.name} has {image.count} bands: select the bands to keep with --bands '
            f'({numbers} keeps all; list red, green and blue first)'
        )
    if max(bands) > image.count:
        raise UserError(
            f'{image.name} has {many(image.count, "band")}, so there is no band {max(bands)}: '
            'correct --bands'
        )
    refuse_indices(image)
    kept = ('uint8', 'uint16') if cut.keep_values else ('uint8',)
    if cut.stretch is None and image.dtypes[0] not in kept:
        raise UserError(
            f'{image.name} has values of type {image.dtypes[0]}: use --stretch LOW HIGH to map LOW '
            'to 0 and HIGH to 255 in all images, or --keep-values to keep uint16'
        )
    return bands


def check_options(tile: int | None, stride: int | None, workers: int, ranges, needs) -> None:
    """Refuse options with impossible values, or without the options that they need.

    ``ranges`` holds the ranges by option. Each item of ``needs`` is an option, its value, the
    option that it needs, and that option's value.
    """
    for option, value, needed, needed_value in needs:
        if value and not needed_value:
            raise UserError(f'{option} needs {needed}: add it, or leave out {option}')
    if tile is not None:
        check_count('--tile', tile)
    if tile is not None and not 1 <= stride <= tile:
        raise UserError(
            f'--stride {stride} does not fit --tile {tile}: use a stride from 1 to {tile}, because '
            'a larger one would leave out parts of the images'
        )
    check_count('--workers', workers)
    for option, span in ranges.items():
        check_range(option, span)
