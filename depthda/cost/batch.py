"""A batch as the pipeline of a config makes it, from images that are made up."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmseg.registry import TRANSFORMS

from depthda.errors import UserError
from depthda.randomness import seeded

_MAX_SIDE = 8192
# The datasets of a pair; the config of the model has one preprocessor for them or several.
_PAIR = ('source', 'target', 'translated')


def made_up_batch(cfg: Config, loader: str, count: int, sizes: list[int]) -> dict[str, Any]:
    """Return a batch of ``count`` samples that went through the pipeline of a data loader.

    ``sizes`` are the sides of the images before the pipeline: one for all datasets, or one for each
    dataset of a pair.
    """
    dataset = cfg[f'{loader}_dataloader'].dataset
    with TemporaryDirectory() as folder, seeded(0):
        samples = [_sample(dataset, _bands(cfg), sizes, Path(folder)) for _ in range(count)]
    return pseudo_collate(samples)


def _sample(dataset: Mapping, bands: int, sizes: list[int], folder: Path) -> dict[str, Any]:
    dataset = _innermost(dataset)
    parts = [name for name in _PAIR if dataset.get(name)]
    if not parts:
        return _through_pipeline(dataset, bands, sizes[0], folder)
    if len(sizes) == 1:
        sizes = sizes * len(parts)
    pair: dict[str, dict] = dict(inputs={}, data_samples={})
    # A translated image has the size of the target.
    for name, side in zip(parts, [*sizes, sizes[-1]], strict=False):
        sample = _through_pipeline(dataset[name], bands, side, folder)
        for field, domains in pair.items():
            domains[name] = sample[field]
    return pair


def _innermost(dataset: Mapping) -> Mapping:
    """Return the config of the dataset itself, inside wrappers and lists of datasets."""
    while True:
        inner = dataset.get('dataset') or dataset.get('datasets')
        if not inner:
            return dataset
        dataset = inner[0] if isinstance(inner, (list, tuple)) else inner


def _through_pipeline(dataset: Mapping, bands: int, side: int, folder: Path) -> dict[str, Any]:
    dataset = _innermost(dataset)
    steps = [dict(step) for step in dataset['pipeline']]
    paths = _files(folder, bands, side)
    for step in steps:
        if getattr(TRANSFORMS.get(step['type']), 'takes_style', False):
            step['folder'] = str(paths['img_path'].parent)
    loads_depth = any(step.get('folder') for step in steps if 'Depth' in step['type'])
    info = {key: str(path) for key, path in paths.items()}
    info |= dict(reduce_zero_label=False, label_map=None, seg_fields=[], domain='', split='')
    if not loads_depth:
        info['depth_path'] = None
    try:
        sample = Compose([TRANSFORMS.build(step) for step in steps])(info)
    except (KeyError, OSError, ValueError) as error:
        raise UserError(
            f'the pipeline of {dataset["type"]} cannot process a made-up image of {side} pixels '
            f'({type(error).__name__}: {error}): choose another --size.'
        ) from error
    # Random numbers that are drawn on the device depend on it.
    sample['data_samples'].set_metainfo(dict(sample_seed=0))
    return sample


def _files(folder: Path, bands: int, side: int) -> dict[str, Path]:
    """Write an image with labels and depth, and return their paths."""
    if not 1 <= side <= _MAX_SIDE:
        raise UserError(f'--size {side} must be from 1 to {_MAX_SIDE}.')
    paths = {
        'img_path': folder / f'images/{side}.png',
        'seg_map_path': folder / f'labels/{side}.png',
        'depth_path': folder / f'depth/{side}.png',
    }
    if all(path.is_file() for path in paths.values()):
        return paths
    for path in paths.values():
        os.makedirs(path.parent, exist_ok=True)
    shape = (side, side)
    stripes = (np.indices(shape)[1] % 2).astype(np.uint8)  # no crop is dominated by one class
    if bands in (1, 3, 4):
        cv2.imwrite(str(paths['img_path']), np.full((*shape, bands), 100, np.uint8).squeeze())
    else:
        paths['img_path'] = _write_bands(paths['img_path'].with_suffix('.tif'), bands, shape)
    cv2.imwrite(str(paths['seg_map_path']), stripes)
    cv2.imwrite(str(paths['depth_path']), np.full(shape, 30000, np.uint16))
    return paths


def _write_bands(path: Path, bands: int, shape: tuple[int, int]) -> Path:
    import rasterio

    height, width = shape
    profile = dict(driver='GTiff', count=bands, height=height, width=width, dtype='uint8')
    with rasterio.open(path, 'w', **profile) as raster:
        raster.write(np.full((bands, *shape), 100, np.uint8))
    return path


def _bands(cfg: Config) -> int:
    """Return the number of optical bands, which is that of the means of the preprocessor."""
    return next(_lengths(cfg.model), 3)


def _lengths(node: Any) -> Iterator[int]:
    if isinstance(node, Mapping):
        mean = node.get('mean')
        if isinstance(mean, (list, tuple)):
            yield len(mean)
        for value in node.values():
            yield from _lengths(value)
