"""Cut one scene into the tiles of its products."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rasterio import DatasetReader
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError

from depthda.datasets.class_list import IGNORED, UNKNOWN, ClassList
from depthda.depth.maps import normalize_heights, write_depth
from depthda.errors import UserError, few, many
from depthda.io.grids import Placed
from depthda.io.rasters import tile_suffix, write_image
from depthda.io.sources import File, open_source
from depthda.preparation.scene import Boxes, Cut, Range, Scene, tile_boxes

_MANY_COLOURS = 1000
LABELS_IN_JPEG = (
    'is a JPEG, and JPEG compression changes the values of labels: export the labels again as PNG '
    'or TIFF'
)


class Rows:
    """The rows of one product of a scene. Call it with the first row and the number of rows.

    ``file`` names the open ``raster`` in messages. Subclasses define ``read``, which returns rows
    as they are written to tiles, and ``facts``, which returns the product's manifest entries.
    """

    suffix = '.png'
    all_rows: np.ndarray | None = None  # set if all rows have been read at once

    def __init__(self, file: File, raster: DatasetReader) -> None:
        self.file, self.raster = file, raster

    def __call__(self, first: int, rows: int) -> np.ndarray:
        if self.all_rows is not None:
            return self.all_rows[first : first + rows]
        try:
            return self.read(first, rows)
        except RasterioError as error:
            # The error is caught here, where the file that caused it is known.
            raise UserError(
                f'{self.file} cannot be read ({error}): export or unpack it again'
            ) from error

    def read_bands(self, bands: int | list[int], first: int, rows: int) -> np.ndarray:
        """Read rows of some bands, with values as stored."""
        return self.raster.read(bands, window=((first, first + rows), (0, self.raster.width)))

    def count(self, tile: np.ndarray) -> None:
        """Add a tile that is written to the pixel counts; by default, nothing is counted."""


class ImageRows(Rows):
    """The chosen ``bands`` of an image; ``stretch`` is mapped to 0 and 255."""

    def __init__(self, file, raster, bands, stretch: Range | None = None) -> None:
        super().__init__(file, raster)
        self.bands, self.stretch = list(bands), stretch
        self.suffix = tile_suffix(len(bands), 'uint8' if stretch else raster.dtypes[0])
        self.clipped = np.zeros(2, np.int64)  # number of values outside ``stretch``, and of all
        self.levels: set[int] = set()  # lowest and highest values written
        self.nan_pixels, self._rows_counted = 0, 0  # NaN pixels so far, and the rows they are from

    def read(self, first: int, rows: int) -> np.ndarray:
        pixels = self.read_bands(self.bands, first, rows)
        if self.stretch is not None:
            low, high = self.stretch
            self.clipped += (np.sum(pixels < low) + np.sum(pixels > high), pixels.size)
            # Rows of tiles may overlap, so rows that were counted before are skipped.
            new = pixels[:, max(0, self._rows_counted - first) :]
            self.nan_pixels += int(np.isnan(new).any(0).sum())
            self._rows_counted = first + rows
            shades = (pixels.astype(np.float32) - low) * (255 / (high - low))
            pixels = np.rint(np.nan_to_num(shades).clip(0, 255)).astype(np.uint8)
            self.levels |= {int(pixels.min()), int(pixels.max())}
        return pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)

    def facts(self) -> dict[str, Any]:
        if self.stretch is None:
            return {}
        missing = {'nan_pixels': self.nan_pixels} if self.nan_pixels else {}
        return dict(clipped=self.clipped, levels=self.levels, **missing)


class ClassRows(Rows):
    """Rows of class indices, with counts of the pixels in tiles."""

    recoloured = 0  # pixels, in all rows read, that got the class of the nearest colour

    def __init__(self, file, raster, classes: ClassList) -> None:
        super().__init__(file, raster)
        self.classes, self.counts = classes, np.zeros(IGNORED + 1, np.int64)

    def count(self, tile: np.ndarray) -> None:
        self.counts += np.bincount(tile.ravel(), minlength=IGNORED + 1)

    def facts(self) -> dict[str, Any]:
        counts = self.counts[[*range(len(self.classes.names)), IGNORED]]
        return dict(pixels=counts.tolist(), recoloured=self.recoloured > 0)


class LabelRows(ClassRows):
    """Rows of a label file, converted to class indices.

    With ``nearest``, a colour that is not in the class list gets the class of the nearest colour.
    """

    def __init__(self, file, raster, classes: ClassList, nearest: bool = False) -> None:
        super().__init__(file, raster, classes)
        self.nearest = nearest
        if raster.driver == 'JPEG':
            raise UserError(f'{file} {LABELS_IN_JPEG}')
        kind = np.dtype(raster.dtypes[0])
        content = f'{file} has {many(raster.count, "band")} of {kind}'
        if classes.coloured and (raster.count not in (3, 4) or kind != np.uint8):
            if raster.colorinterp[0] == ColorInterp.palette:
                values = few(map(str, np.unique(raster.read(1))), 8)
                content += f' (its colours come from a palette, and its values are {values})'
            fix = 'list the classes as name VALUE, or ' if raster.count == 1 else ''
            raise UserError(
                f'{content}, but labels in colours need the bands red, green and blue with 8 bits: '
                f'{fix}save the labels as RGB'
            )
        if not classes.coloured and (raster.count != 1 or kind.kind not in 'iu'):
            fix = 'save the file as uint8 (rio convert --dtype uint8 FILE NEW)'
            if kind.kind == 'f':
                fix = (
                    'first set pixels without a value (NaN) to an unused value such as 255, '
                    f'because they would become 0, then {fix}'
                )
            if raster.count != 1:
                fix = (
                    'if the labels are colours, list the classes as name RED GREEN BLUE; if these '
                    'files are the images, swap --images and --labels'
                )
            raise UserError(f'{content}, but labels by value need one band of integers: {fix}')

    def read(self, first: int, rows: int) -> np.ndarray:
        if self.classes.coloured:
            return self._of_colours(*self.read_bands([1, 2, 3], first, rows).astype(np.uint32))
        values = self.read_bands(1, first, rows)
        labels = self.classes.table[values.clip(0, 255)]
        labels[(values < 0) | (values > 255)] = UNKNOWN
        if len(unknown := np.unique(values[labels == UNKNOWN])):
            known = ', '.join(map(str, sorted(self.classes.values)))
            fix = 'add each value to the class list, or add it as ignore VALUE if it is not a class'
            # A class list with only names numbers the classes from 0.
            if list(unknown) == [len(self.classes.names)] and not (values == 0).any():
                fix = f'if the labels start at 1, write each class as name VALUE; otherwise {fix}'
            raise UserError(
                f'{self.file} has {"the values" if len(unknown) > 1 else "the value"} '
                f'{few(map(str, unknown), 5)}, but the class list has only {known}: {fix}'
            )
        return labels

    def _of_colours(self, red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
        codes = red << 16 | green << 8 | blue
        labels = self.classes.table[codes]
        unknown = labels == UNKNOWN
        if not (count := int(unknown.sum())):
            return labels
        packed, inverse, counts = np.unique(codes[unknown], return_inverse=True, return_counts=True)
        colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], 1).astype(int)
        if not self.nearest:
            swapped = '. If the file is a photograph, swap --images and --labels'
            swapped = swapped if len(colours) > _MANY_COLOURS else ''
            raise UserError(
                f'{self.file} has {many(count, "pixel")} without a class, in '
                f'{many(len(colours), "colour")} (most often '
                f'{tuple(colours[counts.argmax()].tolist())}): correct them, or use '
                f'--nearest-colour to give them the class of the nearest colour{swapped}'
            )
        distances = [((colours - listed) ** 2).sum(1) for listed in self.classes.values]
        closest = np.array([*self.classes.values.values()], np.uint8)[np.argmin(distances, 0)]
        labels[unknown] = closest[inverse]
        self.recoloured += count
        return labels


class DepthRows(Rows):
    """Rows of heights as depth, ``placed`` on the image's grid; ``span`` becomes 0 and 1."""

    def __init__(self, file, placed: Placed, width: int, span: Range | None) -> None:
        super().__init__(file, placed.raster)
        self.placed, self.width, self.span = placed, width, span
        self.counts = np.zeros(2, np.int64)  # pixels in tiles: those with depth, and all

    def read(self, first: int, rows: int) -> np.ndarray:
        return normalize_heights(*self.placed.read_rows(first, rows, self.width), self.span)

    def count(self, tile: np.ndarray) -> None:
        self.counts += (np.count_nonzero(tile), tile.size)

    def facts(self) -> dict[str, Any]:
        return dict(depth_pixels=self.counts.tolist())


