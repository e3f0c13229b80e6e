"""Cut one scene into the tiles of its products."""

import functools
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError

from depthda.depth.maps import normalize_heights, read_depth, write_depth
from depthda.errors import UserError, few, many
from depthda.io.rasters import open_raster, write_image
from depthda.preparation.class_list import IGNORED, ClassList
from depthda.preparation.grids import Placed, place, warp
from depthda.preparation.scene import Boxes, Cut, Range
from depthda.preparation.sources import SourceFile

BLENDED = 'is JPEG, which blends labels: save it as PNG or TIFF'

_UNKNOWN = 254

Colour = tuple[int, int, int]


class Rows:
    """The rows of one product of a scene. Call it with the first row and the number of rows.

    ``file`` names the open ``raster`` in messages.
    """

    suffix = '.png'
    # All rows, if they have been read at once.
    whole: np.ndarray | None = None

    def __init__(self, file: Path | SourceFile, raster: rasterio.DatasetReader | None) -> None:
        self.file, self.raster = file, raster

    def __call__(self, first: int, rows: int) -> np.ndarray:
        if self.whole is not None:
            return self.whole[first : first + rows]
        try:
            return self.read(first, rows)
        except RasterioError as error:
            # Here it is known which of the open files it was.
            raise UserError(
                f'{self.file} cannot be read ({error}): write or unpack it again'
            ) from error

    def read(self, first: int, rows: int) -> np.ndarray:
        raise NotImplementedError

    def count(self, tile: np.ndarray) -> None:
        """Count the pixels of a tile that is written."""


class ImageRows(Rows):
    """The chosen ``bands`` of an image; ``stretch`` is mapped to 0 and 255."""

    def __init__(self, file, raster, bands, stretch: Range | None = None, suffix='.png') -> None:
        super().__init__(file, raster)
        self.bands, self.stretch, self.suffix = list(bands), stretch, suffix
        self.clipped = np.zeros(2, np.int64)  # values outside ``stretch``, and all values
        self.nan_pixels, self._counted = 0, 0  # in the rows before ``_counted``

    def read(self, first: int, rows: int) -> np.ndarray:
        window = ((first, first + rows), (0, self.raster.width))
        pixels = self.raster.read(self.bands, window=window)
        if self.stretch is not None:
            low, high = self.stretch
            self.clipped += (np.sum(pixels < low) + np.sum(pixels > high), pixels.size)
            # Rows of tiles may overlap.
            new = pixels[:, max(0, self._counted - first) :]
            self.nan_pixels += int(np.isnan(new).any(0).sum())
            self._counted = first + rows
            shades = (pixels.astype(np.float32) - low) * (255 / (high - low))
            pixels = np.rint(np.nan_to_num(shades).clip(0, 255)).astype(np.uint8)
        return pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)


class LabelRows(Rows):
    """A label file as class indices.

    With ``nearest``, a colour without a class gets the class of the nearest colour.

    Attributes:
        counts: Pixels of tiles by class index.
        recoloured: Pixels that got the nearest colour, in all rows read.
    """

    def __init__(self, file, raster, classes: ClassList, nearest: bool = False) -> None:
        super().__init__(file, raster)
        self.classes, self.nearest = classes, nearest
        self.recoloured, self.counts = 0, np.zeros(IGNORED + 1, np.int64)
        if raster.driver == 'JPEG':
            raise UserError(f'{file} {BLENDED}')
        kind = np.dtype(raster.dtypes[0])
        found = f'{file} has {many(raster.count, "band")} of {kind}'
        if classes.coloured and (raster.count not in (3, 4) or kind != np.uint8):
            cure = 'list the classes as name VALUE, or ' if raster.count == 1 else ''
            raise UserError(
                f'{found}{_palette(raster)}, and labels in colours have red, green and blue of 8 '
                f'bits: {cure}save the labels as RGB'
            )
        if not classes.coloured and (raster.count != 1 or kind.kind not in 'iu'):
            cure = 'save it as uint8 (rio convert --dtype uint8 FILE NEW)'
            if kind.kind == 'f':
                cure = (
                    'give pixels without a value (NaN) one of their own first (255), because they '
                    f'would become 0, then {cure}'
                )
            if raster.count != 1:
                cure = 'for labels in colours write the list of classes as name RED GREEN BLUE'
            raise UserError(f'{found}, and labels by value are one band of whole numbers: {cure}')

    def read(self, first: int, rows: int) -> np.ndarray:
        window = ((first, first + rows), (0, self.raster.width))
        if self.classes.coloured:
            return self._of_colours(self.raster.read([1, 2, 3], window=window))
        return self._of_values(self.raster.read(1, window=window))

    def count(self, tile: np.ndarray) -> None:
        self.counts += np.bincount(tile.ravel(), minlength=IGNORED + 1)

    def _of_values(self, values: np.ndarray) -> np.ndarray:
        inside = (values >= 0) & (values <= 255)
        labels = np.where(inside, self.classes.table()[np.where(inside, values, 0)], -1)
        if len(unknown := np.unique(values[labels < 0])):
            known = ', '.join(map(str, sorted(self.classes.values)))
            raise UserError(
                f'{self.file} has {"the values" if len(unknown) > 1 else "the value"} '
                f'{few(map(str, unknown), 5)} without a class (the list has {known}): add a line '
                'for each to the list of classes, and ignore VALUE for what does not count'
            )
        return labels.astype(np.uint8)

    def _of_colours(self, colours: np.ndarray) -> np.ndarray:
        """Turn 3×H×W ``colours`` into H×W indices."""
        codes = colours[0].astype(np.uint32) << 16
        codes |= colours[1].astype(np.uint32) << 8
        codes |= colours[2]
        labels = _table(tuple(self.classes.values.items()))[codes]
        unknown = labels == _UNKNOWN
        if not (count := int(unknown.sum())):
            return labels
        found, places, numbers = np.unique(codes[unknown], return_inverse=True, return_counts=True)
        shades = np.stack([found >> 16, found >> 8 & 255, found & 255], 1).astype(int)
        if not self.nearest:
            raise UserError(
                f'{self.file} has {many(count, "pixel")} without a class, in '
                f'{many(len(found), "colour")} (most often '
                f'{tuple(shades[numbers.argmax()].tolist())}): correct them, or give them the '
                'nearest colour with --nearest-colour'
            )
        distances = [((shades - colour) ** 2).sum(1) for colour in self.classes.values]
        closest = np.array([*self.classes.values.values()], np.uint8)[np.argmin(distances, 0)]
        labels[unknown] = closest[places]
        self.recoloured += count
        return labels


