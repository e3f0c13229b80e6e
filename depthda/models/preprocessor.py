"""Normalise and pad images of optical bands and depth."""

from collections.abc import Sequence
from typing import Literal

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.utils import stack_batch
from torch import Tensor

from depthda.errors import UserError


@MODELS.register_module()
class RGBDDataPreprocessor(SegDataPreProcessor):
    """Normalise optical bands and depth separately, on the model's device.

    An image has B optical bands, or B+1 channels with depth last. The optical bands become
    (x - mean) / std and are then padded, as in mmseg. Depth becomes (d - depth_mean) / depth_std
    where it is known (d > 0), and NaN where it is missing, including the padding:
    ``torch.isfinite(inputs[:, -1:])`` is the mask of valid depth.

    The default depth_mean and depth_std are the averages of ImageNet's three means and standard
    deviations, because an encoder pretrained on ImageNet receives the depth band three times. The
    released code normalises each copy with the values of one colour instead, so its copies differ
    by up to .39 std from each other and by up to .20 std from the depth here.

    Args:
        mean, std: Mean and standard deviation of each optical band, in the order after
            ``bgr_to_rgb``.
        depth_mean, depth_std: Mean and standard deviation of depth.
        depth: ``'drop'`` removes the depth channel, for models that read optical bands only.
        size: Pad training images to this (height, width).
        size_divisor: Pad training images to the largest of the batch, rounded up to a multiple of
            this number.
        non_blocking: Do not wait for the transfer to the device.
        **kwargs: Passed to ``SegDataPreProcessor``. ``bgr_to_rgb`` reverses the first three
            channels and leaves the others in order. ``pad_val`` is a normalised value. Without
            ``test_cfg`` test images keep their size, which must be the same within a batch.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        depth_mean: float = 0.449,
        depth_std: float = 0.226,
        depth: Literal['input', 'drop'] = 'input',
        size: tuple[int, int] | None = None,
        size_divisor: int | None = None,
        non_blocking: bool = True,
        **kwargs,
    ) -> None:
        if len(mean) != len(std) or not mean:
            raise UserError(
                'RGBDDataPreprocessor needs one mean and one std for each optical band, but got '
                f'{len(mean)} and {len(std)} values.'
            )
        if min(*std, depth_std) <= 0:
            raise UserError(
                f'RGBDDataPreprocessor: std={list(std)} and depth_std={depth_std} must be above 0.'
            )
        if depth not in ('input', 'drop'):
            raise UserError(f"depth={depth!r} of RGBDDataPreprocessor must be 'input' or 'drop'.")
        if size is not None and size_divisor is not None:
            raise UserError('RGBDDataPreprocessor: set size or size_divisor, not both.')
        if kwargs.get('batch_augments'):
            raise UserError(
                'RGBDDataPreprocessor does not support batch_augments: augment in the pipeline.'
            )
        # The base class accepts only one or three means, so the buffers are registered here.
        divisor = 1 if size is None and size_divisor is None else size_divisor
        super().__init__(size=size, size_divisor=divisor, **kwargs)
        self._non_blocking = non_blocking
        self.register_buffer('mean', torch.tensor(mean).float().view(-1, 1, 1), False)
        self.register_buffer('std', torch.tensor(std).float().view(-1, 1, 1), False)
        self.depth = depth
        self.depth_mean = depth_mean
        self.depth_std = depth_std

    def forward(self, data: dict, training: bool = False) -> dict:
        """Return ``inputs`` (N, B or B+1, H, W), and ``data_samples`` with padded labels."""
        data = self.cast_data(data)
        samples = data.get('data_samples')
        images = [self.normalize(image) for image in data['inputs']]
        if len({image.shape[0] for image in images}) > 1:
            raise UserError(
                'A batch has images with depth and images without: load depth for all or for none.'
            )
        if not training and not self.test_cfg:
            sizes = sorted({tuple(image.shape[1:]) for image in images})
            if len(sizes) > 1:
                raise UserError(
                    f'Test images of sizes {sizes} cannot share a batch: set the batch size to 1 '
                    '(in Python, pass one image at a time), or pad the images with '
                    'data_preprocessor.test_cfg=dict(size_divisor=32).'
                )
            # Avoid a copy of a single image, which may be a large scene.
            inputs = images[0][None] if len(images) == 1 else torch.stack(images)
            return dict(inputs=inputs, data_samples=samples)

        own = dict(size=self.size, size_divisor=self.size_divisor)
        settings = own if training else self.test_cfg
        padding = {key: settings.get(key) for key in ('size', 'size_divisor')}
        padding |= dict(pad_val=self.pad_val, seg_pad_val=self.seg_pad_val)
        inputs, padded = stack_batch(images, samples if training else None, **padding)
        if inputs.shape[1] > len(self.mean):
            for depth, image in zip(inputs[:, -1], images, strict=True):
                depth[image.shape[1] :] = torch.nan
                depth[:, image.shape[2] :] = torch.nan
        if samples is not None and not training:
            for sample, info in zip(samples, padded, strict=True):
                sample.set_metainfo(info)
        return dict(inputs=inputs, data_samples=samples)

    def normalize(self, images: Tensor) -> Tensor:
        """Normalise an image (B or B+1, H, W) or a batch of images (N, B or B+1, H, W)."""
        bands, channels = len(self.mean), images.shape[-3]
        if channels not in (bands, bands + 1):
            raise UserError(
                f'An image has {channels} channels, but data_preprocessor.mean has {bands} '
                f'values: use images with {bands} channels, or with {bands + 1} and depth last.'
            )
        with_depth = channels > bands and self.depth == 'input'
        if with_depth and not images.is_floating_point():
            raise UserError(
                f'The last channel of an image must be depth in (0, 1], but its type is '
                f"{images.dtype}: load depth with LoadDepth, or set data_preprocessor.depth='drop'."
            )
        optical = images[..., :bands, :, :].float()
        if self._channel_conversion:
            colours, others = optical[..., :3, :, :], optical[..., 3:, :, :]
            optical = torch.cat([colours.flip(-3), others], -3)
        shape = (*images.shape[:-3], bands + with_depth, *images.shape[-2:])
        normalized = optical.new_empty(shape)
        torch.sub(optical, self.mean, out=normalized[..., :bands, :, :])
        normalized[..., :bands, :, :].div_(self.std)
        if with_depth:
            depth, target = images[..., -1, :, :].float(), normalized[..., -1, :, :]
            torch.sub(depth, self.depth_mean, out=target)
            target.div_(self.depth_std).masked_fill_(depth <= 0, torch.nan)
        return normalized
