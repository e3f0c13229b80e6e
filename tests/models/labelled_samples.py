"""Labelled samples of mmseg, as a data loader passes them to a model."""

from collections.abc import Iterable

from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

SHAPES = ('img_shape', 'ori_shape', 'pad_shape')


def labelled(labels: Iterable[Tensor], **meta) -> list[SegDataSample]:
    """Return a sample for each label map (H×W)."""
    return [
        SegDataSample(
            gt_sem_seg=PixelData(data=label[None]),
            metainfo=dict.fromkeys(SHAPES, tuple(label.shape)) | meta,
        )
        for label in labels
    ]
