"""Transforms that give source images the style of random target images."""

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.base import RGBDTransform
from depthda.datasets.transforms.load_multiband_image import read_bands
from depthda.errors import UserError, few

_SUFFIXES = ('.png', '.tif', '.tiff', '.jpg', '.jpeg')


@dataclass(eq=False)
class TargetStyle(RGBDTransform):
    """Give the optical bands the style of a random image in a folder; keep labels and depth.

    Use this transform for training, after the image is loaded and before it is packed. It should
    precede a crop, because the target images are not cropped.
    No label of the target is read.
    """

    takes_style = True  # checkpoints and scores record the folder of such a transform

    folder: str  # target images, which have the same bands as the training images

    def transform(self, results: dict) -> dict:
        if 'img' not in results:
            name = type(self).__name__
            raise UserError(f'put {name} after the image is loaded and before it is packed.')
        image = results['img']
        paths = _images(self.folder)
        target = read_bands(paths[np.random.randint(len(paths))])
        bands = results.get('optical_bands', image.shape[2])
        if target.shape[2] != bands:
            raise UserError(
                f'the images in {self.folder} have {target.shape[2]} bands, but the training '
                f'images have {bands}: {type(self).__name__} needs the same bands in both.'
            )
        if image.dtype.kind == 'u' and image.dtype != target.dtype:
            raise UserError(
                f'the images in {self.folder} are {target.dtype}, but the training images are '
                f'{image.dtype}: use the same type in both.'
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


@functools.lru_cache(maxsize=8)
def _images(folder: str) -> list[Path]:
    paths = sorted(path for path in Path(folder).glob('[!.]*') if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise UserError(
            f'{folder} has no images: set the folder of target images ({few(_SUFFIXES)}).'
        )
    return paths


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an image (H, W, B). Average its pixels if neither side becomes larger."""
    if image.shape[:2] == (height, width):
        return image
    smaller = image.shape[0] >= height and image.shape[1] >= width
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    image = cv2.resize(image, (width, height), interpolation=interpolation)
    return image.reshape(height, width, -1)


@TRANSFORMS.register_module()
class ColourTransfer(TargetStyle):
    r"""Give each band the mean and standard deviation of the same band of a random target image.

    .. math:: x' = (x - \mu_s) \frac{\sigma_t}{\sigma_s} + \mu_t

    After E. Reinhard et al., "Color Transfer between Images", IEEE CG&A 2001, who apply it in the
    colour space lαβ. Here it is applied to the bands, and there may be any number of bands.
    """

    def restyle(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        # In single precision, the sum over a large image is inaccurate, and so is its mean.
        (mean, spread), (target_mean, target_spread) = (
            (x.mean((0, 1), np.float64), x.std((0, 1), np.float64)) for x in (source, target)
        )
        # The deviation of an image of one colour is 0, which cannot be a divisor.
        factor = target_spread / np.where(spread > 0, spread, 1)
        return (source - mean) * factor + target_mean


@TRANSFORMS.register_module()
@dataclass(eq=False)
class FourierTransfer(TargetStyle):
    r"""Replace the amplitudes of the lowest frequencies by those of a random target image.

    .. math:: x' = F^{-1}\left(M_\beta \circ |F(x_t)| + (1 - M_\beta) \circ |F(x_s)|,
        \angle F(x_s)\right)

    :math:`M_\beta` is 1 for frequencies of up to β H along the height and β W along the width, in
    cycles per image, and 0 elsewhere. Citation: Y. Yang and S. Soatto, "FDA: Fourier Domain
    Adaptation for Semantic Segmentation", CVPR 2020. A target image of another size is resized.
    """

    # Highest replaced frequency, divided by the image side: from 0 to 0.5. The paper trains with
    # 0.01, 0.05 and 0.09.
    beta: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 0.5:
            raise UserError(f'beta={self.beta} of FourierTransfer must be from 0 to 0.5.')

    def restyle(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        height, width = source.shape[:2]
        spectrum = np.fft.fft2(source, axes=(0, 1))
        amplitude, phase = np.abs(spectrum), np.angle(spectrum)
        other = np.abs(np.fft.fft2(resized(target, height, width), axes=(0, 1)))
        # Cycles per image: 0, 1, …, -2, -1.
        rows, columns = (np.abs(np.fft.fftfreq(side, 1 / side)) for side in (height, width))
        low = np.logical_and.outer(
            rows <= np.floor(self.beta * height), columns <= np.floor(self.beta * width)
        )
        amplitude[low] = other[low]
        mixed = np.fft.ifft2(amplitude * np.exp(1j * phase), axes=(0, 1))
        return mixed.real.astype(np.float32)
