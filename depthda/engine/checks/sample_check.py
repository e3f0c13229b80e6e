"""Check a few training tiles: empty labels or depth, sizes below the crop, unexpected values."""

import os
import re
from collections.abc import Iterator

import numpy as np
from mmengine.config import Config
from mmseg.registry import TRANSFORMS

from depthda.datasets.checks.image_check import named_if_damaged
from depthda.datasets.checks.mask_codes import check_codes
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.depth.maps import FAINT, read_depth
from depthda.engine.checks.data_check import listed_datasets, spread
from depthda.engine.overrides import segmentor_config
from depthda.errors import UserError, few
from depthda.io.headers import read_header

_FAR = 8  # a mean or deviation of normalised values above this is a mistake in the config
_TILES = 16  # of each dataset, evenly spread: most mistakes affect complete folders


def tile_warnings(cfg: Config) -> list[str]:
    """Return a line for each fault in sampled training tiles that would raise no error.

    A dataset without any labelled pixel is refused, because every loss would be 0.
    """
    model = segmentor_config(cfg.get('model') or {})
    reads_depth = (model.get('data_preprocessor') or {}).get('depth') != 'drop'
    lines = list(file_warnings(cfg, 'train'))
    for config, dataset in listed_datasets(cfg):
        # Anything else in a pipeline is refused when it is built.
        steps = [step for step in config.get('pipeline') or [] if isinstance(step, dict)]
        indices = spread(range(len(dataset)), _TILES)
        samples = [dataset.get_data_info(index) for index in indices]
        lines += _labels(samples, steps, dataset)
        if reads_depth and any(re.match('Load.*Depth$', _kind(step)) for step in steps):
            lines += _depth(samples)
            lines += _stretched(samples, steps)
        lines += _sizes(samples, steps)
        lines += _values(samples[0], steps, model)
    return lines


def file_warnings(cfg: Config, loader: str) -> Iterator[str]:
    """Refuse or report shifted label maps of LoveDA; for a test, also report faulty depth maps."""
    for _, dataset in listed_datasets(cfg, loader):
        samples = [dataset.get_data_info(n) for n in spread(range(len(dataset)), _TILES)]
        yield from check_codes(dataset, samples)
        if loader == 'test':
            yield from _depth(samples, 'test')


def _labels(samples: list[dict], steps: list[dict], dataset: RGBDSegDataset) -> Iterator[str]:
    loader = next((step for step in steps if step.get('type') == 'LoadAnnotations'), None)
    labelled = [sample for sample in samples if sample.get('seg_map_path')]
    if not loader or not labelled:
        return
    load, classes = TRANSFORMS.build(loader), len(dataset.metainfo.get('classes') or ())

    def is_empty(sample: dict) -> bool:
        with named_if_damaged(sample):
            labels = load({**sample, 'seg_fields': []})['gt_seg_map']
        if classes:
            dataset.check_labels(labels, sample['seg_map_path'])
        return not ((labels < (classes or 256)) & (labels != dataset.ignore_index)).any()

    empty = [sample['seg_map_path'] for sample in labelled if is_empty(sample)]
    names = few(map(os.path.basename, empty))
    advice = 'check the label maps and reduce_zero_label of the dataset'
    all_samples = map(dataset.get_data_info, range(len(dataset)))
    # Sparse labels are not a mistake, so a dataset is refused only after all its labels were read.
    if len(empty) == len(labelled) and all(map(is_empty, all_samples)):
        raise UserError(
            f'none of the {len(dataset)} training label maps in {os.path.dirname(empty[0])} has a '
            f'pixel with a class ({names}): {advice}'
        )
    if 2 * len(empty) > len(labelled):
        yield (
            f'{len(empty)} of {len(labelled)} sampled training label maps have no pixel with a '
            f'class ({names}): {advice}'
        )


