"""One image of somebody's own set, with its label and heights, cut into tiles or kept whole."""

import os
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError

from depthda.depth.maps import write_depth
from depthda.errors import UserError
from depthda.io.headers import IMAGE_SUFFIXES
from depthda.io.rasters import open_raster, tile_suffix, write_image
from depthda.preparation.class_list import IGNORED
from depthda.preparation.cutting import starts
from depthda.preparation.folder_rows import (
    Cut,
    DepthRows,
    ImageRows,
    LabelRows,
    chosen_bands,
)
from depthda.preparation.grids import has_place
from depthda.preparation.splits import Box

Rows = Callable[[int, int], np.ndarray]  # first row, how many


@dataclass(frozen=True)
class Scene:
    """The files of one image, by the folder that their tiles go to."""

    name: str
    image: Path
    label: Path | None = None
    depth: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        every = dict(images=self.image, labels=self.label, depth=self.depth)
        return {product: path for product, path in every.items() if path is not None}


@dataclass(frozen=True)
class SceneGrid:
    """Where the tiles of an image lie: pixels, by name; and on the map, if it has a place there.

    ``bands`` and ``dtype`` are those of its tiles.
    """

    bands: int
    dtype: str
    boxes: dict[str, tuple[int, int, int, int]]
    map_boxes: dict[str, Box] | None
    crs: str | None


def scene_name(path: str, suffix: str | None = None) -> str:
    """What the tiles of an image are called by: its path without ``suffix``, or any picture's."""
    stem, end = os.path.splitext(path)
    if suffix:
        stem = path[: -len(suffix)]
    elif end.lower() not in IMAGE_SUFFIXES:
        stem = path  # no ending: a name with a dot in it
    # A folder a scene (a/rgb.tif, a/dsm.tif) leaves the folder's name.
    name = stem.replace(os.sep, '/').rstrip('/_-. ') or 'image'
    return unicodedata.normalize('NFC', name)


def find_grid(scene: Scene, cut: Cut) -> SceneGrid:
    """The tiles that an image gives; from its header alone."""
    with open_raster(scene.image) as image:
        bands, dtype = chosen_bands(image, cut)
        boxes = {}
        for top, bottom in _spans(image.height, cut):
            for left, right in _spans(image.width, cut):
                name = (
                    scene.name
                    if cut.tile is None
                    else f'{scene.name}_{left}_{top}_{right}_{bottom}'
                )
                boxes[name] = (left, top, right, bottom)
        if not has_place(image) or image.crs is None:
            return SceneGrid(len(bands), dtype, boxes, None, None)
        on_map = {name: _on_map(image.transform, box) for name, box in boxes.items()}
        return SceneGrid(len(bands), dtype, boxes, on_map, image.crs.to_string())


def image_suffix(grids: Mapping[str, SceneGrid]) -> str:
    """``'.png'`` for grey and colour images of 8 bits, ``'.tif'`` for all others.

    Grey and colour may be mixed, since both are read as three bands; nothing else may.
    """
    kinds: dict[tuple[int, str], str] = {}
    for name, grid in grids.items():
        kinds.setdefault((grid.bands, grid.dtype), name)
    suffixes = {tile_suffix(*kind) for kind in kinds}
    if len(kinds) > 1 and suffixes != {'.png'}:
        (one, first), (other, second) = list(kinds.items())[:2]
        raise UserError(
            f'{first} has {one[0]} bands of {one[1]}, {second} has {other[0]} of {other[1]}: '
            'prepare them as two datasets, or choose the same with --bands and --stretch'
        )
    return suffixes.pop()


def cut_scene(scene: Scene, out: Path, cut: Cut, boxes: dict[str, tuple]) -> dict[str, Any]:
    """Write the tiles in ``boxes``; gives what the manifest says of the image, and ``clipped``.

    Tiles that the image has no pixel for (the black corners of a mosaic) are left out.
    """
    with ExitStack() as opened:
        image = opened.enter_context(open_raster(scene.image))
        optical = ImageRows(image, cut)
        readers: dict[str, Rows] = {'images': optical}
        bands, dtype = chosen_bands(image, cut)
        suffix = tile_suffix(len(bands), dtype)
        label = None
        if scene.label is not None:
            raster = opened.enter_context(open_raster(scene.label))
            label = readers['labels'] = LabelRows(raster, image, cut)
        if scene.depth is not None:
            readers[cut.depth_name] = DepthRows(scene.depth, image, cut, opened)
        tiles, counts, depths = [], np.zeros(IGNORED + 1, np.int64), np.zeros(2, np.int64)
        # One row of tiles at a time is in memory: all there is of a scene.
        for top, bottom in sorted({box[1::2] for box in boxes.values()}):
            row = {name: box for name, box in boxes.items() if box[1::2] == (top, bottom)}
            if cut.tile is not None and _may_be_empty(image):
                filled = image.dataset_mask(window=((top, bottom), (0, image.width))).astype(bool)
                row = {name: box for name, box in row.items() if filled[:, box[0] : box[2]].any()}
            if not row:
                continue
            strips = {
                product: _read(read, top, bottom, path)
                for (product, read), path in zip(readers.items(), scene.files.values(), strict=True)
            }
            for name, (left, _, right, _) in row.items():
                for product, strip in strips.items():
                    pixels = strip[:, left:right]
                    end = suffix if product == 'images' else '.png'
                    write = write_depth if product == cut.depth_name else write_image
                    write(out / product / f'{name}{end}', pixels)
                    if product == 'labels':
                        counts += np.bincount(pixels.ravel(), minlength=IGNORED + 1)
                    elif product == cut.depth_name:
                        depths += (np.count_nonzero(pixels), pixels.size)
                tiles.append(name)
    facts: dict[str, Any] = dict(
        size=[image.width, image.height], tiles=tiles, empty=len(boxes) - len(tiles)
    )
    facts |= dict(clipped=optical.clipped)
    if label is not None:
        of_classes = counts[: len(cut.classes.names)]
        facts |= dict(pixels=[*of_classes.tolist(), int(counts[IGNORED])])
        facts |= dict(recoloured=label.recoloured)
    if scene.depth is not None:
        facts |= dict(depth_pixels=depths.tolist())
    return facts


def _spans(length: int, cut: Cut) -> list[tuple[int, int]]:
    if cut.tile is None or length <= cut.tile:
        return [(0, length)]
    return [(first, first + cut.tile) for first in starts(length, cut.tile, cut.stride)]


def _on_map(transform: rasterio.Affine, box: tuple[int, int, int, int]) -> Box:
    (left, top), (right, bottom) = transform @ box[:2], transform @ box[2:]
    return Box(min(left, right), min(top, bottom), max(left, right), max(top, bottom))


def _may_be_empty(image: rasterio.DatasetReader) -> bool:
    return any(MaskFlags.all_valid not in flags for flags in image.mask_flag_enums)


def _read(read: Rows, top: int, bottom: int, path: Path) -> np.ndarray:
    try:
        return read(top, bottom - top)
    except RasterioError as error:
        raise UserError(f'{path} cannot be read ({error}): write it again') from error
