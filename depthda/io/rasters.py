"""Raster files: opened with a clear error, and written whole or not at all."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from depthda.errors import UserError
from depthda.io.files import atomic_path


@contextmanager
def open_raster(path: str | os.PathLike) -> Iterator[rasterio.DatasetReader]:
    """Open for reading; a file that cannot be read is a ``UserError`` with its name."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        try:
            with rasterio.open(path) as raster:
                yield raster
        except RasterioError as error:
            raise UserError(f'{path} cannot be read ({error}): write or unpack it again') from error


def tile_suffix(bands: int, dtype: str) -> str:
    """The kind of file for such images: PNG where any tool reads it as it is, else GeoTIFF."""
    return '.png' if bands in (1, 3) and dtype == 'uint8' else '.tif'


def write_image(path: Path, picture: np.ndarray) -> None:
    """Write H×W, or H×W×B with red, green, blue first, by the suffix of ``path``; whole or not."""
    with atomic_path(path) as beside:
        if path.suffix == '.png':
            encoded = cv2.imencode('.png', picture[..., ::-1] if picture.ndim == 3 else picture)[1]
            beside.write_bytes(encoded.tobytes())
        else:
            _write_tiff(beside, np.atleast_3d(picture))


def _write_tiff(path: Path, picture: np.ndarray) -> None:
    height, width, count = picture.shape
    # GDAL would tag the fourth band as opacity.
    options = dict(compress='deflate', predictor=2, photometric='MINISBLACK', alpha='unspecified')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        with rasterio.open(
            path,
            'w',
            driver='GTiff',
            width=width,
            height=height,
            count=count,
            dtype=picture.dtype,
            **options,
        ) as raster:
            raster.write(picture.transpose(2, 0, 1))