class DepthRows(Rows):
    """Heights, ``placed`` on the grid of the image, as depth; ``span`` becomes 0 and 1."""

    def __init__(self, file, placed: Placed | None, width: int, span: Range | None) -> None:
        super().__init__(file, placed and placed.raster)
        self.placed, self.width, self.span = placed, width, span
        self.counts = np.zeros(2, np.int64)  # pixels of tiles with depth, and all

    def read(self, first: int, rows: int) -> np.ndarray:
        return self.to_depth(*self.placed.read_rows(first, rows, self.width))

    def to_depth(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        return normalize_heights(values, valid, self.span)

    def count(self, tile: np.ndarray) -> None:
        self.counts += (np.count_nonzero(tile), tile.size)


def open_depth(path: Path, image: rasterio.DatasetReader, cut: Cut, opened: ExitStack) -> DepthRows:
    """Open a depth map (PNG) or a file of heights (TIFF) on the grid of the image."""
    if path.suffix.lower() == '.png':
        depth = DepthRows(path, None, image.width, None)
        depth.whole = read_depth(path)
        if depth.whole.shape != (image.height, image.width):
            size = '×'.join(map(str, depth.whole.shape[::-1]))
            raise UserError(
                f'{path} is {size} and {image.name} {image.width}×{image.height}: bring the depth '
                'map to the grid of the image'
            )
        return depth
    raster = opened.enter_context(open_raster(path))
    if cut.warp:
        placed = opened.enter_context(warp(raster, image))
    else:
        try:
            placed = place(raster, image)
        except UserError as error:
            raise UserError(f'{error}, or let --warp-depth do it') from error
    return DepthRows(path, placed, image.width, cut.depth_range)


@functools.lru_cache(maxsize=2)
def _table(indices: tuple[tuple[Colour, int], ...]) -> np.ndarray:
    """Build the index of each of the 2²⁴ colours: then a pixel takes one look-up."""
    table = np.full(1 << 24, _UNKNOWN, np.uint8)
    for (red, green, blue), index in indices:
        table[red << 16 | green << 8 | blue] = index
    return table


def _palette(raster: rasterio.DatasetReader) -> str:
    if raster.colorinterp[0] != ColorInterp.palette:
        return ''
    values = few(map(str, np.unique(raster.read(1))), 8)
    return f' (its colours are a palette over the values {values})'


def write_tiles(
    readers: Mapping[str, Rows],
    boxes: Boxes,
    out: Path,
    image: rasterio.DatasetReader | None = None,
) -> list[str]:
    """Write the tiles in ``boxes`` of each product, and return the names of those written.

    Tiles for which ``image`` has no pixel (the black corners of a mosaic) are left out. If
    anything fails, no tile of the scene is left: no manifest describes it yet.
    """
    written: list[str] = []
    masks = image.mask_flag_enums if image is not None else ()
    may_be_empty = any(MaskFlags.all_valid not in flags for flags in masks)
    try:
        # One row of tiles is in memory at a time, because a scene may be larger than memory.
        for top, bottom in sorted({(box.top, box.bottom) for box in boxes.values()}):
            row = {name: box for name, box in boxes.items() if box[1::2] == (top, bottom)}
            if may_be_empty:
                filled = image.dataset_mask(window=((top, bottom), (0, image.width))).any(0)
                row = {name: box for name, box in row.items() if filled[box.left : box.right].any()}
            for product, reader in readers.items() if row else ():
                strip = reader(top, bottom - top)
                write = write_depth if isinstance(reader, DepthRows) else write_image
                for name, box in row.items():
                    tile = strip[:, box.left : box.right]
                    write(out / product / f'{name}{reader.suffix}', tile)
                    reader.count(tile)
            written += row
    except BaseException:  # an interrupt as well: a scene has all of its tiles, or none
        for product, reader in readers.items():
            for name in boxes:
                (out / product / f'{name}{reader.suffix}').unlink(missing_ok=True)
        raise
    return written
