"""Images of any number of bands, and of more than 8 bits."""

import warnings

import numpy as np
import rasterio
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from depthda.errors import UserError


@TRANSFORMS.register_module()
class LoadMultibandImage(BaseTransform):
    """All bands of a TIFF or PNG as they are, the first three as B, G, R (files have R, G, B).

    Stands in for ``LoadImageFromFile`` where an image has not three bands of 8 bits. The backends
    of mmcv cannot be trusted with these: OpenCV multiplies the colours of a TIFF by its fourth band
    when that is tagged alpha (the usual tag), or returns the first band alone; Pillow drops the
    fourth; tifffile gives R, G, B.

    Args:
        to_float32: Convert the array, as ``LoadImageFromFile`` does.
    """

    def __init__(self, to_float32: bool = False) -> None:
        # No other argument: inference_model renames this transform to LoadImageFromNDArray.
        self.to_float32 = to_float32

    def transform(self, results: dict) -> dict:
        path = results['img_path']
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            try:
                with rasterio.open(path) as raster:
                    bands = raster.read()
            except RasterioError as error:
                raise UserError(f'image {path} cannot be read ({error})') from error
        order = [*reversed(range(min(3, len(bands)))), *range(3, len(bands))]
        image = np.ascontiguousarray(bands[order].transpose(1, 2, 0))
        if self.to_float32:
            image = image.astype(np.float32)
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(to_float32={self.to_float32})'
