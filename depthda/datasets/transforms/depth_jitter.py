"""Augmentation of the depth channel only."""

from dataclasses import dataclass

import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.base import RGBDTransform
from depthda.depth.maps import LOWEST
from depthda.errors import UserError


@TRANSFORMS.register_module()
@dataclass(eq=False)
class DepthJitter(RGBDTransform):
    """Change depth d to d · scale + shift + noise, or the whole map to "no depth".

    A monocular estimate has an unknown scale and shift in each image, and jitter keeps a model from
    relying on them. Valid depth stays in [1/65535, 1], and "no depth" stays 0. Optical bands, and
    images without depth, do not change.
    """

    scale: tuple[float, float] = (0.9, 1.1)  # range of the factor
    shift: float = 0.05  # largest value that is added or subtracted
    noise: float = 0.0  # standard deviation of the noise of each pixel
    drop_prob: float = 0.0  # probability that the whole map becomes "no depth"

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise UserError(
                f'scale={self.scale} of DepthJitter must be (low, high), 0 < low ≤ high'
            )
        if self.shift < 0 or self.noise < 0 or not 0 <= self.drop_prob <= 1:
            raise UserError('DepthJitter needs shift ≥ 0, noise ≥ 0 and drop_prob in [0, 1]')

    def transform(self, results: dict) -> dict:
        # Use a separate generator, seeded by one draw, so that later transforms get the same random
        # numbers with and without depth.
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
