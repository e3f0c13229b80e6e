"""What a look at a few training tiles shows: depth that says nothing, tiles below the crop."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.config import Config

from depthda.datasets.headers import read_header
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.depth.storage import read_depth
from depthda.engine.data_check import training_sets

_TILES = 16  # of each set, evenly spread over it: what is wrong is mostly wrong in whole folders


def tile_warnings(cfg: Config) -> list[str]:
    """What the training would take in silence: a line for each fault, with the tiles."""
    model = cfg.get('model') or {}
    reads_depth = (model.get('data_preprocessor') or {}).get('depth') != 'drop'
    lines: list[str] = []
    for config, dataset in training_sets(cfg):
        samples = _some(dataset)
        if reads_depth and _loads_depth(config.get('pipeline')):
            lines += _depth(samples)
        lines += _sizes(samples, config.get('pipeline') or [])
    return lines


def _some(dataset: RGBDSegDataset) -> list[dict]:
    number = len(dataset)
    places = sorted({round(i * (number - 1) / (_TILES - 1)) for i in range(_TILES)})
    return [dataset.get_data_info(place) for place in places]


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
