"""Rasters of a few pixels, on disk."""

from pathlib import Path

import numpy as np
import rasterio

DRIVERS = {'.png': 'PNG', '.jpg': 'JPEG'}


def write_raster(path: Path | str, pixels: np.ndarray, **profile) -> Path:
    """Write H×W or H×W×B pixels in the format of the suffix; ``profile`` is passed to rasterio."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    count, height, width = bands.shape
    profile |= dict(count=count, height=height, width=width, dtype=bands.dtype)
    with rasterio.open(path, 'w', driver=DRIVERS.get(path.suffix, 'GTiff'), **profile) as raster:
        raster.write(bands)
    return path
