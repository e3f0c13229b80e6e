"""LiuZhou, the land-cover set of DepthSeg; it is not public, so whoever holds it has its tiles."""

import os

from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset


@DATASETS.register_module()
class LiuZhou(RGBDSegDataset):
    """``images``, ``labels`` and a depth folder, parted by lists of stems or by folders.

    The labels are 0…6 in the order of the classes and 255 where there is none; labels of 1…7 with
    0 for "none" are read with ``reduce_zero_label=True``.

    Args:
        data_root: The folder that holds ``images`` and ``labels``, or those of the splits.
        split: Folder of ``data_root`` that holds ``images`` and ``labels`` (``'train'``); None:
            ``data_root`` itself, where ``ann_file='train.txt'`` chooses the tiles.
        depth: Folder of the depth maps beside ``images``; None: the set has no depth.
        labels: False for tiles without labels.
        **kwargs: As ``RGBDSegDataset`` has them; ``ann_file``, a list of stems, is looked for in
            ``data_root``, with ``split`` too.
    """

    METAINFO = dict(
        # The order of the paper. It has no colours that could be read off: these are ours.
        classes=(
            'cropland',
            'forest',
            'buildings',
            'roads',
            'impervious surfaces',
            'bare land',
            'water',
        ),
        palette=[
            [255, 211, 127],
            [38, 115, 0],
            [230, 0, 0],
            [255, 255, 0],
            [178, 178, 178],
            [168, 112, 0],
            [0, 112, 255],
        ],
    )

    def __init__(
        self,
        data_root: str,
        split: str | None = None,
        depth: str | None = 'rdepth/depth-anything-large',
        labels: bool = True,
        **kwargs,
    ) -> None:
        self.depth = depth
        names = dict(img_path='images', seg_map_path='labels' if labels else None, depth_path=depth)
        super().__init__(
            data_prefix={
                key: name and os.path.join(split or '', name) for key, name in names.items()
            },
            data_root=data_root,
            split=split,
            **kwargs,
        )

    def how_made(self) -> str:
        return (
            f'make it with tools/prepare_dataset.py liuzhou … --out {self.data_root}, or correct '
            'the path (data/README.md)'
        )

    @property
    def depth_source(self) -> str | None:
        """The folder beside ``images``, which every split has of its own."""
        return self.depth
