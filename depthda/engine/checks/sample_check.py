"""What a few training tiles show: labels and depth without content, tiles below the crop."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.config import Config
from mmseg.registry import TRANSFORMS

from depthda.datasets.checks.image_check import named_if_damaged
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.depth.maps import read_depth
from depthda.engine.checks.data_check import listed_datasets, mask_warnings, spread
from depthda.errors import UserError
from depthda.io.headers import read_header

_FAR = 8  # deviations of the data that the mean and std of the model come from
_TILES = 16  # of each set, evenly spread over it: what is wrong is mostly wrong in whole folders


def tile_warnings(cfg: Config) -> list[str]:
    """What the training would take in silence: a line for each fault, with the tiles.

    Labels of which none holds a class are refused: every loss would be 0.
    """
    model = cfg.get('model') or {}
    reads_depth = (model.get('data_preprocessor') or {}).get('depth') != 'drop'
    lines = list(mask_warnings(cfg, 'train'))
    for config, dataset in listed_datasets(cfg):
        places = spread(range(len(dataset)), _TILES)
        samples = [dataset.get_data_info(place) for place in places]
        lines += _labels(samples, config.get('pipeline') or [], dataset)
        if reads_depth and _loads_depth(config.get('pipeline')):
            lines += _depth(samples)
            lines += _stretched(samples, config['pipeline'])
        lines += _sizes(samples, config.get('pipeline') or [])
        lines += _values(samples[0], config.get('pipeline') or [], model)
    return lines


def _labels(samples: list[dict], pipeline: list[dict], dataset: RGBDSegDataset) -> Iterator[str]:
    steps = [step for step in filter(_is_dict, pipeline) if step.get('type') == 'LoadAnnotations']
    labelled = [sample for sample in samples if sample.get('seg_map_path')]
    if not steps or not labelled:
        return
    load, classes = TRANSFORMS.build(steps[0]), len(dataset.metainfo.get('classes') or range(256))

    def is_empty(sample: dict) -> bool:
        with named_if_damaged(sample):
            labels = load({**sample, 'seg_fields': []})['gt_seg_map']
        if dataset.metainfo.get('classes'):
            dataset.check_labels(labels, sample['seg_map_path'])
        return not ((labels < classes) & (labels != dataset.ignore_index)).any()

    empty = [sample['seg_map_path'] for sample in labelled if is_empty(sample)]
    fault = f'hold no class ({_named(empty)}): check the masks and reduce_zero_label of the dataset'
    # Sparse labels are no mistake, so all of the set are read before it is refused.
    if len(empty) == len(labelled) and all(
        map(is_empty, map(dataset.get_data_info, range(len(dataset))))
    ):
        folder = os.path.dirname(empty[0])
        raise UserError(f'all {len(dataset)} training labels in {folder} {fault}')
    if 2 * len(empty) > len(labelled):
        yield f'{len(empty)} of {len(labelled)} sampled training labels {fault}'


def _depth(samples: list[dict]) -> Iterator[str]:
    paths = [sample['depth_path'] for sample in samples if sample.get('depth_path')]
    empty, constant = [], []
    for path in paths:
        valid = (depth := read_depth(path))[np.isfinite(depth) & (depth > 0)]
        if not valid.size:
            empty.append(path)
        elif valid.min() == valid.max():
            constant.append(path)
    for found, fault in ((empty, 'hold no depth at all'), (constant, 'hold one single depth')):
        if found:
            yield (
                f'{len(found)} of {len(paths)} sampled training depth maps {fault} '
                f'({_named(found)}): the model learns nothing from depth there, so make them again'
            )


def _stretched(samples: list[dict], pipeline: list[dict]) -> Iterator[str]:
    paths = [sample['depth_path'] or '' for sample in samples]
    path = next((path for path in paths if path.lower().endswith(('.tif', '.tiff'))), None)
    if path and not any(step.get('value_range') for step in filter(_is_dict, pipeline)):
        yield (
            f'the depth maps in {os.path.dirname(path)} are GeoTIFFs, each of which is stretched '
            'from its own minimum to its own maximum, so a height differs from tile to tile: make '
            'maps with depthda normalize-dsm, or give LoadDepth(value_range=(LOW, HIGH))'
        )


def _sizes(samples: list[dict], pipeline: list[dict]) -> Iterator[str]:
    crop = _crop(pipeline)
    if crop is None:
        return
    headers = [(s['img_path'], read_header(s['img_path'])) for s in samples]
    small = [
        f'{os.path.basename(path)}: {header.width}×{header.height}'
        for path, header in headers
        if header and (header.height < crop[0] or header.width < crop[1])
    ]
    if small:
        yield (
            f'{len(small)} of {len(headers)} sampled training tiles are smaller than the crop of '
            f'{crop[1]}×{crop[0]} ({", ".join(small[:3])}{", …" if len(small) > 3 else ""}): '
            'give a crop_size that fits them, or what is missing is padded or stops the training'
        )


def _values(sample: dict, pipeline: list[dict], model: dict) -> Iterator[str]:
    """Warn of a channel whose normalised values are far from those that a model can learn from."""
    settings = model.get('data_preprocessor') or {}
    mean, std = settings.get('mean'), settings.get('std')
    steps = [
        step for step in filter(_is_dict, pipeline) if str(step.get('type')).startswith('Load')
    ]
    # A deviation of 0 is refused when the preprocessor is built.
    if not mean or not std or not all(std) or not steps:
        return
    with named_if_damaged(sample):
        loaded = dict(sample, seg_fields=[])
        for step in steps:
            loaded = TRANSFORMS.build(step)(loaded) if step['type'] != 'LoadAnnotations' else loaded
    image = np.atleast_3d(loaded['img']).astype(np.float64)
    if settings.get('bgr_to_rgb'):
        image[..., :3] = image[..., 2::-1]
    names = [f'band {number}' for number in range(len(mean))] + ['depth']
    means = [*mean, settings.get('depth_mean', 0.449)]
    stds = [*std, settings.get('depth_std', 0.226)]
    channels = zip(names, means, stds, np.moveaxis(image, 2, 0), strict=False)
    for name, mean_of, std_of, channel in channels:
        if name == 'depth' and settings.get('depth') == 'drop':
            continue
        values = ((channel[channel > 0] if name == 'depth' else channel) - mean_of) / std_of
        if not values.size:
            continue
        middle, spread = values.mean(), values.std()
        if max(abs(middle), spread) > _FAR or (spread < 1 / _FAR**2 and abs(middle) > 1):
            yield (
                f'{name} of {sample["img_path"]} has mean {middle:.3g} and deviation {spread:.3g} '
                'after normalisation, where about 0 and 1 are expected: give '
                'model.data_preprocessor the mean and std of the values as they are loaded'
            )


def _crop(pipeline: list[dict]) -> tuple[int, int] | None:
    """The (height, width) of the crop, unless something resizes the tile before it."""
    for step in filter(_is_dict, pipeline):
        kind = str(step.get('type'))
        if 'Resize' in kind:
            return None
        if 'Crop' in kind and (size := step.get('crop_size')):
            return (size, size) if isinstance(size, int) else tuple(size)
    return None


def _loads_depth(pipeline: Any) -> bool:
    kinds = [str(step.get('type')) for step in filter(_is_dict, pipeline or [])]
    return any(kind.startswith('Load') and kind.endswith('Depth') for kind in kinds)


def _is_dict(step: Any) -> bool:
    return isinstance(step, dict)  # whatever else stands there is refused when it is built


def _named(paths: list[str]) -> str:
    return ', '.join(map(os.path.basename, paths[:3])) + (', …' if len(paths) > 3 else '')
