"""Rows of an image, its label and its heights, as they are written: what a tile is cut from."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from depthda.depth.maps import normalize_heights, read_depth
from depthda.errors import UserError, many
from depthda.io.rasters import open_raster
from depthda.preparation.class_list import ClassList
from depthda.preparation.cutting import index_colours
from depthda.preparation.grids import has_place, other_grid, place, warp

Range = tuple[float, float]

BLENDED = 'is JPEG, which blends labels: save it as PNG or TIFF'


@dataclass(frozen=True)
class Cut:
    """How all images of a set are cut.

    Args:
        tile: Side of a tile; None: images stay whole.
        stride: From one tile to the next.
        bands: Bands of an image to keep, in their order, from 1 (of three: red, green, blue);
            None: the only one, or all three.
        stretch: Values that become 0 and 255; None: images have 8 bits.
        keep_values: Keep 16 bits as they are.
        classes: None: no labels.
        nearest_colour: Give a label of no class colour the nearest one's class.
        depth_range: Heights that become depth 0 and 1, what is outside is clipped.
        warp: Bring heights to the grid of their image.
        depth_name: Folder of the depth maps.
    """

    tile: int | None = None
    stride: int | None = None
    bands: tuple[int, ...] | None = None
    stretch: Range | None = None
    keep_values: bool = False
    classes: ClassList | None = None
    nearest_colour: bool = False
    depth_range: Range | None = None
    warp: bool = False
    depth_name: str = 'depth'


def chosen_bands(image: rasterio.DatasetReader, cut: Cut) -> tuple[tuple[int, ...], str]:
    """The bands of an image that are kept, and the type of the values that are written."""
    bands = cut.bands or tuple(range(1, image.count + 1))
    # A fourth band may be near infrared or opacity, and its tag tells neither: GDAL tags any.
    if cut.bands is None and len(bands) not in (1, 3):
        every = ' '.join(map(str, bands[:4])) + (' …' if len(bands) > 4 else '')
        raise UserError(
            f'{image.name} has {image.count} bands: name those to keep with --bands '
            f'({every} for all; red, green and blue first)'
        )
    if max(bands) > image.count:
        raise UserError(
            f'{image.name} has no band {max(bands)}, it has {image.count}: correct --bands'
        )
    if ColorInterp.palette in image.colorinterp:
        raise UserError(f'{image.name} is a picture with a palette: save it as red, green, blue')
    kinds = {image.dtypes[band - 1] for band in bands}
    if cut.stretch is not None or kinds == {'uint8'}:
        return bands, 'uint8'
    if not cut.keep_values:
        raise UserError(
            f'{image.name} is {image.dtypes[0]}: give --stretch LOW HIGH, the values that become 0 '
            'and 255 in all images, or --keep-values, which keeps 16 bits'
        )
    if kinds != {'uint16'}:
        raise UserError(
            f'{image.name} is {image.dtypes[0]}, and --keep-values keeps uint16: give --stretch '
            'LOW HIGH'
        )
    return bands, 'uint16'


class ImageRows:
    """The chosen bands of an image."""

    def __init__(self, image: rasterio.DatasetReader, cut: Cut):
        self.image, self.stretch = image, cut.stretch
        self.bands, _ = chosen_bands(image, cut)

    def __call__(self, first: int, rows: int) -> np.ndarray:
        window = ((first, first + rows), (0, self.image.width))
        pixels = self.image.read(list(self.bands), window=window)
        if self.stretch is not None:
            low, high = self.stretch
            shades = (pixels.astype(np.float32) - low) * (255 / (high - low))
            pixels = np.rint(np.nan_to_num(shades).clip(0, 255)).astype(np.uint8)
        return pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)


class LabelRows:
    """A label file as indices, and what of them has been read."""

    def __init__(self, raster: rasterio.DatasetReader, image: rasterio.DatasetReader, cut: Cut):
        self.raster, self.classes, self.nearest = raster, cut.classes, cut.nearest_colour
        self.recoloured = False
        if fault := _not_beside(raster, image):
            raise UserError(
                f'{raster.name} and {image.name} {fault}: a label has the grid of its image'
            )
        if raster.driver == 'JPEG':
            raise UserError(f'{raster.name} {BLENDED}')
        kind = np.dtype(raster.dtypes[0])
        found = f'{raster.name} has {many(raster.count, "band")} of {kind}'
        if self.classes.coloured and (raster.count not in (3, 4) or kind != np.uint8):
            fault = 'the list of classes has colours, which are red, green and blue of 8 bits'
            if raster.count == 1:
                fault += f'{_palette(raster)}: write the list as name VALUE, or save masks as RGB'
            raise UserError(f'{found}, and {fault}')
        if not self.classes.coloured and (raster.count != 1 or kind.kind not in 'iu'):
            raise UserError(
                f'{found}, and the list of classes has values, which are one band of whole '
                'numbers (for labels in colours write name RED GREEN BLUE)'
            )

    def __call__(self, first: int, rows: int) -> np.ndarray:
        window = ((first, first + rows), (0, self.raster.width))
        if self.classes.coloured:
            labels, odd = index_colours(
                self.raster.read([1, 2, 3], window=window),
                self.classes.values,
                self.raster.name,
                self.nearest,
            )
            self.recoloured |= odd > 0
            return labels
        return self._indices(self.raster.read(1, window=window))

    def _indices(self, values: np.ndarray) -> np.ndarray:
        inside = (values >= 0) & (values <= 255)
        labels = np.where(inside, self.classes.table()[np.where(inside, values, 0)], -1)
        if len(odd := np.unique(values[labels < 0])):
            known = ', '.join(str(value) for value in sorted(self.classes.values))
            raise UserError(
                f'{self.raster.name} has {"the values" if len(odd) > 1 else "the value"} '
                f'{", ".join(map(str, odd[:5]))}{", …" if len(odd) > 5 else ""} of no class (there '
                f'are {known}): add a line for each to the list of classes, ignore VALUE for what '
                'does not count'
            )
        return labels.astype(np.uint8)


class DepthRows:
    """A depth map (PNG) or heights (TIFF) on the grid of the image."""

    def __init__(self, path: Path, image: rasterio.DatasetReader, cut: Cut, opened: ExitStack):
        self.width, self.range = image.width, cut.depth_range
        self.whole = self.placed = None
        if path.suffix.lower() == '.png':
            self.whole = read_depth(path)
            if self.whole.shape != (image.height, image.width):
                size = '×'.join(map(str, self.whole.shape[::-1]))
                raise UserError(
                    f'{path} is {size} and {image.name} {_size(image)}: bring it to its grid'
                )
            return
        raster = opened.enter_context(open_raster(path))
        if not cut.warp:
            try:
                self.placed = place(raster, image)
            except UserError as error:
                raise UserError(f'{error}, or let --warp-depth do it') from error
            return
        self.placed = opened.enter_context(warp(raster, image))

    def __call__(self, first: int, rows: int) -> np.ndarray:
        if self.whole is not None:
            return self.whole[first : first + rows]
        values, valid = self.placed.read_rows(first, rows, self.width)
        return normalize_heights(values, valid, self.range)


def _not_beside(raster: rasterio.DatasetReader, image: rasterio.DatasetReader) -> str | None:
    """Why a label is not pixel for pixel of the image; None if it is, as far as files tell."""
    if (raster.width, raster.height) != (image.width, image.height):
        return f'are {_size(raster)} and {_size(image)}'
    if not (has_place(raster) and has_place(image)):
        return None
    if fault := other_grid(raster, image):
        return fault
    column, row = ~image.transform @ (raster.transform.c, raster.transform.f)
    if max(abs(column), abs(row)) > 0.5:
        return f'lie {column:.1f} columns and {row:.1f} rows apart'
    return None


def _palette(raster: rasterio.DatasetReader) -> str:
    if raster.colorinterp[0] != ColorInterp.palette:
        return ''
    values = [str(value) for value in np.unique(raster.read(1))]
    shown = ', '.join(values[:8]) + (', …' if len(values) > 8 else '')
    return f' (its colours are a palette over the values {shown})'


def _size(raster: rasterio.DatasetReader) -> str:
    return f'{raster.width}×{raster.height}'
