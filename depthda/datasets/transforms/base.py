"""The base class of this project's transforms."""

from mmcv.transforms import BaseTransform


class RGBDTransform(BaseTransform):
    """A transform that keeps depth aligned with the image; ``pipeline_check`` accepts it."""

    keeps_depth = True
