"""Read every sample of a dataset: its labels, its depth, and the output of its pipeline."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from depthda.datasets.checks.depth_check import check_image
from depthda.datasets.checks.image_check import named_if_damaged
from depthda.datasets.checks.mask_codes import count_codes, uses_original_codes
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.datasets.transforms.load_multiband_image import swapped_bands
from depthda.datasets.transforms.uncropped import Uncropped
from depthda.errors import UserError
from depthda.randomness import SampleKey, derive_seed
from depthda.workers import worker_pool

# Names that the datasets use for classes that rise above the ground.
RAISED = ('building', 'buildings', 'tree', 'trees', 'forest')
_FEW = 64  # reading fewer samples takes less time than starting processes
_dataset: RGBDSegDataset | None = None  # the dataset of a worker process


@dataclass(frozen=True)
class DepthFacts:
    """Facts about a depth map.

    ``valid`` is the share of pixels with depth. ``low``, ``high`` and ``spread`` are the minimum,
    maximum and standard deviation of their depth. ``raised`` shows the polarity: it is the mean
    depth of buildings and trees minus that of the other classes, in standard deviations of the map.
    It is None if one of these groups has less than a twentieth of the pixels with depth.
    """

    valid: float
    low: float
    high: float
    spread: float
    raised: float | None


@dataclass(frozen=True)
class SampleFacts:
    """The content of one sample."""

    path: str  # file of the image
    domain: str  # name of the domain, or ''
    size: tuple[int, int]  # (height, width) of the image
    label_path: str = ''  # file of the label map, or ''
    pixels: np.ndarray | None = None  # count of each class; None if the pipeline loads no labels
    ignored: int = 0  # number of ignored pixels
    bands: np.ndarray | None = None  # mean and mean square of each optical band, red first
    unknown: tuple[int, ...] = ()  # label values on disk that are neither a class nor ignored
    codes: np.ndarray | None = None  # pixels of each value in a LoveDA mask; else None
    depth: DepthFacts | None = None  # None for a dataset without depth
    digest: bytes | None = None  # hash of the optical bands, equal for equal images
    fault: str | None = None  # error in reading the sample or in its pipeline


def inspect(
    dataset: RGBDSegDataset,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[SampleFacts]:
    """Read every sample from disk and run it once through its pipeline; keep the order."""
    samples, indices = [], range(len(dataset))
    with worker_pool(workers if len(dataset) >= _FEW else 1, _start, dataset) as pool:
        for facts in (
            pool.map(_inspect_in_worker, indices, chunksize=8)
            if pool
            else (inspect_sample(dataset, index) for index in indices)
        ):
            samples.append(facts)
            progress(len(samples), len(dataset))
    return samples


def _start(dataset: RGBDSegDataset) -> None:
    global _dataset
    _dataset = dataset
    torch.set_num_threads(1)


def _inspect_in_worker(index: int) -> SampleFacts:
    return inspect_sample(_dataset, index)


def inspect_sample(dataset: RGBDSegDataset, index: int) -> SampleFacts:
    """Read one sample. Its errors are part of the result and are not raised."""
    info = dataset.get_data_info(index)
    classes = dataset.metainfo['classes']
    identity = dict(path=info['img_path'], domain=info.get('domain') or '')
    identity['label_path'] = info.get('seg_map_path') or ''
    try:
        check_image(info)
        loaded = _load(dataset, info)
    # Each library raises its own errors for damaged files. The error becomes the finding.
    except Exception as error:
        return SampleFacts(**identity, size=(0, 0), fault=_sentence(error))
    optical = loaded['img'][..., : loaded['optical_bands']]
    content = str(optical.shape).encode() + np.ascontiguousarray(optical).tobytes()
    digest = hashlib.blake2b(content, digest_size=16).digest()
    facts: dict[str, Any] = dict(size=optical.shape[:2], bands=_moments(optical), digest=digest)
    labels = loaded.get('gt_seg_map')
    if labels is not None:
        counts = np.bincount(labels.ravel(), minlength=256)
        unknown = dataset.unknown_labels(np.flatnonzero(counts))
        facts['pixels'] = counts[: len(classes)]
        facts['ignored'] = int(counts[dataset.ignore_index])
        facts['codes'] = count_codes(info) if uses_original_codes(dataset) else None
        facts['unknown'] = tuple((unknown + int(dataset.reduce_zero_label)).tolist())
    if dataset.has_depth and loaded['img'].shape[2] > loaded['optical_bands']:
        raised = [n for n, name in enumerate(classes) if name.lower() in RAISED]
        facts['depth'] = _depth_facts(loaded['img'][..., -1], labels, raised, dataset.ignore_index)
    return SampleFacts(**identity, **facts, fault=_pipeline_fault(dataset, index))


def _load(dataset: RGBDSegDataset, info: dict) -> dict:
    """Run only the loaders of the pipeline, so that the sample is not cropped or rotated."""
    steps = dataset.pipeline.transforms
    loaders = [step for step in steps if type(step).__name__.startswith('Load')]
    with named_if_damaged(info):
        for step in loaders:
            info = step(info)
    if not any(isinstance(step, LoadDepth) for step in loaders):
        info = LoadDepth(optical_bands=np.atleast_3d(info['img']).shape[2])(info)
    if isinstance(info['img'], Uncropped):
        info['img'] = info['img'][:, :]
    return info


def _moments(optical: np.ndarray) -> np.ndarray:
    # Images are loaded blue first; mean and std of a config are red first.
    values = optical[..., swapped_bands(optical.shape[2])].astype(np.float64)
    return np.stack([values.mean((0, 1)), (values**2).mean((0, 1))])


def _depth_facts(
    depth: np.ndarray, labels: np.ndarray | None, raised: Sequence[int], ignored: int
) -> DepthFacts:
    valid = depth > 0
    if not valid.any():
        return DepthFacts(0.0, 0.0, 0.0, 0.0, None)
    values, difference = depth[valid].astype(np.float64), None
    spread = float(values.std())
    if labels is not None and raised and spread > 0:
        is_raised = np.isin(labels, raised)
        above = depth[valid & is_raised]
        below = depth[valid & ~is_raised & (labels != ignored)]
        if min(above.size, below.size) >= 0.05 * values.size:
            means = [group.mean(dtype=np.float64) for group in (above, below)]
            difference = float((means[0] - means[1]) / spread)
    share, low, high = map(float, (valid.mean(), values.min(), values.max()))
    return DepthFacts(share, low, high, spread, difference)


def _pipeline_fault(dataset: RGBDSegDataset, index: int) -> str | None:
    try:
        sample = dataset[SampleKey(index, derive_seed(0, 'inspection', index))]
    # A pipeline may have any transform, with any error. The error becomes the finding.
    except Exception as error:
        return _sentence(error)
    views = sample['inputs'] if isinstance(sample['inputs'], list) else [sample['inputs']]
    finite = all(torch.isfinite(view.float()).all() for view in views)
    return None if finite else 'the pipeline returns NaN or infinite values'


def _sentence(error: Exception) -> str:
    text = ' '.join(str(error).split())
    return text if isinstance(error, UserError) else f'{type(error).__name__}: {text}'
