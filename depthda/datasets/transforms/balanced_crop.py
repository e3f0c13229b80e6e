"""Fast random crops that are not dominated by a single class."""

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmseg.datasets.transforms import RandomCrop
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BalancedCrop(RandomCrop):
    """A faster version of mmseg's ``RandomCrop`` with the same arguments and crops.

    The original counts classes by sorting all pixels of up to ten candidate crops. Labels have 8
    bits, so counting into bins is enough.
    """

    keeps_depth = True

    @cache_randomness
    def crop_bbox(self, results: dict) -> tuple[int, int, int, int]:
        """Draw a crop; draw again, up to ten times, while one class fills too much of it."""
        box = self._draw(results['img'].shape)
        if self.cat_max_ratio < 1:
            for _ in range(10):
                if self._is_balanced(self.crop(results['gt_seg_map'], box)):
                    break
                box = self._draw(results['img'].shape)
        return box

    def _draw(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        height, width = self.crop_size
        top = np.random.randint(0, max(shape[0] - height, 0) + 1)
        left = np.random.randint(0, max(shape[1] - width, 0) + 1)
        return top, top + height, left, left + width

    def _is_balanced(self, labels: np.ndarray) -> bool:
        counts = np.bincount(labels.ravel(), minlength=self.ignore_index + 1)
        counts[self.ignore_index] = 0
        present = np.count_nonzero(counts)
        return present > 1 and counts.max() / counts.sum() < self.cat_max_ratio
