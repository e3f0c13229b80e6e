"""Every sample of a data set looked at: labels, depth, and what the pipeline makes of it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from depthda.datasets.checks.image_check import named_if_damaged
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.errors import UserError
from depthda.randomness import SampleKey, derive_seed
from depthda.workers import worker_pool

# Classes that stand above the ground, whatever a set calls them.
RAISED = ('building', 'buildings', 'tree', 'trees', 'forest')
_FEW = 64  # processes take longer to start than that many samples to read
_dataset: RGBDSegDataset | None = None  # of a worker process


@dataclass(frozen=True)
class DepthFacts:
    """A depth map: the share of places with depth, its range there, and its polarity.

    ``raised`` is the mean depth of buildings and trees less that of the rest, in standard
    deviations of the map; None if there is not a twentieth of each.
    """

    valid: float
    low: float
    high: float
    spread: float
    raised: float | None


@dataclass(frozen=True)
class SampleFacts:
    """What one sample holds.

    Attributes:
        pixels: Of each class; None where the pipeline loads no label.
        ignored: Pixels that are of none.
        bands: Mean and mean square of each optical band, red, green and blue first.
        odd: Label values that are no class, as they are on disk.
        depth: None for a set without depth.
        digest: Stands for the pixels of the optical bands: equal for equal images.
        fault: Why the sample could not be read, or what its pipeline makes of it.
    """

    path: str
    domain: str
    size: tuple[int, int]
    pixels: np.ndarray | None = None
    ignored: int = 0
    bands: np.ndarray | None = None
    odd: tuple[int, ...] = ()
    depth: DepthFacts | None = None
    digest: bytes | None = None
    fault: str | None = field(default=None)


def inspect(
    dataset: RGBDSegDataset,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[SampleFacts]:
    """Read every sample as it lies on disk, and once through its pipeline, in the set's order."""
    found = []
    for facts in _map(dataset, workers):
        found.append(facts)
        progress(len(found), len(dataset))
    return found


def _map(dataset: RGBDSegDataset, workers: int) -> Iterator[SampleFacts]:
    if workers == 1 or len(dataset) < _FEW:
        for index in range(len(dataset)):
            yield look(dataset, index)
        return
    with worker_pool(workers, _start, dataset) as pool:
        yield from pool.map(_look, range(len(dataset)), chunksize=8)


def _start(dataset: RGBDSegDataset) -> None:
    global _dataset
    _dataset = dataset
    torch.set_num_threads(1)


def _look(index: int) -> SampleFacts:
    return look(_dataset, index)


def look(dataset: RGBDSegDataset, index: int) -> SampleFacts:
    """One sample; whatever is wrong with it is told, not raised."""
    info = dataset.get_data_info(index)
    classes = dataset.metainfo['classes']
    place = dict(path=info['img_path'], domain=info.get('domain') or '')
    try:
        loaded = _load(dataset, info)
    # Any library may fail on a broken file, each in its own way: that is the finding.
    except Exception as error:
        return SampleFacts(**place, size=(0, 0), fault=_sentence(error))
    optical = loaded['img'][..., : loaded['optical_bands']]
    facts: dict[str, Any] = dict(size=optical.shape[:2], bands=_moments(optical))
    facts['digest'] = _digest(optical)
    labels = loaded.get('gt_seg_map')
    if labels is not None:
        facts |= _count(labels, len(classes), dataset)
    if dataset.has_depth and loaded['img'].shape[2] > loaded['optical_bands']:
        raised = [n for n, name in enumerate(classes) if name.lower() in RAISED]
        facts['depth'] = _depth_facts(loaded['img'][..., -1], labels, raised, dataset.ignore_index)
    return SampleFacts(**place, **facts, fault=_pipeline_fault(dataset, index))


def _load(dataset: RGBDSegDataset, info: dict) -> dict:
    """The whole sample, before anything is cropped or turned."""
    steps = dataset.pipeline.transforms
    loaders = [step for step in steps if type(step).__name__.startswith('Load')]
    with named_if_damaged(info):
        for step in loaders:
            info = step(info)
    if not any(isinstance(step, LoadDepth) for step in loaders):
        info = LoadDepth(optical_bands=np.atleast_3d(info['img']).shape[2])(info)
    return info


def _digest(optical: np.ndarray) -> bytes:
    content = str(optical.shape).encode() + np.ascontiguousarray(optical).tobytes()
    return hashlib.blake2b(content, digest_size=16).digest()


def _moments(optical: np.ndarray) -> np.ndarray:
    # Loaded blue first; mean and std of a config are red first.
    order = [*range(min(3, optical.shape[2]))][::-1] + [*range(3, optical.shape[2])]
    values = optical[..., order].astype(np.float64)
    return np.stack([values.mean((0, 1)), (values**2).mean((0, 1))])


def _count(labels: np.ndarray, classes: int, dataset: RGBDSegDataset) -> dict[str, Any]:
    ignored, shift = dataset.ignore_index, int(dataset.reduce_zero_label)
    numbers = np.bincount(labels.ravel(), minlength=256)
    odd = [value for value in np.flatnonzero(numbers) if value >= classes and value != ignored]
    return dict(
        pixels=numbers[:classes],
        ignored=int(numbers[ignored]),
        odd=tuple(int(value) + shift for value in odd),
    )


def _depth_facts(
    depth: np.ndarray, labels: np.ndarray | None, raised: Sequence[int], ignored: int
) -> DepthFacts:
    valid = depth > 0
    if not valid.any():
        return DepthFacts(0.0, 0.0, 0.0, 0.0, None)
    known = depth[valid].astype(np.float64)
    spread = float(known.std())
    difference = None
    if labels is not None and raised and spread > 0:
        is_raised = np.isin(labels, raised)
        two = [depth[valid & is_raised], depth[valid & ~is_raised & (labels != ignored)]]
        if min(map(len, two)) >= 0.05 * known.size:
            means = [values.mean(dtype=np.float64) for values in two]
            difference = float((means[0] - means[1]) / spread)
    return DepthFacts(
        float(valid.mean()), float(known.min()), float(known.max()), spread, difference
    )


def _pipeline_fault(dataset: RGBDSegDataset, index: int) -> str | None:
    try:
        sample = dataset[SampleKey(index, derive_seed(0, 'inspection', index))]
    # A pipeline may hold anybody's transforms: what one of them says is the finding.
    except Exception as error:
        return _sentence(error)
    views = sample['inputs'] if isinstance(sample['inputs'], list) else [sample['inputs']]
    if not all(torch.isfinite(view.float()).all() for view in views):
        return 'its pipeline gives values that are no numbers'
    return None


def _sentence(error: Exception) -> str:
    said = ' '.join(str(error).split())
    return said if isinstance(error, UserError) else f'{type(error).__name__}: {said}'
