"""Augmentation of the depth channel alone."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from depthda.depth.maps import LOWEST
from depthda.errors import UserError


@TRANSFORMS.register_module()
class DepthJitter(BaseTransform):
    """Depth d becomes d · scale + shift + noise, or the whole map becomes "no depth".

    A monocular estimate is free in scale and shift, image by image: the jitter keeps a model from
    relying on either. Valid depth stays valid, in [1/65535, 1]; "no depth" (0) stays 0; the optical
    bands, and images without depth, come out as they went in.

    Args:
        scale: Range of the factor.
        shift: Largest addition, up or down.
        noise: Standard deviation of the noise, pixel by pixel.
        drop_prob: Probability that the whole map becomes "no depth".
    """

    keeps_depth = True

    def __init__(
        self,
        scale: tuple[float, float] = (0.9, 1.1),
        shift: float = 0.05,
        noise: float = 0.0,
        drop_prob: float = 0.0,
    ) -> None:
        if not 0 < scale[0] <= scale[1]:
            raise UserError(f'scale={scale} of DepthJitter: give 0 < low ≤ high')
        if shift < 0 or noise < 0 or not 0 <= drop_prob <= 1:
            raise UserError('DepthJitter takes shift ≥ 0, noise ≥ 0 and drop_prob in [0, 1]')
        self.scale = scale
        self.shift = shift
        self.noise = noise
        self.drop_prob = drop_prob

    def transform(self, results: dict) -> dict:
        # A generator of its own, by one draw: what follows then sees the same random numbers
        # whether or not the image has depth.
        rng = np.random.default_rng(np.random.randint(1 << 31))
        image, index = results['img'], results['optical_bands']
        if image.shape[2] == index:
            return results
        depth = image[..., index]
        image = image.copy()
        if rng.random() < self.drop_prob:
            image[..., index] = 0
        else:
            jittered = depth * rng.uniform(*self.scale) + rng.uniform(-self.shift, self.shift)
            if self.noise:
                jittered += rng.normal(0, self.noise, depth.shape)
            image[..., index] = np.where(depth > 0, jittered.clip(LOWEST, 1), 0)
        results['img'] = image
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scale={self.scale}, shift={self.shift}, noise={self.noise}, '
            f'drop_prob={self.drop_prob})'
        )
