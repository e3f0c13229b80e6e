"""Fast random crops that are not dominated by a single class."""

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmseg.datasets.transforms import RandomCrop
from mmseg.registry import TRANSFORMS

_STEP = 16  # pixels between those that are sampled to find the classes of a crop


@TRANSFORMS.register_module()
class BalancedCrop(RandomCrop):
    """A faster version of mmseg's ``RandomCrop`` with the same arguments and crops.

    The original counts classes by sorting all pixels of up to ten candidate crops.
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
        """Return whether there are two classes or more, and none fills too much of the crop."""
        ignored = np.count_nonzero(labels == self.ignore_index)
        # Comparing with each frequent class takes less time than counting into bins.
        sampled = np.unique(labels[::_STEP, ::_STEP])
        counts = [np.count_nonzero(labels == v) for v in sampled if v != self.ignore_index]
        rest = labels.size - ignored - sum(counts)
        if rest > max(counts, default=0):  # a class that was not sampled may be the largest
            bins = np.bincount(labels.ravel())
            counts = [n for v, n in enumerate(bins) if n and v != self.ignore_index]
            rest = 0
        several = len(counts) + (rest > 0) > 1
        return several and max(counts) / (labels.size - ignored) < self.cat_max_ratio
