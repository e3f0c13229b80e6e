"""Normalisation of images of two domains at a time, and the way back."""

import torch
from mmengine.model import BaseDataPreprocessor
from mmseg.registry import MODELS
from torch import Tensor

from depthda.errors import UserError


@MODELS.register_module()
class DomainPairPreprocessor(BaseDataPreprocessor):
    """Optical bands to [-1, 1] and depth as it is, with NaN where there is none, on the device.

    An image has ``optical_bands`` bands in 0…255, or one channel more with depth last: in (0, 1],
    or 0 for none, as ``LoadDepth`` makes it. The images of one domain share a size in a batch.

    Args:
        optical_bands: Optical bands of an image.
        bgr_to_rgb: Reverse the first three channels.
    """

    def __init__(
        self, optical_bands: int = 3, bgr_to_rgb: bool = False, non_blocking: bool = True
    ) -> None:
        super().__init__(non_blocking)
        self.optical_bands = optical_bands
        self.bgr_to_rgb = bgr_to_rgb

    def forward(self, data: dict, training: bool = False) -> dict:
        """``inputs``: a batch (N, optical_bands or one more, H, W) of each domain there is."""
        data = self.cast_data(data)
        batches = {domain: self._batch(domain, images) for domain, images in data['inputs'].items()}
        if len({len(batch) for batch in batches.values()}) > 1:
            numbers = ', '.join(f'{len(batch)} of the {name}' for name, batch in batches.items())
            raise UserError(f'a batch has as many images of either domain, and not {numbers}.')
        return dict(inputs=batches, data_samples=data.get('data_samples'))

    def restore(self, images: Tensor) -> Tensor:
        """Optical bands as uint8 in the order in which they came; what is beyond is clamped."""
        images = self._ordered(images[:, : self.optical_bands].float())
        return (images * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)

    def _batch(self, domain: str, images: list[Tensor] | Tensor) -> Tensor:
        shapes = sorted({tuple(image.shape) for image in images})
        if len(shapes) > 1:
            raise UserError(
                f'{domain} images of shapes {shapes} cannot share a batch: crop them to one size, '
                'give all of them depth or none, or set the batch size to 1.'
            )
        channels = shapes[0][0]
        if channels not in (self.optical_bands, self.optical_bands + 1):
            raise UserError(
                f'a {domain} image has {channels} channels: DomainPairPreprocessor(optical_bands='
                f'{self.optical_bands}) takes {self.optical_bands}, or {self.optical_bands + 1} '
                'with depth last.'
            )
        batch = images if isinstance(images, Tensor) else torch.stack(images)
        optical = self._ordered(batch[:, : self.optical_bands].float()) / 127.5 - 1
        if channels == self.optical_bands:
            return optical
        if not batch.is_floating_point():
            raise UserError(
                f'the last channel of a {domain} image is taken for depth in (0, 1], but its type '
                f'is {batch.dtype}: load depth with LoadDepth.'
            )
        depth = batch[:, self.optical_bands :].float()
        return torch.cat([optical, depth.masked_fill(depth <= 0, torch.nan)], dim=1)

    def _ordered(self, optical: Tensor) -> Tensor:
        if not self.bgr_to_rgb:
            return optical
        return torch.cat([optical[:, :3].flip(1), optical[:, 3:]], dim=1)
