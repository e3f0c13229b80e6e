"""Somebody's own set, as ``tools/prepare_dataset.py folder`` writes it."""

import os
from pathlib import Path

from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError
from depthda.io.manifest import NAME, read_manifest


@DATASETS.register_module()
class PreparedDataset(RGBDSegDataset):
    """``images``, ``labels`` and depth folders; classes, colours and domain are the manifest's.

    Args:
        data_root: The folder that holds ``manifest.json``.
        split: One of those that the set was parted into (``'train'``); None: all of it.
        depth: Folder of the depth maps beside ``images``; None: the set has no depth.
        labels: False to leave the labels out.
        **kwargs: As ``RGBDSegDataset`` has them.
    """

    def __init__(
        self,
        data_root: str,
        split: str | None = None,
        depth: str | None = 'depth',
        labels: bool = True,
        **kwargs,
    ) -> None:
        path = os.path.join(data_root, NAME)
        manifest = read_manifest(Path(data_root))
        if manifest is None:
            raise UserError(
                f'{path} does not exist: make the set with tools/prepare_dataset.py folder, or '
                'correct data_root'
            )
        if not {'splits', 'classes', 'labels', 'domain'} <= set(manifest):
            raise UserError(
                f'{path} is not of tools/prepare_dataset.py folder: correct data_root, or take the '
                'dataset class of its files (data/README.md)'
            )
        if not manifest.get('complete'):
            raise UserError(
                f'{data_root} is not complete: run the same tools/prepare_dataset.py again, it '
                'continues what was interrupted'
            )
        if split is not None and split not in manifest['splits']:
            raise UserError(
                f'split={split!r} is none of {data_root}: use '
                f'{", ".join(manifest["splits"]) or "None, for it was not parted"}'
            )
        self.depth = depth
        if not manifest['classes'] and kwargs.get('test_mode'):
            raise UserError(
                f'{path} names no classes, so nobody knows what is predicted: make the set with '
                '--classes FILE, labels or not'
            )
        if manifest['classes']:
            own = dict(classes=manifest['classes'], palette=manifest['palette'])
            kwargs['metainfo'] = own | (kwargs.get('metainfo') or {})
        super().__init__(
            data_prefix=dict(
                img_path='images',
                seg_map_path='labels' if labels and manifest['labels'] else None,
                depth_path=depth,
            ),
            data_root=data_root,
            ann_file='' if split is None else f'{split}.txt',
            domain=manifest['domain'],
            split=split,
            **kwargs,
        )

    @property
    def depth_source(self) -> str | None:
        """The folder beside ``images``, which all splits share."""
        return self.depth
