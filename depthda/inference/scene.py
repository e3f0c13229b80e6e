"""Read the rows of a scene (GeoTIFF, COG, VRT or a picture), and which pixels have data."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from depthda.datasets.transforms.load_multiband_image import swapped_bands
from depthda.depth.maps import normalize_heights
from depthda.depth.surface.spans import Range, height_span
from depthda.errors import UserError, check_range, many
from depthda.io.grids import Grid
from depthda.io.headers import check_upright
from depthda.io.polygons import read_polygons
from depthda.io.rasters import open_raster, refuse_indices

_FEW = 32  # rows that are normalised at a time


@dataclass(frozen=True)
class ModelBands:
    """Which bands of a file a model reads, and how their values are mapped to those of training."""

    count: int  # number of bands that the model reads
    # Bands of the file, counted from 1, with red, green and blue first. None: all; the file must
    # have ``count`` bands.
    chosen: tuple[int, ...] | None = None
    stretch: Range | None = None  # values of the file that become 0 and 255; None: no change
    dtype: str = 'uint8'  # type of the image values in training

    def __post_init__(self) -> None:
        check_range('--stretch', self.stretch)
        if self.chosen is not None and (min(self.chosen) < 1 or len(self.chosen) != self.count):
            raise UserError(
                f'--bands {" ".join(map(str, self.chosen))} does not fit this model: name '
                f'{many(self.count, "band")}, counted from 1.'
            )

    def of(self, raster: rasterio.DatasetReader) -> tuple[int, ...]:
        """Return the bands to read from a file, or refuse it."""
        refuse_indices(raster)
        chosen = self.chosen or tuple(range(1, self.count + 1))
        if self.chosen is None and raster.count != self.count:
            advice = 'select them with --bands, with red, green and blue first'
            if raster.count < self.count:
                advice = 'use an image that has them'
            raise UserError(
                f'{raster.name} has {many(raster.count, "band")}, but this model reads '
                f'{self.count}: {advice}.'
            )
        if max(chosen) > raster.count:
            raise UserError(
                f'{raster.name} has {many(raster.count, "band")}, so there is no band '
                f'{max(chosen)}: correct --bands.'
            )
        return chosen

    def check_type(self, raster: rasterio.DatasetReader, chosen: tuple[int, ...]) -> None:
        """Refuse a type that the model was not trained on, unless a stretch maps it to 8 bits."""
        types = {raster.dtypes[band - 1] for band in chosen}
        if self.stretch is None and types != {self.dtype}:
            raise UserError(
                f'{raster.name} has type {", ".join(sorted(types))}, but this model was trained on '
                f'{self.dtype}: set --stretch LOW HIGH to the values that become 0 and 255.'
            )

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Return values on the scale that the model expects."""
        if self.stretch is None:
            return values
        low, high = self.stretch
        relative = (np.nan_to_num(values.astype(np.float32)) - low) / (high - low)
        return np.rint(relative.clip(0, 1) * 255).astype(np.uint8)


