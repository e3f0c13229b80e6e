"""Photometric distortion that does not change depth."""

from dataclasses import dataclass

import cv2
import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.base import RGBDTransform
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

    def transform(self, results: dict) -> dict:
        image = results['img'].astype(np.float32)
        optical = image[..., : results.get('optical_bands', image.shape[2])]
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
            self._set(optical, optical + np.float32(brightness))
        if applied[1] and not contrast_last:
            self._set(optical, optical * np.float32(contrast))
        if (applied[2] or applied[3]) and optical.shape[2] >= 3:
            self._shift_colour(
                optical[..., :3], saturation if applied[2] else 1, hue if applied[3] else 0
            )
        if applied[1] and contrast_last:
            self._set(optical, optical * np.float32(contrast))
        results['img'] = image
        return results

    def _set(self, view: np.ndarray, values: np.ndarray) -> None:
        np.clip(values, 0, self.value_max, out=view)

    def _shift_colour(self, bgr: np.ndarray, saturation: float, hue: float) -> None:
        # For float input in [0, 1], OpenCV returns hue in degrees and saturation in [0, 1].
        hsv = cv2.cvtColor(np.ascontiguousarray(bgr / self.value_max), cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0] + 2 * hue) % 360
        hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
        self._set(bgr, cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR) * np.float32(self.value_max))
