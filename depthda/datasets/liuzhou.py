"""LiuZhou, the land-cover dataset of DepthSeg, which is not public."""

import os

from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset


@DATASETS.register_module()
class LiuZhou(RGBDSegDataset):
    """LiuZhou: 15,327 satellite tiles of 512², GaoFen-2, 0.8 m, 2015, 7 land-cover classes.

    The splits have 7,047 (train), 4,209 (val) and 4,071 (test) tiles, from areas without overlap.
    Citation: N. Zhou et al., "DepthSeg: Depth Prompting in Remote Sensing Semantic Segmentation".
    The dataset is not public, and its licence is not known.

    Tiles are in ``images``, ``labels`` and a depth folder; a split is a list of file stems or
    a folder. Labels are 0…6 in the order of the classes, and 255 (ignored). If your labels are 1…7
    and 0 (ignored), set ``reduce_zero_label=True``.

    Args:
        data_root: Folder that holds ``images`` and ``labels``, or the folders of the splits.
        split: Folder in ``data_root`` that holds ``images`` and ``labels`` (``'train'``). If None,
            they are in ``data_root`` itself, and ``ann_file='train.txt'`` selects the tiles.
        depth: Folder of the depth maps next to ``images``; None: no depth.
        **kwargs: Passed to ``RGBDSegDataset``. ``ann_file``, a list of stems, is always relative to
            ``data_root``.
    """

    PREPARED_BY = ('liuzhou', 'data/README.md')
    METAINFO = dict(
        # In the order of the paper. The colours are ours, because the paper does not state its own.
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
        **kwargs,
    ) -> None:
        root = split or ''
        super().__init__(
            data_prefix={key: os.path.join(root, name) for key, name in self.FOLDERS.items()},
            depth=depth and os.path.join(root, depth),
            data_root=data_root,
            split=split,
            **kwargs,
        )
        # Without the folder of the split, because checks compare this name between splits to find
        # out whether their depth has the same source.
        self.depth = depth
