"""Open raster files with clear errors, and write images atomically."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from depthda.errors import UserError
from depthda.io.files import atomic_path

# Bytes of decoded blocks that GDAL may keep; its default is a share of all memory.
_CACHE = 64 * 2**20


def limited_cache() -> rasterio.Env:
    """Return a context in which GDAL keeps few decoded blocks."""
    return rasterio.Env(GDAL_CACHEMAX=_CACHE)


@contextmanager
def georeference_is_optional() -> Iterator[None]:
    """Silence the warning about files without a georeference.

    Threads share the filters of warnings, so enter this before they start, and not in them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        yield


@contextmanager
def open_raster(path: str | os.PathLike) -> Iterator[rasterio.DatasetReader]:
    """Open a raster for reading; raise a ``UserError`` with its name if it cannot be read.

    TIFFs of several pages are refused, because rasterio would read only the first page.
    """
    try:
        with georeference_is_optional(), rasterio.open(path) as raster:
            if raster.driver == 'GTiff' and raster.subdatasets:
                raise UserError(
                    f'{path} is a TIFF with {len(raster.subdatasets)} pages: save each page as a '
                    'separate file, or all bands of one image as one page'
                )
            yield raster
    except RasterioError as error:
        raise UserError(f'{path} cannot be read ({error}): export or unpack it again') from error


def read_png(path: str | os.PathLike) -> np.ndarray | None:
    """Read a PNG with all its bands (blue first) and bits; return None if it is not readable."""
    return decode_png(Path(path).read_bytes())


def decode_png(content: bytes) -> np.ndarray | None:
    """Decode the content of a PNG as it is stored; return None if it is not readable."""
    # For an empty file, OpenCV raises an error instead of returning None.
    data = np.frombuffer(content, np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None


def refuse_indices(raster: rasterio.DatasetReader) -> None:
    """Refuse an image whose values are palette indices, or in which 0 is white."""
    if ColorInterp.palette not in raster.colorinterp:
        return
    # GDAL reports a palette for images with white as 0 too.
    if raster.tags(ns='IMAGE_STRUCTURE').get('MINISWHITE') == 'YES':
        fault, fix = 'stores white as 0 (MINISWHITE)', 'with black as 0 (MINISBLACK)'
    else:
        fault, fix = 'has a palette', 'as red, green, blue'
    raise UserError(f'{raster.name} {fault}: save it {fix}')


def tile_suffix(bands: int, dtype: str) -> str:
    """Return the suffix for images: PNG if all tools read such PNGs correctly, else GeoTIFF."""
    return '.png' if bands in (1, 3) and dtype == 'uint8' else '.tif'


def write_image(path: Path, picture: np.ndarray) -> None:
    """Write an image (H×W, or H×W×B with red, green, blue first) as PNG or TIFF, by the suffix."""
    with atomic_path(path) as temporary:
        if path.suffix == '.png':
            encoded = cv2.imencode('.png', picture[..., ::-1] if picture.ndim == 3 else picture)[1]
            temporary.write_bytes(encoded.tobytes())
        else:
            _write_tiff(temporary, np.atleast_3d(picture))


def _write_tiff(path: Path, picture: np.ndarray) -> None:
    height, width, count = picture.shape
    profile = dict(driver='GTiff', width=width, height=height, count=count, dtype=picture.dtype)
    # By default, GDAL would tag the fourth band as alpha.
    profile |= dict(compress='deflate', predictor=2, photometric='MINISBLACK', alpha='unspecified')
    with georeference_is_optional(), rasterio.open(path, 'w', **profile) as raster:
        raster.write(picture.transpose(2, 0, 1))
