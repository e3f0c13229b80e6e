"""The base class of this project's own transforms."""

from mmcv.transforms import BaseTransform


class RGBDTransform(BaseTransform):
    """A transform that keeps depth with its image, so that ``pipeline_check`` accepts it.

    Subclasses store their arguments, and nothing else, as attributes.
    """

    keeps_depth = True

    def __repr__(self) -> str:
        arguments = ', '.join(f'{name}={value!r}' for name, value in vars(self).items())
        return f'{type(self).__name__}({arguments})'
