"""The base class of transforms that give source images the style of random target images."""

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from depthda.datasets.transforms.base import RGBDTransform
from depthda.datasets.transforms.load_multiband_image import swapped_bands
from depthda.errors import UserError, few
from depthda.io.rasters import open_raster

_SUFFIXES = ('.png', '.tif', '.tiff', '.jpg', '.jpeg')


@dataclass(eq=False)
class TargetStyle(RGBDTransform):
    """Restyle the optical bands after a random image of a folder; labels and depth do not change.

    Use it for training, after the image is loaded and before it is cropped. No label of the target
    is read.
    """

    takes_style = True  # so that checkpoints and scores record the folder

    folder: str  # images of the target, with the bands of the training images

    def transform(self, results: dict) -> dict:
        if 'img' not in results:
            name = type(self).__name__
            raise UserError(f'{name} comes after the image is loaded and before it is packed.')
        image = results['img']
        paths = _images(self.folder)
        target = _read(paths[np.random.randint(len(paths))])
        bands = results.get('optical_bands', image.shape[2])
        if target.shape[2] != bands:
            raise UserError(
                f'{self.folder} has images of {target.shape[2]} bands and the training images have '
                f'{bands}: {type(self).__name__} needs equal bands.'
            )
        if image.dtype.kind == 'u' and image.dtype != target.dtype:
            raise UserError(
                f'{self.folder} has images of {target.dtype} and the training images are '
                f'{image.dtype}: use one type in both.'
            )
        source = image[..., :bands].astype(np.float32)
        styled = self.restyle(source, target.astype(np.float32))
        if target.dtype.kind == 'u':
            styled = styled.clip(0, np.iinfo(target.dtype).max)
        rounded = np.rint(styled) if image.dtype.kind == 'u' else styled
        results['img'] = np.concatenate([rounded.astype(image.dtype), image[..., bands:]], axis=2)
        return results

    def restyle(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the source (H, W, B) in the style of the target (h, w, B), both float32."""
        raise NotImplementedError


def _read(path: Path) -> np.ndarray:
    with open_raster(path) as raster:
        bands = raster.read()
    return bands[swapped_bands(len(bands))].transpose(1, 2, 0)


@functools.lru_cache(maxsize=8)
def _images(folder: str) -> list[Path]:
    found = sorted(path for path in Path(folder).glob('[!.]*') if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise UserError(
            f'{folder} has no images: name a folder of target images ({few(_SUFFIXES)}).'
        )
    return found


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return an image (H, W, B) in another size, averaged where it becomes smaller."""
    if image.shape[:2] == (height, width):
        return image
    smaller = image.shape[0] >= height and image.shape[1] >= width
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=how).reshape(height, width, -1)
