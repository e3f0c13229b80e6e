"""Normalise images for a translation, and convert translated images back."""

import torch
from mmengine.model import BaseDataPreprocessor
from mmseg.registry import MODELS
from torch import Tensor

from depthda.errors import UserError
from depthda.models.pair_preprocessor import PairPreprocessor


@MODELS.register_module()
class TranslationPreprocessor(BaseDataPreprocessor):
    """Scale optical bands to [-1, 1], and set missing depth to NaN, on the model's device.

    An image has ``optical_bands`` bands from 0 to 255. Depth may follow as the last channel, as
    ``LoadDepth`` returns it: in (0, 1], or 0 where it is missing. All images of a batch have the
    same size.

    Args:
        optical_bands: Number of optical bands of an image.
        bgr_to_rgb: Reverse the first three channels.
        non_blocking: Do not wait for the transfer to the device.
    """

    def __init__(
        self, optical_bands: int = 3, bgr_to_rgb: bool = False, non_blocking: bool = True
    ) -> None:
        super().__init__(non_blocking)
        self.optical_bands = optical_bands
        self.bgr_to_rgb = bgr_to_rgb

    def forward(self, data: dict, training: bool = False) -> dict:
        """Return ``inputs`` (N, optical_bands or one more, H, W), and ``data_samples``."""
        data = self.cast_data(data)
        images = data['inputs']
        shapes = sorted({tuple(image.shape) for image in images})
        if len(shapes) > 1:
            raise UserError(
                f'images with shapes {shapes} cannot share a batch: crop them to one size, load '
                'depth for all or for none, or set the batch size to 1.'
            )
        channels = shapes[0][0]
        if channels not in (self.optical_bands, self.optical_bands + 1):
            raise UserError(
                f'an image has {channels} channels, but the preprocessor with optical_bands='
                f'{self.optical_bands} needs {self.optical_bands}, or {self.optical_bands + 1} '
                'with depth last.'
            )
        batch = images if isinstance(images, Tensor) else torch.stack(images)
        inputs = self._ordered(batch[:, : self.optical_bands].float()) / 127.5 - 1
        if channels > self.optical_bands:
            if not batch.is_floating_point():
                raise UserError(
                    'the last channel of an image must be depth in (0, 1], but its type is '
                    f'{batch.dtype}: load depth with LoadDepth.'
                )
            depth = batch[:, self.optical_bands :].float()
            inputs = torch.cat([inputs, depth.masked_fill(depth <= 0, torch.nan)], dim=1)
        return dict(inputs=inputs, data_samples=data.get('data_samples'))

    def restore(self, images: Tensor) -> Tensor:
        """Convert optical bands back to uint8 values, clamped and in their original order."""
        images = self._ordered(images[:, : self.optical_bands].float())
        return (images * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)

    def _ordered(self, optical: Tensor) -> Tensor:
        if not self.bgr_to_rgb:
            return optical
        return torch.cat([optical[:, :3].flip(1), optical[:, 3:]], dim=1)


@MODELS.register_module()
class DomainPairPreprocessor(PairPreprocessor):
    """Apply one ``TranslationPreprocessor`` to both domains; the arguments are passed to it."""

    def __init__(
        self, optical_bands: int = 3, bgr_to_rgb: bool = False, non_blocking: bool = True
    ) -> None:
        shared = dict(type='TranslationPreprocessor', optical_bands=optical_bands)
        super().__init__(shared | dict(bgr_to_rgb=bgr_to_rgb, non_blocking=non_blocking))
        self.optical_bands = optical_bands

    def restore(self, images: Tensor) -> Tensor:
        """Convert optical bands back to uint8 values, clamped and in their original order."""
        return self.source.restore(images)
