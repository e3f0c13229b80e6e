"""LiuZhou, the land-cover dataset of DepthSeg. It is not public: only its owners have the tiles."""

import os

from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset


@DATASETS.register_module()
class LiuZhou(RGBDSegDataset):
    """LiuZhou: 15,327 satellite tiles of 512², GaoFen-2, 0.8 m, 2015, 7 land-cover classes.

    7,047 tiles train, 4,209 validate and 4,071 test, from areas that do not overlap.
    Citation: N. Zhou et al., "DepthSeg: Depth Prompting in Remote Sensing Semantic Segmentation".
    Not public, no licence known.

    Tiles lie in ``images``, ``labels`` and a depth folder, split by lists of file stems or by
    folders. Labels are 0…6 in the order of the classes, and 255 for "none". Use
    ``reduce_zero_label=True`` for labels of 1…7 with 0 for "none".

    Args:
        data_root: Folder that holds ``images`` and ``labels``, or the folders of the splits.
        split: Folder of ``data_root`` that holds ``images`` and ``labels`` (``'train'``). None
            reads them from ``data_root`` itself, where ``ann_file='train.txt'`` chooses the tiles.
        depth: Folder of the depth maps next to ``images``; None: no depth.
        **kwargs: Passed to ``RGBDSegDataset``. ``ann_file``, a list of stems, is relative to
            ``data_root``, with ``split`` too.
    """

    MADE_BY = ('liuzhou', 'data/README.md')
    METAINFO = dict(
        # The order of the paper, which does not state its colours: these are this project's.
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
        place = split or ''
        super().__init__(
            data_prefix={key: os.path.join(place, name) for key, name in self.FOLDERS.items()},
            depth=depth and os.path.join(place, depth),
            data_root=data_root,
            split=split,
            **kwargs,
        )
        # Every split has a folder of this name, so it is the source that they are compared by.
        self.depth = depth
