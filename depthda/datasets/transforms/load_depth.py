"""Load depth, or a replacement of it, as the last channel of the image."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.base import RGBDTransform
from depthda.datasets.transforms.uncropped import Uncropped
from depthda.depth.maps import DEPTH_SUFFIXES, LOWEST, read_codes
from depthda.errors import UserError, many
from depthda.io.headers import MAX_BANDS


@TRANSFORMS.register_module()
@dataclass(eq=False)
class LoadDepth(RGBDTransform):
    """Append depth to ``img``: H×W×B becomes H×W×(B+1), float32; the depth 0 means "no depth".

    The first of these rules that applies decides where depth comes from:

    1. ``depth_path`` of the dataset. None means that the dataset has no depth; the image then keeps
       its bands, as float32.
    2. An array that already has depth as its last channel does not change.
    3. The path of the image, as in mmseg's ``inference_model``: the depth of ``…/images/12.png`` is
       ``…/<folder>/12.png`` (or ``.tif``).

    Do not resize the result: next to no-data, bilinear resizing would blend valid depth with 0.

    Args:
        folder: Folder of the depth maps, next to the folder of the images. With None, rule 3 loads
            no depth, as RGB-only models expect.
        image_folder: Path of the image folder, if it has several levels (``'rgb/8bit'``);
            ``folder`` is next to the first level. None means the folder that holds the image.
        optical_bands: Number of bands before depth, 1 to 32: 3 for RGB, 4 with near infrared.
        value_range: Heights (low, high) of a GeoTIFF that become 0 and 1; None uses the minimum and
            maximum of each map. PNG maps are relative depth and are never rescaled.
    """

    folder: str | None = None
    image_folder: str | None = None
    optical_bands: int = 3
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self.before_crop = False  # a dataset sets it if the next transform is a crop
        bands, heights = self.optical_bands, self.value_range
        if not 1 <= bands <= MAX_BANDS:
            raise UserError(f'optical_bands={bands} of LoadDepth must be from 1 to {MAX_BANDS}')
        if heights is not None and not heights[0] < heights[1]:
            raise UserError(f'value_range={heights} of LoadDepth must have low < high')

    def transform(self, results: dict) -> dict:
        image = np.atleast_3d(results['img'])
        bands = image.shape[2]
        results['optical_bands'] = self.optical_bands
        if bands == self.optical_bands + 1 and 'depth_path' not in results:
            results['img'] = _with_valid_depth(image).astype(np.float32)
            return results
        if bands != self.optical_bands:
            name, expected = results.get('img_path') or 'the image array', self.optical_bands
            raise UserError(
                f'{name} has {many(bands, "band")}, but LoadDepth expects '
                f'optical_bands={expected}{_hint(bands, expected)}'
            )
        if 'depth_path' not in results:
            results['depth_path'] = self._find(results.get('img_path'))
        path = results['depth_path']
        if path is None:
            results['img'] = image.astype(np.float32)
            return results
        codes = read_codes(path, self.value_range)
        if codes.shape != image.shape[:2]:
            raise UserError(
                f'depth map {path} is {codes.shape[1]}×{codes.shape[0]}, but its image is '
                f'{image.shape[1]}×{image.shape[0]}: resample the map to the grid of the image'
            )
        stacked = Uncropped(image, codes)
        results['img'] = stacked if self.before_crop else stacked[:, :]
        return results

    def _find(self, image_path: str | None) -> str | None:
        if self.folder is None:
            return None
        array = f'an H×W×{self.optical_bands + 1} array with depth in (0, 1] as its last channel'
        if image_path is None:
            raise UserError(
                f"this model's pipeline needs depth as the last channel: pass {array}, or the "
                'path of an image that has a depth map'
            )
        image = Path(image_path).absolute()
        parts = Path(self.image_folder or image.parent.name).parts
        if image.parent.parts[-len(parts) :] != parts:
            raise UserError(
                f'{image_path} is not in a folder {self.image_folder}, so its depth map in '
                f'{self.folder} cannot be found: set image_folder= of LoadDepth, or pass {array}'
            )
        stem = image.parents[len(parts)] / self.folder / image.stem
        candidates = [stem.with_name(stem.name + suffix) for suffix in DEPTH_SUFFIXES]
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            raise UserError(f'{image_path} has no depth map {candidates[0]} (or .tif): add it')
        return str(found)


def _with_valid_depth(image: np.ndarray) -> np.ndarray:
    depth = image[..., -1]
    if np.isnan(depth).any():
        raise UserError('the depth of the image array contains NaN: use 0 where there is no depth')
    if not ((depth >= 0) & (depth <= 1)).all():
        raise UserError(
            f'the last of the {image.shape[2]} channels has values from {depth.min():g} to '
            f'{depth.max():g}, but it should be depth in (0, 1], or 0 for no depth: rescale it'
        )
    if not np.issubdtype(image.dtype, np.floating):
        raise UserError(
            f'the image array has type {image.dtype}, which cannot hold depth between 0 and 1: '
            'stack image and depth as float32'
        )
    return image


def _hint(bands: int, expected: int) -> str:
    if bands < expected:
        return ': load the image with LoadMultibandImage, which keeps all bands'
    if bands > MAX_BANDS:
        return ': pass an H×W×bands array, with depth (if any) after the bands'
    return f": set optical_bands={bands}, or load the image with color_type='color'"


CONTROLS = ('grey', 'constant', 'none', 'other-tile', 'degraded')
_BLUR_PX, _NOISE_PX = 8, 16  # standard deviations of Gaussian filters
# Weights of the luminance (ITU-R BT.601) for mmcv's order of bands (BGR, or BGR, near infrared).
_LUMA = np.array([0.114, 0.587, 0.299], np.float32)


@TRANSFORMS.register_module()
@dataclass(eq=False)
class LoadControlDepth(LoadDepth):
    """Load another input in place of depth, as a control for the capacity of the model.

    A model that is trained and tested with this input has all parameters of the depth-guided model,
    but no depth of the scene (with ``'degraded'``, worse depth). So its gain over an RGB-only model
    is due to its size.

    Args:
        by: Replacement of depth. ``'grey'``: the luminance of the image (the mean of one or two
            bands). ``'constant'``: 0.5 everywhere. ``'none'``: no depth anywhere. ``'other-tile'``:
            the map of another tile, half the sorted list of maps further on, so that each map is
            used once. ``'degraded'``: the mean of the map, blurred with σ = 8 pixels, and of smooth
            noise that has the mean and standard deviation of the map. The noise of a tile is the
            same in each test.
    """

    by: str = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by not in CONTROLS:
            choices = ', '.join(map(repr, CONTROLS))
            raise UserError(f'by={self.by!r} of LoadControlDepth is unknown: use {choices}')

    def transform(self, results: dict) -> dict:
        if self.by == 'other-tile':
            if 'depth_path' not in results:
                results['depth_path'] = self._find(results.get('img_path'))
            if results['depth_path'] is not None:
                results['depth_path'] = _other_map(results['depth_path'])
            return super().transform(results)
        dtype = results['img'].dtype
        results = super().transform(results)
        image = results['img']
        if image.shape[2] == self.optical_bands + 1:
            if self.by == 'grey':
                optical = image[..., : self.optical_bands]
                grey = optical[..., :3] @ _LUMA if self.optical_bands > 2 else optical.mean(-1)
                white = np.iinfo(dtype).max if dtype.kind == 'u' else 255
                image[..., -1] = np.clip(grey / white, LOWEST, 1)
            elif self.by == 'degraded':
                image[..., -1] = _degraded(image[..., -1], Path(results.get('img_path') or '').name)
            else:
                image[..., -1] = 0.5 if self.by == 'constant' else 0
        return results


def _degraded(depth: np.ndarray, name: str) -> np.ndarray:
    """Return a blurred and noisy map; pixels without depth remain 0."""
    valid = depth > 0
    if not valid.any():
        return depth
    mean, spread = depth[valid].mean(), depth[valid].std()
    filled = np.where(valid, depth, mean).astype(np.float32)
    # Seeded by the file name alone, so that every model gets the same noise.
    rng = np.random.default_rng(list(name.encode()))
    noise = cv2.GaussianBlur(rng.standard_normal(depth.shape, np.float32), (0, 0), _NOISE_PX)
    noise = mean + spread * (noise - noise.mean()) / noise.std()
    mixed = (cv2.GaussianBlur(filled, (0, 0), _BLUR_PX) + noise) / 2
    return np.where(valid, mixed.clip(LOWEST, 1), 0)


def _other_map(path: str) -> str:
    """Return the map that is half the list of maps further on in the folder.

    The folder is listed each time, because maps may be added.
    """
    depth_map = Path(path)
    folder = depth_map.parent
    maps = sorted(folder.glob(f'[!.]*{depth_map.suffix}'))
    if len(maps) < 2:
        raise UserError(
            f"{folder} contains only one depth map, but by='other-tile' needs two or more: add "
            'depth maps'
        )
    return str(maps[(maps.index(depth_map) + len(maps) // 2) % len(maps)])
