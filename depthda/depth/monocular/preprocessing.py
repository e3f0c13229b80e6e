"""From an image to what Depth Anything takes, as the checkpoint's own image processor does it."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.image_processing_utils import BaseImageProcessor

from depthda.errors import UserError
from depthda.hub import explained, quiet_transformers

# What an image processor of Depth Anything may say; anything else would be left undone here.
_STEPS = {'do_resize': True, 'do_rescale': True, 'do_normalize': True, 'do_pad': False}


@dataclass(frozen=True)
class Preprocessing:
    """Resize, scale to 0…1, normalise.

    Computed here and not by ``transformers``, whose result depends on whether torchvision is
    installed; a test holds it to its Pillow processor, value by value.

    ``height`` and ``width`` are what a square image is resized to. Others keep their shape if
    ``keep_aspect_ratio``: they are scaled by the side that needs less of it.
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
        """The size at which an image of this size goes through the network."""
        by_height, by_width = self.height / height, self.width / width
        if self.keep_aspect_ratio:
            by_height = by_width = min(by_height, by_width, key=lambda by: abs(1 - by))
        return self._multiples(by_height * height, by_width * width)

    def coarse_size(self, height: int, width: int) -> tuple[int, int]:
        """The size of about as many pixels as a square image has, whatever the shape.

        A long strip has its coarse pass at this size; ``network_size`` could be any number of times
        larger for it.
        """
        by = math.sqrt(self.height * self.width / (height * width))
        return self._multiples(by * height, by * width)

    def __call__(self, image: np.ndarray, size: tuple[int, int] | None = None) -> Tensor:
        """An image, H×W×3 uint8 RGB, as (3, h, w); ``size`` defaults to ``network_size``."""
        height, width = size or self.network_size(*image.shape[:2])
        resized = Image.fromarray(image).resize((width, height), self.resample)
        values = np.asarray(resized).astype(np.float64) * self.rescale_factor
        normalised = (values.astype(np.float32) - np.float32(self.mean)) / np.float32(self.std)
        return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))

    def at(self, size: int, patch: int) -> 'Preprocessing':
        """The same for another network size."""
        if size < self.multiple or size % self.multiple or size % patch:
            whole = math.lcm(self.multiple, patch)
            raise UserError(
                f'the network size {size} is not made of whole patches of this model: take a '
                f'multiple of {whole}, {max(round(size / whole), 1) * whole} for one.'
            )
        return replace(self, height=size, width=size)

    def described(self) -> dict[str, Any]:
        """Plain values, as they come back from JSON."""
        return {**asdict(self), 'mean': list(self.mean), 'std': list(self.std)}

    def _multiples(self, height: float, width: float) -> tuple[int, int]:
        return tuple(
            max(round(side / self.multiple), 1) * self.multiple for side in (height, width)
        )


def load_preprocessing(weights: str, option: str = 'weights=') -> Preprocessing:
    """Read ``preprocessor_config.json`` at a hub id or in a local folder."""
    folder = Path(weights).expanduser()
    if folder.is_dir() and not (folder / 'preprocessor_config.json').is_file():
        raise UserError(
            f'The folder {weights!r} has no preprocessor_config.json, which says how images enter '
            'the network: copy it from where the weights are from.'
        )
    with explained(weights, option), quiet_transformers():
        settings, _ = BaseImageProcessor.get_image_processor_dict(weights)
    for key, wanted in _STEPS.items():
        # Missing or null is the processor's own default, which is the same.
        if settings.get(key) not in (wanted, None):
            raise UserError(
                f'{key}={settings[key]} in preprocessor_config.json of {weights!r} is not how '
                f'Depth Anything takes images: set it to {str(wanted).lower()}.'
            )
    try:
        return Preprocessing(
            height=settings['size']['height'],
            width=settings['size']['width'],
            multiple=settings['ensure_multiple_of'],
            keep_aspect_ratio=settings['keep_aspect_ratio'],
            resample=settings['resample'],
            rescale_factor=settings['rescale_factor'],
            mean=tuple(settings['image_mean']),
            std=tuple(settings['image_std']),
        )
    except KeyError as error:
        raise UserError(
            f'preprocessor_config.json of {weights!r} does not say {error}: take the one that '
            'belongs to Depth Anything.'
        ) from error
