"""Inputs that replace depth, to test whether a gain is due to depth."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.depth.maps import LOWEST
from depthda.errors import UserError

CONTROLS = ('grey', 'constant', 'none', 'other-tile', 'degraded')
_BLUR_PX, _NOISE_PX = 8, 16  # standard deviations of Gaussian filters
# ITU-R BT.601, for mmcv's order of bands (BGR, or BGR and near infrared).
_LUMA = np.array([0.114, 0.587, 0.299], np.float32)


@TRANSFORMS.register_module()
@dataclass(eq=False)
class LoadControlDepth(LoadDepth):
    """Load another input instead of depth: the capacity controls.

    A model that is trained and tested with it has all parameters of the depth-guided model but no
    depth of the scene, so its gain over an RGB-only model is due to its size.

    Args:
        by: Replacement of depth. ``'grey'``: the luminance of the image (the mean of one or two
            bands). ``'constant'``: 0.5 everywhere. ``'none'``: no depth anywhere. ``'other-tile'``:
            the depth map that is half the folder further on in the list of maps, so that each map
            is used once and no tile has its own. ``'degraded'``: half the map, blurred with σ = 8
            pixels, and half smooth noise with the mean and deviation of the map, the same in each
            test.
    """

    by: str = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by not in CONTROLS:
            known = ', '.join(map(repr, CONTROLS))
            raise UserError(f'by={self.by!r} of LoadControlDepth: use {known}')

    def transform(self, results: dict) -> dict:
        if self.by == 'other-tile':
            if 'depth_path' not in results:
                results['depth_path'] = self._find(results.get('img_path'))
            if results['depth_path'] is not None:
                results['depth_path'] = _other(results['depth_path'])
            return super().transform(results)
        kind = results['img'].dtype
        results = super().transform(results)
        image = results['img']
        if image.shape[2] == self.optical_bands + 1:
            if self.by == 'grey':
                optical = image[..., : self.optical_bands]
                grey = optical[..., :3] @ _LUMA if self.optical_bands > 2 else optical.mean(-1)
                white = np.iinfo(kind).max if kind.kind == 'u' else 255
                image[..., -1] = np.clip(grey / white, LOWEST, 1)
            elif self.by == 'degraded':
                image[..., -1] = _degraded(image[..., -1], Path(results.get('img_path') or '').name)
            else:
                image[..., -1] = 0.5 if self.by == 'constant' else 0
        return results


def _degraded(depth: np.ndarray, name: str) -> np.ndarray:
    """Return a worse map; what is missing (0) stays so."""
    known = depth > 0
    if not known.any():
        return depth
    mean, spread = depth[known].mean(), depth[known].std()
    filled = np.where(known, depth, mean).astype(np.float32)
    # From the name alone, so that each model meets the same noise.
    rng = np.random.default_rng(list(name.encode()))
    noise = cv2.GaussianBlur(rng.standard_normal(depth.shape, np.float32), (0, 0), _NOISE_PX)
    noise = mean + spread * (noise - noise.mean()) / noise.std()
    mixed = (cv2.GaussianBlur(filled, (0, 0), _BLUR_PX) + noise) / 2
    return np.where(known, mixed.clip(LOWEST, 1), 0)


def _other(path: str) -> str:
    """Return the map half the folder further on; list the folder each time, as it may grow."""
    depth_map = Path(path)
    folder = depth_map.parent
    maps = sorted(folder.glob(f'[!.]*{depth_map.suffix}'))
    if len(maps) < 2:
        raise UserError(
            f"{folder} holds one depth map, and by='other-tile' needs two: add more depth maps"
        )
    return str(maps[(maps.index(depth_map) + len(maps) // 2) % len(maps)])
