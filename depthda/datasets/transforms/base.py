"""The base class of this project's transforms."""

from mmcv.transforms import BaseTransform


class RGBDTransform(BaseTransform):
    """A transform that keeps depth aligned with the image, so that ``pipeline_check`` accepts it.

    The attributes of subclasses must be their arguments, because ``repr`` prints them.
    """

    keeps_depth = True

    def __repr__(self) -> str:
        arguments = ', '.join(f'{name}={value!r}' for name, value in vars(self).items())
        return f'{type(self).__name__}({arguments})'
