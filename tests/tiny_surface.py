"""Files of surface models of a few pixels."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

PLACE = Affine(0.5, 0, 400_000, 0, -0.5, 5_000_000)


def write_surface(
    path: Path, heights: np.ndarray, transform: Affine | None = PLACE, crs='EPSG:32632', **profile
) -> Path:
    """Write a GeoTIFF of one band, without georeference if ``transform`` is None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = heights.shape
    if transform is not None:
        profile |= {'transform': transform, 'crs': crs}
    with rasterio.open(
        path, 'w', driver='GTiff', width=width, height=height, count=1, dtype=heights.dtype,
        **profile,
    ) as raster:  # fmt: skip
        raster.write(heights, 1)
    return path


def hills(seed: int, size: tuple[int, int] = (40, 50), dtype: type = np.float32) -> np.ndarray:
    """Return heights between 100 and about 130."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(size)
    return (100 + rows * 0.3 + columns * 0.1 + rng.uniform(0, 8, size)).astype(dtype)
