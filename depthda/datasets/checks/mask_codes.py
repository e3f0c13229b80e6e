"""Recognise LoveDA masks (label maps) whose values a converter has shifted by one.

The original masks contain 0 for no-data and 1 to 7 for the classes. If masks with the values 0 to 6
are read as if they were original, each class becomes the previous class, and the first class
becomes no-data. Nothing raises an error.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmseg.datasets.transforms import LoadAnnotations

from depthda.datasets.checks.image_check import named_if_damaged
from depthda.datasets.loveda import LoveDARGBD
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError
from depthda.io.headers import read_header

_MAX_NO_DATA_SHARE = 0.05  # in LoveDA, less than this share of the pixels is no-data
_CONVERTED_NO_DATA = 255  # the value of no-data after a conversion
_FIX = 'use the original masks, or set reduce_zero_label=False in each dataset of the config'


def uses_original_codes(dataset: RGBDSegDataset) -> bool:
    """Return whether a dataset reads its masks as original LoveDA masks, with 0 for no-data."""
    return isinstance(dataset, LoveDARGBD) and dataset.reduce_zero_label and dataset.has_labels


def count_codes(sample: Mapping[str, Any]) -> np.ndarray:
    """Count the pixels of each value (0 to 255) in the mask file of a sample."""
    unchanged = dict(reduce_zero_label=False, label_map=None, seg_fields=[])
    header = read_header(sample['seg_map_path'])
    if header is not None and header.bands > 1:
        raise UserError(
            f'{sample["seg_map_path"]} is an image with {header.bands} bands, not a mask of class '
            'indices: use the original masks.'
        )
    with named_if_damaged(sample):
        codes = LoadAnnotations()({**sample, **unchanged})['gt_seg_map']
    return np.bincount(codes.ravel(), minlength=256)


def check_codes(dataset: RGBDSegDataset, samples: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Refuse converted masks, and yield a warning if the masks are probably shifted.

    The masks of ``samples`` are read first. All masks are read only if these are suspicious.
    """
    if not uses_original_codes(dataset):
        return
    total = np.zeros(256, np.int64)

    def describe_shift(chosen: Iterable[Mapping[str, Any]]) -> str | None:
        for sample in chosen:
            counts = count_codes(sample)
            if text := describe_converted_mask(sample['seg_map_path'], counts):
                raise UserError(text)
            total[:] += counts
        return describe_shifted_masks(total)

    if describe_shift(samples):
        total[:] = 0
        if text := describe_shift(map(dataset.get_data_info, range(len(dataset)))):
            yield text


def describe_converted_mask(path: str, counts: np.ndarray) -> str | None:
    """Return an error message if a mask contains a value that only converted masks have."""
    if not counts[_CONVERTED_NO_DATA]:
        return None
    return (
        f"{path} contains the value 255, but LoveDA's masks contain only 0 (no-data) and 1 to 7 "
        '(classes). The mask was converted, so each class would be read as the previous class: '
        f'{_FIX}'
    )


def describe_shifted_masks(counts: np.ndarray) -> str | None:
    """Return a warning if no mask contains 7 (the last class) but 0 (no-data) is common."""
    if counts[7] or counts[0] <= _MAX_NO_DATA_SHARE * counts.sum():
        return None
    share = 100 * counts[0] / counts.sum()
    return (
        f'no mask contains the value 7 (agricultural), and {share:.0f} % of the pixels are 0 '
        '(no-data). The values may have been shifted to 0 to 6, and each class would then be read '
        f'as the previous class: {_FIX}'
    )
