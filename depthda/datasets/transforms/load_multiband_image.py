"""Load images with any number of bands or with more than 8 bits."""

import os
from dataclasses import dataclass

import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.base import RGBDTransform
from depthda.io.rasters import open_raster


@TRANSFORMS.register_module()
@dataclass(eq=False)
class LoadMultibandImage(RGBDTransform):
    """Load all bands of a TIFF or PNG, the first three in the order B, G, R (files have R, G, B).

    Use it instead of ``LoadImageFromFile`` for images that do not have three bands of 8 bits. The
    backends of mmcv read them wrongly. OpenCV returns only the first band, or multiplies the
    colours of a TIFF by its fourth band if that band is tagged as alpha, as is common. Pillow drops
    the fourth band, and tifffile returns the bands in the order R, G, B.
    """

    # Convert the array to float32, as in LoadImageFromFile. There is no other argument, because
    # inference_model renames the transform to LoadImageFromNDArray, which accepts this one.
    to_float32: bool = False

    def transform(self, results: dict) -> dict:
        image = np.ascontiguousarray(read_bands(results['img_path']))
        if self.to_float32:
            image = image.astype(np.float32)
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results


def read_bands(path: str | os.PathLike) -> np.ndarray:
    """Return all bands of an image, H×W×B, in the order B, G, R, …"""
    with open_raster(path) as raster:
        bands = raster.read()
    return bands[swapped_bands(len(bands))].transpose(1, 2, 0)


def swapped_bands(count: int) -> list[int]:
    """Return the order of bands that turns R, G, B, … into B, G, R, …, and back."""
    return [*reversed(range(min(3, count))), *range(3, count)]
