"""Recognise masks of LoveDA that were shifted by one, as converters for other projects do.

The original masks hold 0 for no-data and 1 to 7 for the classes. Read in the same way, masks with 0
to 6 would make each class the one before it, and the first class no-data, without an error.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmseg.datasets.transforms import LoadAnnotations

from depthda.datasets.checks.image_check import named_if_damaged
from depthda.datasets.loveda import LoveDARGBD
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError

_COMMON = 0.05  # share of pixels that no-data does not reach in LoveDA
_CONVERTED = 255  # no-data after a conversion
_FIX = 'use the original masks, or set reduce_zero_label=False in each dataset of the config'


def counts_codes(dataset: RGBDSegDataset) -> bool:
    """Return whether the masks of a dataset hold 0 for no-data, as those of LoveDA do."""
    return isinstance(dataset, LoveDARGBD) and dataset.reduce_zero_label and dataset.has_labels


def count_codes(sample: Mapping[str, Any]) -> np.ndarray:
    """Count the pixels of each code 0…255 of the mask of a sample, as it is in the file."""
    unchanged = dict(reduce_zero_label=False, label_map=None, seg_fields=[])
    with named_if_damaged(sample):
        codes = LoadAnnotations()({**sample, **unchanged})['gt_seg_map']
    return np.bincount(codes.ravel(), minlength=256)


def check_codes(dataset: RGBDSegDataset, samples: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Refuse converted masks, and warn of masks that are probably shifted.

    All masks of the dataset are read only if those of ``samples`` are suspicious.
    """
    if not counts_codes(dataset):
        return
    total = np.zeros(256, np.int64)

    def shifted(some: Iterable[Mapping[str, Any]]) -> str | None:
        for sample in some:
            counts = count_codes(sample)
            if text := converted_mask(sample['seg_map_path'], counts):
                raise UserError(text)
            total[:] += counts
        return shifted_masks(total)

    if shifted(samples):
        total[:] = 0
        if text := shifted(map(dataset.get_data_info, range(len(dataset)))):
            yield text


def converted_mask(path: str, counts: np.ndarray) -> str | None:
    """Describe a mask that holds a code which only converted masks have."""
    if not counts[_CONVERTED]:
        return None
    return (
        f'{path} holds the value 255, and masks of LoveDA hold 0 for no-data and 1 to 7 for the '
        f'classes: it was converted, so each class would be read as the one before it; {_FIX}'
    )


def shifted_masks(counts: np.ndarray) -> str | None:
    """Describe masks of which none holds the last code, although the first is common."""
    if counts[7] or counts[0] <= _COMMON * counts.sum():
        return None
    share = 100 * counts[0] / counts.sum()
    return (
        f'no mask holds the value 7 (agricultural), and {share:.0f} % of the pixels hold 0 '
        '(no-data): the masks may be shifted to 0 to 6, so that each class is read as the one '
        f'before it; {_FIX}'
    )
