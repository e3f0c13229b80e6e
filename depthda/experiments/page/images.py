"""The images behind a run, through the data set of its dumped config."""

import copy
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, TRANSFORMS

from depthda.depth.maps import read_depth
from depthda.errors import UserError, many
from depthda.experiments.page import pictures
from depthda.experiments.page.runs import Run


class RunImages:
    """Images, depth maps and labels of a data set of a run; the pairing is the data set's own.

    Args:
        run: The run.
        loader: ``'test_dataloader'`` or ``'train_dataloader'`` of its config.
    """

    def __init__(self, run: Run, loader: str = 'test_dataloader') -> None:
        self.run = run
        self.loader = loader

    @cached_property
    def described(self) -> dict[str, Any]:
        """The data set as the config has it."""
        loader = self.run.config.get(self.loader)
        if not loader:
            raise UserError(f'the config of {self.run.folder} has no {self.loader}.')
        return loader.dataset.to_dict()

    @property
    def transforms(self) -> list[dict[str, Any]]:
        """The transforms that the config gives the (first) data set."""
        return next((p['pipeline'] for p in _parts(self.described) if p.get('pipeline')), [])

    @cached_property
    def dataset(self) -> Any:
        """The data set without its pipeline; a ``UserError`` if its files are not to be found."""
        init_default_scope('mmseg')
        wanted = copy.deepcopy(self.described)
        for part in _parts(wanted):
            if 'pipeline' in part:
                part['pipeline'] = []
            if root := part.get('data_root'):
                part['data_root'] = str(self._locate(root))
        return DATASETS.build(wanted)

    def _locate(self, root: str) -> Path:
        """A folder that is relative to where the run was started, which the run's path tells."""
        here, work_dir = self.run.folder.absolute(), Path(self.run.config.get('work_dir') or '.')
        starts = [Path.cwd(), *here.parents]
        depth = len(work_dir.parts)
        if depth and not work_dir.is_absolute() and here.parts[-depth:] == work_dir.parts:
            starts.insert(0, here.parents[depth - 1])
        # A folder of that name may hold other data: the tested images tell the right one.
        image = '' if self.run.tiles is None else str(self.run.tiles.names[0])
        right = (s for s in starts if (s / root).is_dir() and (s / image).exists())
        found = next((start / root for start in right), None)
        if found is None:
            raise UserError(
                f'{root}, where the config of {self.run.folder} has its images, is not there any '
                'more: bring the folder back, or link it there.'
            )
        return found

    @cached_property
    def infos(self) -> list[dict[str, Any]]:
        """What the data set knows of each sample."""
        return [self.dataset.get_data_info(i) for i in range(len(self.dataset))]

    @cached_property
    def by_key(self) -> dict[str, dict[str, Any]]:
        """The tested samples by :attr:`Run.keys`: the test went through them in this order."""
        if len(self.infos) != len(self.run.keys):
            raise UserError(
                f'the test set of {self.run.folder} holds {many(len(self.infos), "image")} now '
                f'and held {len(self.run.keys)} when it was tested: test this run again.'
            )
        for info, name in zip(self.infos, self.run.tiles.names, strict=True):
            if os.path.basename(info['img_path']) != os.path.basename(str(name)):
                raise UserError(
                    f'the test set of {self.run.folder} has {info["img_path"]} now where {name} '
                    'was tested: test this run again.'
                )
        return dict(zip(self.run.keys, self.infos, strict=True))

    @property
    def palette(self) -> list[list[int]]:
        """The classes' colours; greys where a data set names none."""
        count = len(self.run.classes)
        found = self.dataset.metainfo.get('palette')
        if found:
            return [list(colour) for colour in found]
        return [[(i + 1) * 255 // (count + 1)] * 3 for i in range(count)]

    def image(self, info: dict[str, Any]) -> np.ndarray:
        """The optical bands as 8-bit RGB ``[H, W, 3]``; other ranges are stretched (2–98 %)."""
        loader = next((t for t in self.transforms if t['type'] not in _LATER), None)
        loader = dict(loader or dict(type='LoadImageFromFile'))
        bands = np.atleast_3d(TRANSFORMS.build(loader)(dict(info))['img'])[..., :3]
        rgb = bands[..., ::-1] if bands.shape[2] == 3 else np.repeat(bands[..., :1], 3, 2)
        if rgb.dtype != np.uint8 and not (0 <= rgb.min() and 1 < rgb.max() <= 255):
            low, high = np.percentile(rgb, (2, 98))
            rgb = (rgb.astype(np.float32) - low) / max(high - low, 1e-6) * 255
        return rgb.clip(0, 255).astype(np.uint8)

    def depth(self, info: dict[str, Any]) -> np.ndarray | None:
        """Depth ``[H, W]``, 0 = none; None where the set has no depth."""
        if not info.get('depth_path'):
            return None
        loader = next((t for t in self.transforms if t['type'] == 'LoadDepth'), {})
        return read_depth(info['depth_path'], loader.get('value_range'))

    def truth(self, info: dict[str, Any]) -> np.ndarray:
        """Labels ``[H, W]`` as the metric saw them: class indices, 255 ignored."""
        own = next((t for t in self.transforms if t['type'] == 'LoadAnnotations'), None)
        loader = TRANSFORMS.build(dict(own or dict(type='LoadAnnotations')))
        labels = loader(dict(info, seg_fields=[]))['gt_seg_map']
        return np.where(labels == self.run.report['ignore_index'], pictures.IGNORED, labels)

    def prediction(self, run: Run, info: dict[str, Any], truth: np.ndarray) -> np.ndarray | None:
        """What a run predicted for this sample; None if it was not kept."""
        path = run.prediction(Path(info['img_path']).stem)
        if not path.is_file():
            return None
        found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        if found is None or found.shape != truth.shape or found.max() >= len(run.classes):
            raise UserError(
                f'{path} is no label map of {many(len(run.classes), "class", "classes")} and the '
                f'size of its image: test {run.folder} again.'
            )
        return found


_LATER = ('LoadDepth', 'LoadAnnotations', 'PackSegInputs', 'TestTimeAug')


def _parts(described: Any) -> Iterator[dict[str, Any]]:
    """The data sets in a config's data set: wrappers hold others."""
    if isinstance(described, dict):
        yield described
        described = [described.get('dataset'), *(described.get('datasets') or [])]
    for part in described if isinstance(described, list) else []:
        if isinstance(part, dict):
            yield from _parts(part)
