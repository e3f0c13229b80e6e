"""The images of the test or training dataset that the dumped config of a run defines."""

import copy
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, TRANSFORMS

from depthda.depth.maps import read_depth
from depthda.errors import UserError, few, many
from depthda.evaluation.confusion import joint_counts
from depthda.experiments.page.runs import rerun_command
from depthda.experiments.tested_run import TestedRun
from depthda.io.rasters import read_png
from depthda.pictures.colours import IGNORED, palette_of


class RunImages:
    """The images of a run's dataset, with their depth maps and labels."""

    def __init__(self, run: TestedRun, loader: str = 'test_dataloader') -> None:
        self.run = run
        self.loader = loader

    @cached_property
    def dataset_cfg(self) -> dict[str, Any]:
        loader = self.run.config.get(self.loader)
        if not loader:
            raise UserError(f'the config of {self.run.folder} has no {self.loader}.')
        return loader.dataset.to_dict()

    @property
    def transforms(self) -> list[dict[str, Any]]:
        """The transforms of the dataset, or of the first dataset in a wrapper."""
        return next((p['pipeline'] for p in _parts(self.dataset_cfg) if p.get('pipeline')), [])

    @cached_property
    def dataset(self) -> Any:
        """The dataset without its pipeline; raises ``UserError`` if its files cannot be found."""
        init_default_scope('mmseg')
        dataset_cfg = copy.deepcopy(self.dataset_cfg)
        for part in _parts(dataset_cfg):
            if 'pipeline' in part:
                part['pipeline'] = []
            if root := part.get('data_root'):
                part['data_root'] = str(self._locate(root))
        return DATASETS.build(dataset_cfg)

    def _locate(self, root: str) -> Path:
        """Find ``root``, a path relative to the folder where the run was started."""
        folder, work_dir = self.run.folder.absolute(), Path(self.run.config.get('work_dir') or '.')
        starts = [Path.cwd(), *folder.parents]
        levels = len(work_dir.parts)
        if levels and not work_dir.is_absolute() and folder.parts[-levels:] == work_dir.parts:
            starts.insert(0, folder.parents[levels - 1])
        # A folder of that name may hold other data; the right one holds the tested images.
        image = '' if self.run.tiles is None else str(self.run.tiles.names[0])
        for start in starts:
            if (start / root).is_dir() and (start / image).exists():
                return start / root
        raise UserError(
            f'{root}, the data folder in the config of {self.run.folder}, no longer exists: '
            'restore the folder, or create a link to it.'
        )

    @cached_property
    def infos(self) -> list[dict[str, Any]]:
        """The data info (paths, domain, …) of each sample."""
        return [self.dataset.get_data_info(i) for i in range(len(self.dataset))]

    @cached_property
    def by_key(self) -> dict[str, dict[str, Any]]:
        """The data info of each tested sample by :attr:`TestedRun.keys`, in the test's order."""
        names = [os.path.basename(info['img_path']) for info in self.infos]
        tested = [os.path.basename(str(name)) for name in self.run.tiles.names]
        if names != tested:
            unmatched = few(sorted(set(names) ^ set(tested)) or names)
            raise UserError(
                f'the test dataset of {self.run.folder} now has {many(len(names), "image")}, but '
                f'had {len(tested)} when it was tested (changed: {unmatched}): test the run again.'
            )
        return dict(zip(self.run.keys, self.infos, strict=True))

    @property
    def palette(self) -> list[list[int]]:
        return palette_of(dict(self.dataset.metainfo) | {'classes': self.run.classes})

    def image(self, info: dict[str, Any]) -> np.ndarray:
        """Return the optical bands as 8-bit RGB ``[H, W, 3]``.

        Values that are not on an 8-bit scale are stretched from their 2nd to 98th percentile.
        """
        later = ('LoadDepth', 'LoadAnnotations', 'PackSegInputs', 'TestTimeAug')
        loaders = [dict(t) for t in self.transforms if t['type'] not in later]
        load = TRANSFORMS.build([*loaders, dict(type='LoadImageFromFile')][0])
        bands = np.atleast_3d(load(dict(info))['img'])[..., :3]
        rgb = bands[..., ::-1] if bands.shape[2] == 3 else np.repeat(bands[..., :1], 3, 2)
        if rgb.dtype != np.uint8 and not (0 <= rgb.min() and 1 < rgb.max() <= 255):
            low, high = np.percentile(rgb, (2, 98))
            rgb = (rgb.astype(np.float32) - low) / max(high - low, 1e-6) * 255
        return rgb.clip(0, 255).astype(np.uint8)

    def depth(self, info: dict[str, Any]) -> np.ndarray | None:
        """Return the depth map ``[H, W]``, where 0 is no-data; None if there is no depth map."""
        if not info.get('depth_path'):
            return None
        return read_depth(info['depth_path'], self._step('LoadDepth').get('value_range'))

    def label(self, info: dict[str, Any]) -> np.ndarray:
        """Return the labels ``[H, W]`` that the metric used: class indices, 255 ignored."""
        load = TRANSFORMS.build(self._step('LoadAnnotations'))
        labels = load(dict(info, seg_fields=[]))['gt_seg_map']
        return np.where(labels == self.run.report['ignore_index'], IGNORED, labels)

    def _step(self, kind: str) -> dict[str, Any]:
        """Return the config of the first transform of a type, by default without arguments."""
        return next((dict(t) for t in self.transforms if t['type'] == kind), dict(type=kind))


def read_prediction(
    run: TestedRun, key: str, info: dict[str, Any], labels: np.ndarray
) -> np.ndarray | None:
    """Return the saved prediction of a tile, after checking that the run was scored on it.

    Return None if no prediction was saved.
    """
    path = run.folder / 'predictions' / f'{Path(info["img_path"]).stem}.png'
    if not path.is_file():
        return None
    saved = read_png(path)
    if saved is None or saved.shape != labels.shape or saved.max() >= len(run.classes):
        raise UserError(
            f'{path} is not a label map with the size of its image and '
            f'{many(len(run.classes), "class", "classes")}: test {run.folder} again.'
        )
    counts = joint_counts(torch.from_numpy(saved), torch.from_numpy(labels), len(run.classes))
    if not np.array_equal(counts.numpy(), run.tiles.counts[run.keys.index(key)]):
        raise UserError(
            f'the prediction or the labels of tile {key} have changed since {run.folder} was '
            f'scored (tiles.npz): test the run again with {rerun_command(run)}'
        )
    return saved


def _parts(cfg: Any) -> Iterator[dict[str, Any]]:
    """Yield the config of a dataset and, if it is a wrapper, of the datasets in it."""
    if isinstance(cfg, dict):
        yield cfg
        cfg = [cfg.get('dataset'), *(cfg.get('datasets') or [])]
    for part in cfg if isinstance(cfg, list) else []:
        if isinstance(part, dict):
            yield from _parts(part)