def cut_scene(scene: Scene, out: Path, cut: Cut, open_rows: Callable[..., Rows]) -> dict[str, Any]:
    """Write the tiles of a scene; return their names and the other facts for the manifest.

    ``open_rows`` is called with a product's name, its :class:`~.scene.ProductFile`, the open file,
    the open image, ``cut``, and an ``ExitStack`` for files that it opens itself.
    """
    with open_source(scene.reference) as image, ExitStack() as opened:
        size = [image.width, image.height]
        boxes = tile_boxes(scene.name, *size, cut) if scene.boxes is None else scene.boxes
        if scene.boxes is None and min(size) < cut.tile:
            raise UserError(
                f'{scene.reference} is {image.width}×{image.height} pixels, smaller than a tile '
                f'of {cut.tile}: choose a smaller --tile'
            )
        rows = {}
        for product, source in scene.files.items():
            raster = image
            if source.file != scene.reference and source.kind != 'polygons':
                raster = opened.enter_context(open_source(source.file))
            rows[product] = open_rows(product, source, raster, image, cut, opened)
        tiles = _write_tiles(rows, boxes, out, image if scene.boxes and cut.tile else None)
        facts = {product: product_rows.facts() for product, product_rows in rows.items()}
    return dict(size=size, tiles=tiles, empty=len(boxes) - len(tiles), products=facts)


