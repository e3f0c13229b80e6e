"""Depth stacked onto the image as its last channel."""

from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from depthda.depth.maps import DEPTH_SUFFIXES, read_depth
from depthda.errors import UserError
from depthda.io.headers import MAX_BANDS


@TRANSFORMS.register_module()
class LoadDepth(BaseTransform):
    """``img`` H×W×B becomes float32 H×W×(B+1): optical bands, then depth, 0 = no depth.

    Where the depth comes from, in this order:

    1. ``depth_path`` of the dataset. None says that the set has no depth: the image keeps its
       bands (as float32 too, so that what follows treats both kinds of set alike).
    2. An array that already has depth as its last channel passes through.
    3. Otherwise (an image path given to ``inference_model``) the path follows from the image's:
       ``…/images/12.png`` has its depth in ``…/<folder>/12.png`` (or ``.tif``).

    Bilinear resizing blends valid depth with the 0 of a hole along the hole's rim.

    Args:
        folder: Folder of the depth maps beside the folder of the images. None: nothing is looked
            for, an image that 1 and 2 do not give a depth has none, as RGB-only models want it.
        image_folder: Folder of the images, if ``folder`` lies more than one level above them; by
            default the folder that an image is in, whatever its name.
        optical_bands: Bands of an image before depth: 3; 4 for RGB and near infrared; 1 to 32.
        value_range: (low, high) in metres that a GeoTIFF is mapped from; None: the map's own
            minimum and maximum. PNG maps are relative depth and never rescaled.
    """

    keeps_depth = True

    def __init__(
        self,
        folder: str | None = None,
        image_folder: str | None = None,
        optical_bands: int = 3,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        if not 1 <= optical_bands <= MAX_BANDS:
            raise UserError(f'optical_bands={optical_bands} of LoadDepth: give 1 to {MAX_BANDS}')
        if value_range is not None and not value_range[0] < value_range[1]:
            raise UserError(f'value_range={value_range} of LoadDepth: give (low, high), low < high')
        self.folder = folder
        self.image_folder = image_folder
        self.optical_bands = optical_bands
        self.value_range = value_range

    def transform(self, results: dict) -> dict:
        image = np.atleast_3d(results['img'])
        bands = image.shape[2]
        results['optical_bands'] = self.optical_bands
        if bands == self.optical_bands + 1 and 'depth_path' not in results:
            results['img'] = _with_valid_depth(image).astype(np.float32)
            return results
        if bands != self.optical_bands:
            raise UserError(
                f'{results.get("img_path") or "the image array"} has {bands} bands where '
                f'LoadDepth(optical_bands={self.optical_bands}) expects that many'
                f'{_hint(bands, self.optical_bands)}'
            )
        if 'depth_path' not in results:
            results['depth_path'] = self._find(results.get('img_path'))
        path = results['depth_path']
        if path is None:
            results['img'] = image.astype(np.float32)
            return results
        depth = read_depth(path, self.value_range)
        if depth.shape != image.shape[:2]:
            raise UserError(
                f'depth map {path} is {depth.shape[1]}×{depth.shape[0]} and its image '
                f'{image.shape[1]}×{image.shape[0]}: bring it to the grid of the image'
            )
        stacked = np.empty((*depth.shape, bands + 1), np.float32)
        stacked[..., :bands] = image
        stacked[..., bands] = depth
        results['img'] = stacked
        return results

    def _find(self, image_path: str | None) -> str | None:
        if self.folder is None:
            return None
        wanted = f'an H×W×{self.optical_bands + 1} array with depth in (0, 1] as its last channel'
        if image_path is None:
            raise UserError(
                f"this model's pipeline wants depth as the last channel: give {wanted}, or the "
                'path of an image that has a depth map'
            )
        image = Path(image_path).absolute()
        parts = Path(self.image_folder or image.parent.name).parts
        if image.parent.parts[-len(parts) :] != parts:
            raise UserError(
                f'{image_path} is in no folder {self.image_folder}, so its depth map in '
                f'{self.folder} cannot be found: set image_folder= of LoadDepth, or give {wanted}'
            )
        stem = image.parents[len(parts)] / self.folder / image.stem
        candidates = [stem.with_name(stem.name + suffix) for suffix in DEPTH_SUFFIXES]
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            raise UserError(f'{image_path} has no depth map {candidates[0]} (or .tif): add it')
        return str(found)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(folder={self.folder!r}, image_folder={self.image_folder!r}, '
            f'optical_bands={self.optical_bands}, value_range={self.value_range})'
        )


def _with_valid_depth(image: np.ndarray) -> np.ndarray:
    depth = image[..., -1]
    # Written so that NaN fails too.
    if not ((depth >= 0) & (depth <= 1)).all():
        raise UserError(
            f'the last of the {image.shape[2]} channels goes from {depth.min():g} to '
            f'{depth.max():g} and should be depth in (0, 1], 0 where there is none: rescale it'
        )
    if not np.issubdtype(image.dtype, np.floating):
        raise UserError(
            f'the image array is of type {image.dtype}, in which depth between 0 and 1 is lost: '
            'stack image and depth as float32'
        )
    return image


def _hint(bands: int, expected: int) -> str:
    if bands < expected:
        return ': load the image with LoadMultibandImage, which drops no band'
    if bands > MAX_BANDS:
        return ': an image is an H×W×bands array, with depth after the bands if at all'
    return f": set optical_bands={bands}, or load the image with color_type='color'"
