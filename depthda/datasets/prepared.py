"""Custom datasets that ``depthda prepare-dataset folder`` has written."""

import os
from pathlib import Path

from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError
from depthda.io.manifest import NAME, read_manifest


@DATASETS.register_module()
class PreparedDataset(RGBDSegDataset):
    """A custom dataset in ``images``, ``labels`` and depth folders, with a ``manifest.json``.

    Classes, colours and domain are read from the manifest.

    Args:
        split: A split of the dataset (``'train'``); None: all of it.
        depth: Folder of the depth maps next to ``images``; None: no depth.
        labels, **kwargs: As in ``RGBDSegDataset``.
    """

    def __init__(
        self,
        data_root: str,
        split: str | None = None,
        depth: str | None = 'depth',
        labels: str | bool | None = True,
        **kwargs,
    ) -> None:
        path = os.path.join(data_root, NAME)
        manifest = read_manifest(Path(data_root))
        if manifest is None:
            raise UserError(
                f'{path} does not exist: make the dataset with depthda prepare-dataset folder, '
                'or correct data_root'
            )
        if not {'splits', 'classes', 'labels', 'domain'} <= set(manifest):
            raise UserError(
                f'{path} was not written by depthda prepare-dataset folder: correct data_root, or '
                'use the dataset class for these files (data/README.md)'
            )
        if not manifest.get('complete'):
            raise UserError(
                f'{data_root} is not complete: run the same depthda prepare-dataset command again '
                'to continue the preparation'
            )
        if split is not None and not manifest['splits']:
            raise UserError(
                f'{data_root} has no splits, but the config asks for split={split!r}: prepare it '
                'again with depthda prepare-dataset and --split train=0.8 val=0.2, or use all of '
                'it with split=None'
            )
        if split is not None and split not in manifest['splits']:
            raise UserError(
                f'split={split!r} is not a split of {data_root}: choose from '
                f'{", ".join(manifest["splits"])}'
            )
        if kwargs.get('reduce_zero_label'):
            raise UserError(
                f'reduce_zero_label=True for {data_root} would turn the first class into no-data '
                'and every other class into the previous one: remove it, because prepared labels '
                'start at 0'
            )
        if not manifest['classes'] and kwargs.get('test_mode'):
            raise UserError(
                f'{path} lists no classes, so predictions would have no meaning: prepare the '
                'dataset again with --classes FILE (it works with and without labels)'
            )
        if manifest['classes']:
            listed = dict(classes=manifest['classes'], palette=manifest['palette'])
            kwargs['metainfo'] = listed | (kwargs.get('metainfo') or {})
        super().__init__(
            depth=depth,
            labels=labels if manifest['labels'] else False,
            data_root=data_root,
            ann_file='' if split is None else f'{split}.txt',
            domain=manifest['domain'],
            split=split,
            **kwargs,
        )