def _depth(samples: list[dict], split: str = 'training') -> Iterator[str]:
    paths = [sample['depth_path'] for sample in samples if sample.get('depth_path')]
    nothing = 'they tell the model nothing about depth, so make them again'
    few_codes = 'save 8-bit values as an 8-bit PNG, or multiply them by 257'
    advice = {
        'have no pixel with depth': nothing,
        'have the same depth in all pixels': nothing,
        'use at most 255 of the 65,535 values of 16 bits': few_codes,
    }
    faulty = {fault: [] for fault in advice}
    empty, single, faint = faulty.values()
    for path in paths:
        valid = (depth := read_depth(path))[depth > 0]
        if not valid.size:
            empty.append(path)
        elif valid.min() == valid.max():
            single.append(path)
        elif path.lower().endswith('.png') and valid.max() <= FAINT:
            faint.append(path)
    for fault, files in faulty.items():
        if files:
            yield (
                f'{len(files)} of {len(paths)} sampled {split} depth maps {fault} '
                f'({few(map(os.path.basename, files))}): {advice[fault]}'
            )


def _stretched(samples: list[dict], steps: list[dict]) -> Iterator[str]:
    paths = [sample['depth_path'] or '' for sample in samples]
    path = next((path for path in paths if path.lower().endswith(('.tif', '.tiff'))), None)
    if path and not any(step.get('value_range') for step in steps):
        yield (
            f'the depth maps in {os.path.dirname(path)} are GeoTIFFs, and each is stretched from '
            'its own minimum to its own maximum, so the same height has different values in '
            'different tiles: make maps with depthda normalize-dsm, or set value_range=(LOW, HIGH) '
            'of LoadDepth'
        )


def _sizes(samples: list[dict], steps: list[dict]) -> Iterator[str]:
    crop = _crop(steps)
    if crop is None:
        return
    headers = [(sample['img_path'], read_header(sample['img_path'])) for sample in samples]
    if small := [
        f'{os.path.basename(path)}: {header.width}×{header.height}'
        for path, header in headers
        if header and (header.height < crop[0] or header.width < crop[1])
    ]:
        yield (
            f'{len(small)} of {len(headers)} sampled training tiles are smaller than the crop of '
            f'{crop[1]}×{crop[0]} ({few(small)}), so they are padded, or stop the training if '
            'nothing pads them: set a smaller crop_size in the pipeline, and the same size in '
            'model.data_preprocessor and model.test_cfg'
        )


def _values(sample: dict, steps: list[dict], model: dict) -> Iterator[str]:
    """Warn of a channel whose normalised values are far from those that a model can learn from."""
    settings = model.get('data_preprocessor') or {}
    mean, std = settings.get('mean'), settings.get('std')
    loaders = [step for step in steps if _kind(step).startswith('Load')]
    # A deviation of 0 is refused when the preprocessor is built.
    if not mean or not std or not all(std) or not loaders:
        return
    loaded = dict(sample, seg_fields=[])
    with named_if_damaged(sample):
        for step in loaders:
            if _kind(step) != 'LoadAnnotations':
                loaded = TRANSFORMS.build(step)(loaded)
    image = np.atleast_3d(loaded['img']).astype(np.float64)
    if settings.get('bgr_to_rgb'):
        image[..., :3] = image[..., 2::-1]
    names = [f'band {number}' for number in range(len(mean))] + ['depth']
    means = [*mean, settings.get('depth_mean', 0.449)]
    stds = [*std, settings.get('depth_std', 0.226)]
    channels = zip(names, means, stds, np.moveaxis(image, 2, 0), strict=False)
    for name, expected_mean, expected_std, channel in channels:
        if name == 'depth':
            channel = channel[channel > 0]
        if not channel.size or (name == 'depth' and settings.get('depth') == 'drop'):
            continue
        values = (channel - expected_mean) / expected_std
        middle, deviation = values.mean(), values.std()
        if max(abs(middle), deviation) > _FAR or (deviation < 1 / _FAR**2 and abs(middle) > 1):
            yield (
                f'{name} of {sample["img_path"]} has a mean of {middle:.3g} and a standard '
                f'deviation of {deviation:.3g} after normalisation, where about 0 and 1 are '
                'expected: set mean and std of model.data_preprocessor to those of the loaded '
                'values'
            )


def _crop(steps: list[dict]) -> tuple[int, int] | None:
    """Return the (height, width) of the crop; None without a crop, or if a resize precedes it."""
    for step in steps:
        if 'Resize' in _kind(step):
            return None
        if 'Crop' in _kind(step) and (size := step.get('crop_size')):
            return (size, size) if isinstance(size, int) else tuple(size)
    return None


def _kind(step: dict) -> str:
    return str(step.get('type'))
