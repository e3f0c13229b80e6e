"""Datasets of images, label maps and depth maps in folders, with equal stems."""

import copy
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import RandomCrop
from mmseg.registry import DATASETS

from depthda.datasets.checks.image_check import image_check, named_if_damaged
from depthda.datasets.packed import PackedTiles
from depthda.datasets.pairing import Source, pair_by_stem
from depthda.datasets.pipeline_check import check_pipeline
from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.errors import UserError
from depthda.io.files import read_lines
from depthda.randomness import seeded

_KINDS = {'img_path': 'image', 'seg_map_path': 'label', 'depth_path': 'depth map'}


@DATASETS.register_module()
class RGBDSegDataset(BaseSegDataset):
    """Images, label maps and depth maps, paired by stem and checked when the dataset is built.

    A dataset with folders named ``images`` and ``labels`` needs only a config::

        dict(type='RGBDSegDataset', data_root='data/arctic', depth='rdepth/depth-anything-large',
             metainfo=dict(classes=('ice', 'water'), palette=[[255, 255, 255], [0, 0, 255]]), …)

    or a subclass with only ``METAINFO``. A subclass may set other folder names in ``FOLDERS``.

    Each sample has ``img_path``, ``depth_path`` (None without depth), ``domain``, ``split`` and, if
    the dataset has labels, ``seg_map_path``. If the index has a seed (``SampleKey``), the pipeline
    runs with that seed, so that a sample does not depend on the worker or on earlier samples.

    Args:
        data_prefix: Folders by mmseg's keys (``img_path``, ``seg_map_path``) and ``depth_path``,
            relative to ``data_root`` or absolute. None uses ``FOLDERS``. If ``seg_map_path`` or
            ``depth_path`` is absent or None, the dataset has no labels or no depth.
        depth: Folder of the depth maps; it replaces ``depth_path``. None keeps ``depth_path``.
        labels: Folder of the label maps; it replaces ``seg_map_path``. True keeps
            ``seg_map_path``, False and None ignore labels.
        domain: Name stored in each sample, for scores per domain.
        split: Name stored in each sample. It selects nothing; use ``ann_file`` for that.
        img_suffix, seg_map_suffix, depth_suffix: Ending of the file names (``'_RGBIR.tif'``); the
            part before it is the stem. None accepts all usual suffixes.
        check: ``'full'`` reads the header of every file, ``'names'`` only compares names.
        cache: ``'memory'`` reads each file once, and keeps what it contains, which must fit into
            the memory of each worker. Anything else is a folder of the same tiles, written by
            ``depthda prepare-dataset pack``, from which crops are read faster. Samples are the same
            as without, as long as no loading transform at the beginning of the pipeline draws
            random numbers.
        **kwargs: Passed to ``BaseSegDataset`` (``data_root``, ``ann_file`` with one stem per line,
            ``metainfo``, ``pipeline`` …).
    """

    FOLDERS: Mapping[str, str] = dict(img_path='images', seg_map_path='labels')
    # (arguments of depthda prepare-dataset that make the dataset, page that describes the dataset)
    PREPARED_BY: tuple[str, str] | None = None

    def __init__(
        self,
        data_prefix: Mapping[str, str | None] | None = None,
        depth: str | None = None,
        labels: str | bool | None = True,
        domain: str | None = None,
        split: str | None = None,
        img_suffix: str | None = None,
        seg_map_suffix: str | None = None,
        depth_suffix: str | None = None,
        check: str = 'full',
        cache: str | None = None,
        **kwargs,
    ) -> None:
        folders = dict(self.FOLDERS if data_prefix is None else data_prefix)
        if depth is not None:
            folders['depth_path'] = depth
        if labels is not True:
            folders['seg_map_path'] = labels or None
        # mmengine joins these paths, so they must not be None.
        folders = {key: folder for key, folder in folders.items() if folder is not None}
        if 'img_path' not in folders or not set(folders) <= set(_KINDS):
            raise UserError(
                f'data_prefix of {type(self).__name__} has the keys {sorted(folders)}: use '
                'img_path and, if the dataset has them, seg_map_path and depth_path'
            )
        self.depth = depth
        self.domain = domain
        self.split = split
        self.depth_suffix = depth_suffix
        self.check = check
        self.cache = cache
        super().__init__(
            data_prefix=folders, img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs
        )

    @property
    def has_labels(self) -> bool:
        return 'seg_map_path' in self.data_prefix

    @property
    def has_depth(self) -> bool:
        return 'depth_path' in self.data_prefix

    @property
    def depth_source(self) -> str | None:
        """Name of the depth source, by which datasets are compared; None without depth."""
        # depth_path in data_prefix may be named after the split, so it does not name the source.
        return self.depth or ('a depth folder' if self.has_depth else None)

    def how_made(self) -> str:
        """Return the fix for a missing ``data_root``, for the error message."""
        if self.PREPARED_BY is None:
            return 'correct the path'
        command, page = self.PREPARED_BY
        return (
            f'make it with depthda prepare-dataset {command} … --out {self.data_root}, or correct '
            f'the path ({page})'
        )

    @property
    def pipeline(self) -> Compose:
        """The transforms. They are checked whenever they are set; hooks may do so in training."""
        return self._pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Compose) -> None:
        steps = pipeline.transforms
        check_pipeline(steps, self.has_labels, self.has_depth, self.ignore_index)
        self._pipeline = pipeline
        # Transforms at the beginning that only load; their results can be kept.
        loads = [type(step).__name__.startswith('Load') for step in steps]
        self._loading = [*loads, False].index(False)
        self._kept: dict[str, dict] = {}
        self._crops = isinstance(next(iter(steps[self._loading :]), None), RandomCrop)
        self.convert_depth_after_crop(self._crops)
        self._packed: PackedTiles | None = None
        if self._fully_initialized:
            self._open_packed()

    def full_init(self) -> None:
        super().full_init()
        self._open_packed()

    def _open_packed(self) -> None:
        if self.cache not in (None, 'memory') and self._packed is None:
            self._packed = PackedTiles(self.cache, self)

    @property
    def loading_steps(self) -> list:
        return self.pipeline.transforms[: self._loading]

    def convert_depth_after_crop(self, after: bool) -> None:
        """Let the loading transforms return tiles of which only a crop is converted."""
        for step in self.loading_steps:
            if type(step) is LoadDepth:  # LoadControlDepth needs whole tiles
                step.before_crop = after

    def load(self, info: dict) -> dict:
        """Return what the loading transforms return for the record of a sample."""
        with named_if_damaged(info):
            return Compose(self.loading_steps)(info)

    def load_data_list(self) -> list[dict]:
        return self.load_folder(self.data_prefix, self.domain, self.split)

    def load_folder(
        self, folders: Mapping[str, str], domain: str | None, split: str | None
    ) -> list[dict]:
        """Pair and check the files in ``folders``, whose keys are those of ``data_prefix``."""
        if self.data_root and not Path(self.data_root).is_dir():
            raise UserError(
                f'the folder {self.data_root} (data_root) does not exist: {self.how_made()}'
            )
        suffixes = (self.img_suffix, self.seg_map_suffix, self.depth_suffix)
        sources = [
            Source(kind, folders[key], suffix) if key in folders else None
            for (key, kind), suffix in zip(_KINDS.items(), suffixes, strict=True)
        ]
        fault = image_check(self.pipeline.transforms)
        pairs = pair_by_stem(*sources, self._listed_stems(), self.check, image_fault=fault)
        common = dict(domain=domain, split=split, label_map=self.label_map, depth_path=None)
        common['reduce_zero_label'] = self.reduce_zero_label
        return [
            {**common, 'seg_fields': []}
            | {key: pair[kind] for key, kind in _KINDS.items() if kind in pair}
            for pair in pairs
        ]

    def __getitem__(self, idx: int) -> dict:
        seed = getattr(idx, 'seed', None)
        with nullcontext() if seed is None else seeded(seed):
            sample = super().__getitem__(idx)
        self._check_sample(sample)
        if seed is not None and hasattr(sample.get('data_samples'), 'set_metainfo'):
            # Random numbers drawn later, on the device, must also depend on the sample only.
            sample['data_samples'].set_metainfo(dict(sample_seed=seed))
        return sample

    def prepare_data(self, idx: int) -> dict:
        info = self.get_data_info(idx)
        if self.cache is None:
            with named_if_damaged(info):
                return self.pipeline(info)
        if self._packed is not None:
            loaded = self._packed.load(info, self, self._crops)
        else:
            name = info['img_path']
            if name not in self._kept:
                self._kept[name] = self.load(info)
            loaded = copy.deepcopy(self._kept[name])  # a transform may change arrays in place
        return Compose(self.pipeline.transforms[self._loading :])(loaded)

    def read_labels(self, idx: int) -> np.ndarray:
        """Return the label map of a sample, H×W, as the pipeline loads it."""
        load = next(s for s in self.pipeline.transforms if type(s).__name__ == 'LoadAnnotations')
        return load(self.get_data_info(idx))['gt_seg_map']

    def unknown_labels(self, labels: Any) -> Any:
        """Return those values of an array or tensor that are neither a class nor ignored."""
        return labels[(labels >= len(self._metainfo['classes'])) & (labels != self.ignore_index)]

    def check_labels(self, labels: Any, path: str) -> None:
        """Refuse unknown label values: they would make the loss wrong, or crash it on a GPU."""
        unknown = self.unknown_labels(labels)
        if len(unknown):
            shift, classes = int(self.reduce_zero_label), len(self._metainfo['classes'])
            raise UserError(
                f'{path} contains the value {int(unknown.max()) + shift}, but the {classes} '
                f'classes are {shift} to {classes - 1 + shift}: correct the labels, or set classes '
                'and reduce_zero_label of the dataset.'
            )

    def _check_sample(self, sample: dict) -> None:
        views = sample.get('data_samples')
        if self._metainfo.get('classes') is None or views is None:
            return
        for view in views if isinstance(views, (list, tuple)) else [views]:
            if 'gt_sem_seg' in view:
                path = view.get('seg_map_path') or view.get('img_path') or 'a label map'
                self.check_labels(view.gt_sem_seg.data, path)

    def _listed_stems(self) -> list[str] | None:
        if not self.ann_file:
            return None
        if not Path(self.ann_file).is_file():
            raise UserError(f'the list of stems {self.ann_file} (ann_file) does not exist')
        stems = read_lines(self.ann_file)
        if not stems:
            raise UserError(
                f'the list of stems {self.ann_file} (ann_file) is empty: write one stem per line, '
                'or remove ann_file to use every image'
            )
        return stems

    @classmethod
    def _load_metainfo(cls, metainfo: Mapping | None = None) -> dict:
        names = (metainfo or {}).get('classes')
        # mmengine accepts the path of a file of names. It would treat each letter of any other
        # string as a class.
        if isinstance(names, str) and not Path(names).is_file():
            raise UserError(
                f'classes={names!r} of {cls.__name__} is a single string: write a tuple of names, '
                f'({names!r},)'
            )
        # Checkpoints store the metainfo, so it may only contain built-in types.
        plain = _plain(super()._load_metainfo(metainfo))
        classes = list(plain.get('classes') or ())
        if repeated := [name for name in classes if classes.count(name) > 1]:
            raise UserError(
                f'the classes of {cls.__name__} contain {repeated[0]!r} twice: list each class once'
            )
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value
