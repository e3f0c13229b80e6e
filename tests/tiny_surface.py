"""Write surface models of a few pixels."""

from pathlib import Path

import numpy as np
from affine import Affine
from tiny_rasters import write_raster

PLACE = Affine(0.5, 0, 400_000, 0, -0.5, 5_000_000)


def write_surface(
    path: Path, heights: np.ndarray, transform: Affine | None = PLACE, crs='EPSG:32632', **profile
) -> Path:
    """Write a GeoTIFF of one band, without georeference if ``transform`` is None."""
    where = {} if transform is None else dict(transform=transform, crs=crs)
    return write_raster(path, heights, **where, **profile)


def hills(seed: int, size: tuple[int, int] = (40, 50), dtype: type = np.float32) -> np.ndarray:
    """Return heights between 100 and about 125."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(size)
    return (100 + rows * 0.3 + columns * 0.1 + rng.uniform(0, 8, size)).astype(dtype)