def _write_tiles(
    products: Mapping[str, Rows], boxes: Boxes, out: Path, image: DatasetReader | None
) -> list[str]:
    """Write the tiles in ``boxes`` of each product, and return the names of those written.

    Tiles in which ``image`` has no pixel (such as the black corners of a mosaic) are left out. If
    anything fails, all tiles of the scene are removed, because no manifest describes them yet.
    """
    written: list[str] = []
    masks = image.mask_flag_enums if image else ()
    may_be_empty = any(MaskFlags.all_valid not in flags for flags in masks)
    try:
        # One row of tiles is in memory at a time, because a scene may be larger than memory.
        for top, bottom in sorted({(box.top, box.bottom) for box in boxes.values()}):
            row = {name: box for name, box in boxes.items() if box[1::2] == (top, bottom)}
            if may_be_empty:
                has_data = image.dataset_mask(window=((top, bottom), (0, image.width))).any(0)
                row = {n: box for n, box in row.items() if has_data[box.left : box.right].any()}
            for product, rows in products.items() if row else ():
                strip = rows(top, bottom - top)
                write = write_depth if isinstance(rows, DepthRows) else write_image
                for name, box in row.items():
                    tile = strip[:, box.left : box.right]
                    write(out / product / f'{name}{rows.suffix}', tile)
                    rows.count(tile)
            written += row
    except BaseException:  # also on an interrupt, so that a scene has all of its tiles or none
        for product, rows in products.items():
            for name in boxes:
                (out / product / f'{name}{rows.suffix}').unlink(missing_ok=True)
        raise
    return written
