"""Preprocess images for Depth Anything as the checkpoint's own image processor does."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.image_processing_utils import BaseImageProcessor

from depthda.errors import UserError
from depthda.hub import explained, quiet_transformers

# Steps that an image processor can switch on or off, with the only setting that is supported here.
_STEPS = {'do_resize': True, 'do_rescale': True, 'do_normalize': True, 'do_pad': False}


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing of a checkpoint: resize, scale to 0…1, normalise.

    It is implemented here because the result of ``transformers`` depends on whether torchvision is
    installed. A test compares it with the Pillow processor of ``transformers``, value by value.

    A square image is resized to ``height`` and ``width``. With ``keep_aspect_ratio``, other images
    keep their shape: both sides are scaled by the factor that is nearer to 1. Each side is rounded
    to a multiple of ``multiple``.
    """

    height: int
    width: int
    multiple: int
    keep_aspect_ratio: bool
    resample: int
    rescale_factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size at which an image of this size goes through the network."""
        by_height, by_width = self.height / height, self.width / width
        if self.keep_aspect_ratio:
            by_height = by_width = min(by_height, by_width, key=lambda factor: abs(1 - factor))
        return self._multiples(by_height * height, by_width * width)

    def coarse_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size at which a complete image of this size goes through the coarse pass.

        It has about ``self.height * self.width`` pixels, whatever the shape of the image. The
        ``network_size`` of a long strip could be many times larger.
        """
        factor = math.sqrt(self.height * self.width / (height * width))
        return self._multiples(factor * height, factor * width)

    def __call__(self, image: np.ndarray, size: tuple[int, int] | None = None) -> Tensor:
        """Convert an H×W×3 uint8 RGB image to (3, h, w); ``size`` defaults to ``network_size``."""
        height, width = size or self.network_size(*image.shape[:2])
        resized = Image.fromarray(image).resize((width, height), self.resample)
        values = np.asarray(resized).astype(np.float64) * self.rescale_factor
        normalised = (values.astype(np.float32) - np.float32(self.mean)) / np.float32(self.std)
        return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))

    def at(self, size: int, patch: int) -> 'Preprocessing':
        """Return the preprocessing for another network size."""
        if size < self.multiple or size % self.multiple or size % patch:
            multiple = math.lcm(self.multiple, patch)
            raise UserError(
                f'the network size {size} does not fit the patches of this model: use a multiple '
                f'of {multiple}, such as {max(round(size / multiple), 1) * multiple}.'
            )
        return replace(self, height=size, width=size)

    def _multiples(self, *sides: float) -> tuple[int, int]:
        return tuple(max(round(side / self.multiple), 1) * self.multiple for side in sides)


def load_preprocessing(weights: str, option: str = 'weights=') -> Preprocessing:
    """Read ``preprocessor_config.json`` from a hub repository or a local folder."""
    folder = Path(weights).expanduser()
    if folder.is_dir() and not (folder / 'preprocessor_config.json').is_file():
        raise UserError(
            f'The folder {weights!r} has no preprocessor_config.json, which describes how images '
            'are preprocessed: copy it from the source of the weights.'
        )
    with explained(weights, option), quiet_transformers():
        settings, _ = BaseImageProcessor.get_image_processor_dict(weights)
    for key, expected in _STEPS.items():
        # A missing value or null means the processor's default, which is the expected value.
        if settings.get(key) not in (expected, None):
            raise UserError(
                f'{key}={settings[key]} in preprocessor_config.json of {weights!r} does not match '
                f'Depth Anything: set it to {str(expected).lower()}.'
            )
    keys = ('ensure_multiple_of', 'keep_aspect_ratio', 'resample', 'rescale_factor')
    try:
        size = settings['size']['height'], settings['size']['width']
        statistics = (tuple(settings[key]) for key in ('image_mean', 'image_std'))
        return Preprocessing(*size, *(settings[key] for key in keys), *statistics)
    except KeyError as error:
        raise UserError(
            f'preprocessor_config.json of {weights!r} has no {error}: use the file that belongs to '
            'Depth Anything.'
        ) from error
