"""Read and write depth maps; larger = nearer to the sensor = higher above ground, everywhere.

==================== ================================= ================== ==========================
stage                range                             "no depth" is      file
==================== ================================= ================== ==========================
network output       any number, without unit          a separate mask    depth/monocular/estimator
estimated map        codes 1…65535, of this map alone  code 0             depth/monocular/folder
heights              metres                            a separate mask    depth/surface/model
map of heights       codes 1…65535, of all tiles       code 0             depth/surface/write
GeoTIFF of heights   physical units                    no-data, mask, NaN depth/maps (reads it)
in memory, datasets  [1/65535, 1], float32             0                  depth/maps
model input          (depth - mean) / std              NaN                models/preprocessor
encoder input        (depth - mean) / std              0, the mean        models/missing_depth
==================== ================================= ================== ==========================
"""

import os
from pathlib import Path

import cv2
import numpy as np

from depthda.errors import UserError
from depthda.io.files import atomic_path
from depthda.io.png import add_note
from depthda.io.rasters import open_raster, read_png

DEPTH_SUFFIXES = ('.png', '.tif', '.tiff')
# The lowest valid depth is that of code 1 in a 16-bit map, because code 0 means "no depth".
LOWEST = 1 / 65535
# Depth of the code 255 in a 16-bit map: a map without larger values was probably stored in 8 bits.
FAINT = np.float32(255 / 65535)


def read_depth(
    path: str | os.PathLike, value_range: tuple[float, float] | None = None
) -> np.ndarray:
    """Read a depth map as float32 H×W in [1/65535, 1], 0 where there is no depth.

    :func:`read_codes` describes the files, and :func:`from_codes` the values.
    """
    return from_codes(read_codes(path, value_range))


def read_codes(
    path: str | os.PathLike, value_range: tuple[float, float] | None = None
) -> np.ndarray:
    """Read a depth map; a PNG is returned as it is stored, and :func:`from_codes` converts it.

    - PNG of 16 bits, or of 8 bits. Three equal bands (a grey picture saved as RGB) count as one.
    - GeoTIFF: physical units. No-data (tag, mask, NaN, infinity) is no depth; the rest is mapped
      linearly from ``value_range``, or from the map's own minimum and maximum, and clipped. A map
      without relief and without ``value_range`` becomes 0.5.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'the depth map {path} does not exist: correct the path')
    if path.suffix.lower() == '.png':
        return _png_codes(path)
    if path.suffix.lower() not in DEPTH_SUFFIXES:
        raise UserError(f'{path} is not a depth map: use {", ".join(DEPTH_SUFFIXES)}')
    with open_raster(path) as raster:
        if (count := raster.count) != 1:
            raise UserError(
                f'the depth map {path} has {count} bands: save heights or depth as a single band'
            )
        band = raster.read(1, masked=True)
    return normalize_heights(band.data, ~np.ma.getmaskarray(band), value_range)


def from_codes(codes: np.ndarray) -> np.ndarray:
    """Return depth as float32 for what :func:`read_codes` returns, or for a part of it.

    - 16 bits: ``v / 65535``, and 0 is no depth.
    - 8 bits: ``(v + 1) / 256``. All values are depth, because 8 bits have no room for "no depth".
    - float32 (from a GeoTIFF) does not change.
    """
    if codes.dtype == np.uint16:
        return codes.astype(np.float32) / 65535
    return (codes.astype(np.float32) + 1) / 256 if codes.dtype == np.uint8 else codes


def write_depth(path: str | os.PathLike, depth: np.ndarray) -> None:
    """Write H×W depth in [0, 1] (0 = no depth) as a 16-bit PNG, completely or not at all."""
    depth = np.asarray(depth, np.float64)
    if depth.ndim != 2 or not (depth >= 0).all() or not (depth <= 1).all():
        raise ValueError(f'depth for {path} must be H×W in [0, 1] without NaN, got {depth.shape}')
    write_codes(path, to_codes(depth))


def to_codes(depth: np.ndarray) -> np.ndarray:
    """Return the uint16 codes of depth in [0, 1]; valid depth never becomes 0, however small."""
    codes = np.maximum(np.rint(np.asarray(depth, np.float64) * 65535), 1)
    return np.where(depth > 0, codes, 0).astype(np.uint16)


def write_codes(path: str | os.PathLike, codes: np.ndarray, note: str | None = None) -> None:
    """Write H×W uint16 codes unchanged, with a ``note`` (ASCII) inside the file."""
    content = cv2.imencode('.png', codes)[1].tobytes()
    with atomic_path(path) as temporary:
        temporary.write_bytes(content if note is None else add_note(content, note))


def normalize_heights(
    heights: np.ndarray, valid: np.ndarray, value_range: tuple[float, float] | None = None
) -> np.ndarray:
    """Map physical ``heights`` (H×W) to [1/65535, 1], and to 0 where not ``valid``."""
    valid = valid & np.isfinite(heights)
    if value_range is None:
        known = heights[valid]
        value_range = (known.min(), known.max()) if known.size else (0, 1)
    low, high = (float(v) for v in value_range)
    heights = np.where(valid, heights, low).astype(np.float64)
    relative = (heights - low) / (high - low) if high > low else np.full(heights.shape, 0.5)
    return np.where(valid, relative.clip(LOWEST, 1), 0).astype(np.float32)


def clipping_warning(clipped: int, known: int, values: str, span: str) -> list[str]:
    """Return a list: a warning if more than half of the ``known`` values are clipped, or nothing.

    ``clipped`` and ``known`` are counts. ``values`` and ``span`` are the words of the message for
    the values and for the range that clips them.
    """
    if 2 * clipped <= known:
        return []
    return [f'warning: most {values} are outside {span} and are clipped: choose another range']


def _png_codes(path: Path) -> np.ndarray:
    codes = read_png(path)
    if codes is None:
        raise UserError(f'the depth map {path} is not a readable PNG: create it again')
    if codes.ndim == 3:
        if codes.shape[2] != 3 or (codes != codes[..., :1]).any():
            raise UserError(
                f'{path} is a colour image, not a depth map: save depth as a single-band 16-bit '
                '(or 8-bit) PNG without a colour map'
            )
        codes = codes[..., 0]
    return codes