class RowReader:
    """Rows of a raster. Each is read once, from top to bottom, and kept while a window needs it.

    Rows are read in complete blocks of the file, so that no block is decoded twice.

    Args:
        load: Function of a first and an end row that returns values (B, n, W) and where they are
            valid (n, W).
        block: Number of rows that the file stores together.
    """

    def __init__(
        self, load: Callable[[int, int], tuple[np.ndarray, np.ndarray]], height: int, block: int
    ) -> None:
        self._load, self._height, self._block = load, height, block
        self._top, self._kept = 0, None

    def read(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
        """Return values and validity of some rows; ``top`` must not decrease between calls.

        Later calls do not change the returned arrays.
        """
        end = min(-(-bottom // self._block) * self._block, self._height)
        known_end = self._top + self._kept[1].shape[0] if self._kept else 0
        if top >= known_end:  # no row in memory is needed any longer
            self._top = top - top % self._block
            self._kept = self._load(self._top, end)
        else:
            kept = [part[..., top - self._top :, :] for part in self._kept]
            if end > known_end:
                more = self._load(known_end, end)
                kept = [np.concatenate(pair, -2) for pair in zip(kept, more, strict=True)]
            self._top, self._kept = top, tuple(kept)
        rows = slice(top - self._top, bottom - self._top)
        return self._kept[0][..., rows, :], self._kept[1][rows]


@contextmanager
def opened(
    path: str | os.PathLike, factor: float = 1.0, nodata: float | None = None
) -> Iterator[rasterio.DatasetReader]:
    """Open a raster, resampled to ``factor`` times as many pixels along each side.

    ``nodata`` is the no-data value if the file does not declare it.
    """
    with open_raster(path) as raster:
        if factor == 1:
            yield raster
            return
        grid = Grid.of(raster).scaled(factor)
        how = Resampling.average if factor < 1 else Resampling.bilinear
        target = dict(height=grid.height, width=grid.width, transform=grid.transform)
        # GDAL needs a coordinate system for both rasters; any will do if it is the same one.
        crs = raster.crs or CRS.from_epsg(3857)
        empty = raster.nodata if nodata is None else nodata
        target |= dict(crs=crs, src_crs=crs, nodata=empty, src_nodata=empty)
        with WarpedVRT(raster, resampling=how, **target) as resampled:
            yield resampled


@contextmanager
def open_image(
    path: str | os.PathLike, bands: ModelBands, factor: float = 1.0
) -> Iterator[tuple[Grid, RowReader]]:
    """Yield the grid of an image and its rows, with bands in the order of training (blue first).

    A pixel has no data if the file says so (no-data value, mask, opacity) or it is not finite.
    """
    check_upright(path)
    with opened(path, factor) as raster:
        chosen = bands.of(raster)
        bands.check_type(raster, chosen)
        order = swapped_bands(len(chosen))

        def load(top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
            window = Window(0, top, raster.width, bottom - top)
            with explained(raster):
                values = raster.read(chosen, window=window)[order]
                valid = raster.dataset_mask(window=window) > 0
            if np.issubdtype(values.dtype, np.floating):
                valid &= np.isfinite(values).all(0)
            return bands.scaled(values), valid

        block = max(shape[0] for shape in raster.block_shapes)
        yield Grid.of(raster), RowReader(load, raster.height, block)


@contextmanager
def open_depth(
    path: str | os.PathLike, heights: Range | None = None, factor: float = 1.0
) -> Iterator[RowReader]:
    """Yield the rows of a depth map (16-bit PNG) or of heights (TIFF).

    Values are in (0, 1], and 0 where there is no depth. The two ``heights`` become 0 and 1. If
    they are None, the lowest and the highest of the file are used, which is then read twice.
    """
    codes = str(path).lower().endswith('.png')
    with opened(path, factor, nodata=0 if codes else None) as raster:
        if raster.count != 1:
            raise UserError(f'{path} has {many(raster.count, "band")}: use a file with one band.')
        if codes and raster.dtypes[0] != 'uint16':
            raise UserError(f'{path} is not a depth map: use a 16-bit PNG, or heights as a TIFF.')
        span = heights or (None if codes else _height_range(path))

        def load(top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
            window = Window(0, top, raster.width, bottom - top)
            with explained(raster):
                values = raster.read(1, window=window, masked=True)
            depth = np.empty(values.shape, np.float32)
            for row in range(0, len(depth), _FEW):  # in parts, because float64 needs much memory
                part = values[row : row + _FEW]
                if codes:
                    depth[row : row + _FEW] = part.data.astype(np.float32) / 65535
                else:
                    known = ~np.ma.getmaskarray(part)
                    depth[row : row + _FEW] = normalize_heights(part.data, known, span)
            return depth[None], depth > 0

        yield RowReader(load, raster.height, raster.block_shapes[0][0])


def area_mask(grid: Grid, area: str | Path) -> Callable[[int, int], np.ndarray]:
    """Return a function of a first and an end row: which of their pixels are in the polygons."""
    shapes = [geometry for geometry, _ in read_polygons(area, grid.crs)]

    def inside(top: int, bottom: int) -> np.ndarray:
        transform = grid.transform @ Affine.translation(0, top)
        return geometry_mask(shapes, (bottom - top, grid.width), transform, invert=True)

    return inside


@contextmanager
def explained(raster: rasterio.DatasetReader) -> Iterator[None]:
    """Turn errors of rasterio while a file is read into a ``UserError``."""
    try:
        yield
    except RasterioError as error:
        reason = error.__cause__ or error  # the message of GDAL
        raise UserError(
            f'{raster.name} cannot be read completely ({reason}): write or download it again.'
        ) from error


def _height_range(path: str | os.PathLike) -> Range:
    span = height_span(path, '--depth-range')
    return (span.low, span.high) if span else (0.0, 1.0)
