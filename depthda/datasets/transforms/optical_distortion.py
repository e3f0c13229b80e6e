"""Photometric distortion that does not change depth."""

from dataclasses import dataclass

import cv2
import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.base import RGBDTransform
from depthda.datasets.transforms.channels import join, take
from depthda.errors import UserError


@TRANSFORMS.register_module()
@dataclass(eq=False)
class OpticalDistortion(RGBDTransform):
    """mmseg's ``PhotoMetricDistortion`` for the optical bands only, in floating point.

    Each step has probability 0.5. The order is brightness, contrast, saturation, hue; in half of
    the images, contrast is last. Values are clipped to [0, ``value_max``] after each step.
    Brightness and contrast change all optical bands by the same amount; saturation and hue change
    the first three (B, G, R), if there are three. Depth does not change.
    """

    brightness_delta: float = 32  # largest value that is added, on the scale of the image
    contrast_range: tuple[float, float] = (0.5, 1.5)  # range of the factor on all optical bands
    saturation_range: tuple[float, float] = (0.5, 1.5)  # of the factor; the result is in [0, 1]
    hue_delta: float = 18  # largest shift of the hue in OpenCV's half degrees (18 = 36°)
    value_max: float = 255  # largest value of an image; an error if exceeded, instead of clipping

    def __post_init__(self) -> None:
        for name in ('contrast_range', 'saturation_range'):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise UserError(f'{name}={(low, high)} of OpticalDistortion must be 0 ≤ low ≤ high')
        if min(self.brightness_delta, self.hue_delta) < 0 or self.value_max <= 0:
            raise UserError('OpticalDistortion needs deltas ≥ 0 and value_max > 0')
        self.hue_delta = min(self.hue_delta, 180)  # which is any hue

    def transform(self, results: dict) -> dict:
        image = results['img']
        bands = results.get('optical_bands', image.shape[2])
        optical = take(image, 0, bands)
        if optical.max() > self.value_max:
            raise UserError(
                f'{results.get("img_path") or "an image"} has values up to {optical.max():g}, but '
                f'OpticalDistortion has value_max={self.value_max:g}: set value_max and '
                'brightness_delta to the range of the images'
            )
        # Draw all values each time, so that the random numbers do not depend on the steps applied.
        applied = np.random.rand(4) < 0.5
        contrast_last = np.random.rand() < 0.5
        brightness = np.random.uniform(-self.brightness_delta, self.brightness_delta)
        contrast = np.random.uniform(*self.contrast_range)
        saturation = np.random.uniform(*self.saturation_range)
        hue = np.random.uniform(-self.hue_delta, self.hue_delta)

        if applied[0]:
            optical = self._clip(np.add(optical, np.float32(brightness), out=optical))
        if applied[1] and not contrast_last:
            optical = self._clip(np.multiply(optical, np.float32(contrast), out=optical))
        if (applied[2] or applied[3]) and bands >= 3:
            changes = saturation if applied[2] else 1, hue if applied[3] else 0
            shifted = self._shift_colour(optical[..., :3], *changes)
            optical = shifted if bands == 3 else join(shifted, take(optical, 3, bands))
        if applied[1] and contrast_last:
            optical = self._clip(np.multiply(optical, np.float32(contrast), out=optical))
        results['img'] = join(optical, take(image, bands, image.shape[2]))
        return results

    def _clip(self, values: np.ndarray) -> np.ndarray:
        return np.clip(values, 0, self.value_max, out=values)

    def _shift_colour(self, bgr: np.ndarray, saturation: float, hue: float) -> np.ndarray:
        # For float input in [0, 1], OpenCV returns hue in degrees and saturation in [0, 1].
        hsv = cv2.cvtColor(np.ascontiguousarray(bgr / self.value_max), cv2.COLOR_BGR2HSV)
        if hue:
            degrees = hsv[..., 0] + np.float32(2 * hue)
            # The remainder of 360, which takes six times as long to compute for any number.
            degrees += np.float32(360) * (degrees < 0)
            degrees -= np.float32(360) * (degrees >= 360)
            hsv[..., 0] = degrees
        if saturation != 1:
            hsv[..., 1] = np.clip(hsv[..., 1] * np.float32(saturation), 0, 1)
        shifted = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, dst=hsv)
        return self._clip(np.multiply(shifted, np.float32(self.value_max), out=shifted))
