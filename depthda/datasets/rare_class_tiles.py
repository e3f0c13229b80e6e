"""Draw tiles with rare classes more often (rare class sampling of DAFormer)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError
from depthda.randomness import SampleKey, derive_seed


@DATASETS.register_module()
@dataclass(eq=False, repr=False)
class RareClassTiles:
    r"""Draw a class, then a tile that shows it, then a crop that shows it.

    .. math:: P(c) = \frac{e^{(1 - f_c) / T}}{\sum_k e^{(1 - f_k) / T}}

    f_c is the share of class c in the labelled pixels of the dataset. All draws come from the seed
    of the index (``SampleKey``), so a sample depends only on the seed of the run and its position
    in the run. Without a seed, tiles come in order. Citation: L. Hoyer et al., "DAFormer", CVPR
    2022.
    """

    dataset: Mapping | RGBDSegDataset  # a dataset with labels, or its config
    temperature: float = 0.01  # T, as in the paper; with a large T all classes are equally likely
    # Pixels of the class that a tile must show, and that a crop should show. The values are those
    # of the paper, for crops of 512² pixels.
    min_pixels: int = 3000
    crop_pixels: int = 1500
    tries: int = 10  # crops to draw before a crop with fewer pixels is accepted

    def __post_init__(self) -> None:
        if self.temperature <= 0 or min(self.min_pixels, self.crop_pixels, self.tries) < 1:
            raise UserError(
                f'RareClassTiles: temperature={self.temperature}, min_pixels={self.min_pixels}, '
                f'crop_pixels={self.crop_pixels}, tries={self.tries}: all must be above 0.'
            )
        if isinstance(self.dataset, Mapping):
            self.dataset = DATASETS.build(dict(self.dataset))
        if not self.dataset.has_labels:
            raise UserError('RareClassTiles needs a dataset with labels, but its dataset has none.')

    def __getattr__(self, name: str) -> Any:
        # All other attributes, such as metainfo and get_data_info, are those of the dataset.
        if name == 'dataset':  # not set yet while a worker unpickles this object
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def full_init(self) -> None:
        """Read the dataset and count its labels, here once instead of in each worker."""
        self.dataset.full_init()
        self.probabilities  # noqa: B018

    def __len__(self) -> int:
        return len(self.dataset)

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of pixels of each of K classes in each of N tiles, ``[N, K]``."""
        classes = len(self.dataset.metainfo['classes'])
        return np.stack([self._count(index, classes) for index in range(len(self))])

    def _count(self, index: int, classes: int) -> np.ndarray:
        labels = self.dataset.read_labels(index)
        return np.bincount(labels[labels < classes].ravel(), minlength=classes)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """P(c). It is 0 for a class that has ``min_pixels`` pixels in no tile."""
        shares = self.counts.sum(0) / max(self.counts.sum(), 1)
        shown = (self.counts >= self.min_pixels).any(0)
        exponents = np.where(shown, (1 - shares) / self.temperature, -np.inf)
        if not shown.any():
            raise UserError(
                f'RareClassTiles: no tile has {self.min_pixels} pixels of any class: set a smaller '
                'min_pixels.'
            )
        weights = np.exp(exponents - exponents.max())
        return weights / weights.sum()

    def __getitem__(self, idx: int) -> dict:
        seed = getattr(idx, 'seed', None)
        if seed is None:
            return self.dataset[idx]
        rng = np.random.default_rng(derive_seed(seed, 'rare'))
        chosen = rng.choice(len(self.probabilities), p=self.probabilities)
        tile = int(rng.choice(np.flatnonzero(self.counts[:, chosen] >= self.min_pixels)))
        for number in range(self.tries):
            sample = self.dataset[SampleKey(tile, derive_seed(seed, 'crop', number))]
            labels = sample['data_samples'].gt_sem_seg.data
            if int((labels == chosen).sum()) >= self.crop_pixels:
                break
        return sample
