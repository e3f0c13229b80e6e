"""Depth maps on disk and in memory.

In memory a depth map is float32 H×W: valid depth in [1/65535, 1], larger = nearer to the sensor =
higher above ground, and 0 = "no depth".
"""

import os
import warnings
from pathlib import Path

import cv2
import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from depthda.errors import UserError
from depthda.io.files import atomic_path
from depthda.io.png import add_note

DEPTH_SUFFIXES = ('.png', '.tif', '.tiff')
# The lowest valid depth is the lowest code that a 16-bit map has beside "no depth".
LOWEST = 1 / 65535


def read_depth(
    path: str | os.PathLike, value_range: tuple[float, float] | None = None
) -> np.ndarray:
    """Read a depth map as float32 H×W in [1/65535, 1], 0 where there is no depth.

    - 16-bit PNG: ``v / 65535``, 0 = no depth.
    - 8-bit PNG: ``(v + 1) / 256``, all valid: 8 bits have no room for "no depth". Three equal
      bands (a grey picture saved as RGB) count as one.
    - GeoTIFF: physical units. No-data (tag, mask, NaN, infinity) is no depth; the rest is mapped
      linearly from ``value_range``, or from the map's own minimum and maximum, and clipped. A map
      without relief and without ``value_range`` becomes 0.5.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'depth map {path} does not exist')
    if path.suffix.lower() == '.png':
        return _decode_png(path)
    if path.suffix.lower() in DEPTH_SUFFIXES:
        return normalize_heights(*_read_raster(path), value_range)
    raise UserError(f'{path} is no depth map: use {", ".join(DEPTH_SUFFIXES)}')


def write_depth(path: str | os.PathLike, depth: np.ndarray) -> None:
    """Write H×W depth in [0, 1] (0 = no depth) as 16-bit PNG, whole or not at all."""
    depth = np.asarray(depth, np.float64)
    if depth.ndim != 2 or not (depth >= 0).all() or not (depth <= 1).all():
        raise ValueError(f'depth for {path} must be H×W in [0, 1] without NaN, got {depth.shape}')
    write_codes(path, to_codes(depth))


def to_codes(depth: np.ndarray) -> np.ndarray:
    """The uint16 codes of depth in [0, 1]; valid depth never becomes 0, however small it is."""
    codes = np.maximum(np.rint(np.asarray(depth, np.float64) * 65535), 1)
    return np.where(depth > 0, codes, 0).astype(np.uint16)


def write_codes(path: str | os.PathLike, codes: np.ndarray, note: str | None = None) -> None:
    """Write H×W uint16 codes as they are, with a ``note`` (ASCII) inside the file."""
    content = cv2.imencode('.png', codes)[1].tobytes()
    with atomic_path(path) as beside:
        beside.write_bytes(content if note is None else add_note(content, note))


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
    """Return a warning if most of the ``known`` values are clipped by ``span``, else nothing."""
    if 2 * clipped <= known:
        return []
    return [f'warning: most {values} are outside {span}, and clipped: choose another']


def _decode_png(path: Path) -> np.ndarray:
    content = np.fromfile(path, np.uint8)
    codes = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if codes is None:
        raise UserError(f'depth map {path} is not readable as PNG: write it again')
    if codes.ndim == 3:
        if codes.shape[2] != 3 or (codes != codes[..., :1]).any():
            raise UserError(
                f'{path} is a colour picture, not a depth map: save depth as single-band '
                '16-bit (or 8-bit) PNG, without a colour map'
            )
        codes = codes[..., 0]
    if codes.dtype == np.uint16:
        return codes.astype(np.float32) / 65535
    return (codes.astype(np.float32) + 1) / 256


def _read_raster(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        try:
            with rasterio.open(path) as raster:
                if raster.count != 1:
                    raise UserError(
                        f'depth map {path} has {raster.count} bands: save height or depth as one'
                    )
                band = raster.read(1, masked=True)
        except RasterioError as error:
            raise UserError(
                f'depth map {path} is not readable as GeoTIFF ({error}): write it again'
            ) from error
    return band.data, ~np.ma.getmaskarray(band)
