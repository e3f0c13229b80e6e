"""Rotation by any angle, or by quarter turns with a flip, that is correct for labels and depth."""

import mmcv
import numpy as np
from mmseg.datasets.transforms import RandomRotFlip
from mmseg.registry import TRANSFORMS

from depthda.depth.maps import LOWEST


@TRANSFORMS.register_module()
class AlignedRotFlip(RandomRotFlip):
    """mmseg's ``RandomRotFlip`` with a corrected rotation and the same random numbers.

    The original rotates labels with bilinear interpolation (a border between classes 1 and 5 gets
    labels 2, 3 and 4), and fills their corners with 0, which is a class. Here labels are rotated
    with nearest-neighbour interpolation, and their corners are filled with ``seg_pad_val``. Depth
    is averaged over valid neighbours only, so that it does not decrease towards 0 near corners and
    no-data.

    Args:
        rotate_prob: Probability of a rotation by an angle within ``degree``.
        flip_prob: Probability of quarter turns and a flip, if there was no rotation.
        degree: Range of the angles. A number d means (-d, d).
        seg_pad_val: Label of the empty corners.
    """

    keeps_depth = True

    def __init__(
        self,
        rotate_prob: float = 0.5,
        flip_prob: float = 0.5,
        degree: float | tuple[float, float] = (-20, 20),
        seg_pad_val: int = 255,
    ) -> None:
        super().__init__(rotate_prob=rotate_prob, flip_prob=flip_prob, degree=degree)
        self.seg_pad_val = seg_pad_val

    def random_rotate(self, results: dict) -> dict:
        angle = np.random.uniform(min(*self.degree), max(*self.degree))
        before = results['img']
        image = mmcv.imrotate(before, angle)
        index = results.get('optical_bands', image.shape[2])
        if index < image.shape[2]:
            weight = mmcv.imrotate((before[..., index] > 0).astype(np.float32), angle)
            mean = image[..., index] / np.maximum(weight, LOWEST)
            image[..., index] = np.where(weight >= 0.5, mean.clip(LOWEST, 1), 0)
        results['img'] = image
        for key in results.get('seg_fields', []):
            results[key] = mmcv.imrotate(
                results[key], angle, border_value=self.seg_pad_val, interpolation='nearest'
            )
        return results

    def transform(self, results: dict) -> dict:
        results = super().transform(results)
        # A quarter turn swaps height and width.
        results['img_shape'] = results['img'].shape[:2]
        return results
