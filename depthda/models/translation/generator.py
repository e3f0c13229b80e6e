"""ResiDualGAN's generator, a U-net that also predicts depth, and its critic."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.tensors import resized

# Settings of all convolutions of the U-net, which halve or double the size.
_STEP = dict(kernel_size=4, stride=2, padding=1)
NORMAL = dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.02)


class Translation(NamedTuple):
    """Images in the style and size of the other domain, and depth (N, 1, H, W) of the originals."""

    image: Tensor
    depth: Tensor | None


@MODELS.register_module()
class ResiGenerator(BaseModule):
    r"""Translate images by residuals, eq. (1), and predict their depth from the same encoder.

    .. math:: x_{S \to T} = \text{Resize}(\tanh(D(E(x))) + k x)

    The U-net has downsampling convolutions of stride 2, transposed convolutions of stride 2 for
    upsampling, and skip connections between layers of the same size. Affine instance norm follows
    every convolution except the first and last downsampling ones and the output; dropout follows
    the last four downsampling and the first three upsampling convolutions. Values of translated
    images may be slightly outside [-1, 1]. Height and width of an image must be multiples of
    2 ** len(channels).

    Args:
        channels: Output channels of each downsampling convolution.
        optical_bands: Number of optical bands of the images.
        k: Weight of the image in the sum; 0 for a translation without residual.
        resize: ``'post'``: resize the translated image; ``'pre'``: resize before translating.
        depth_decoder: ``'separate'``: a second decoder for depth; ``'shared'``: the decoder of the
            image with a second output layer; None: no depth.
        dropout: Dropout rate.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 512, 512),
        optical_bands: int = 3,
        k: float = 1.0,
        resize: Literal['post', 'pre'] = 'post',
        depth_decoder: Literal['separate', 'shared'] | None = 'separate',
        dropout: float = 0.5,
        init_cfg: dict | None = NORMAL,
    ) -> None:
        super().__init__(init_cfg)
        if len(channels) < 2:
            raise UserError(f'channels={tuple(channels)} of ResiGenerator must be two or more.')
        if resize not in ('post', 'pre'):
            raise UserError(f"resize={resize!r} of ResiGenerator must be 'post' or 'pre'.")
        if depth_decoder not in ('separate', 'shared', None):
            raise UserError(
                f"depth_decoder={depth_decoder!r} of ResiGenerator must be 'separate', 'shared' or "
                'None.'
            )
        self.k = k
        self.resize = resize
        last = len(channels) - 1
        self.downs = nn.ModuleList(
            _down(
                channels[i - 1] if i else optical_bands,
                width,
                norm=0 < i < last,
                dropout=dropout if i > last - 4 else 0,
            )
            for i, width in enumerate(channels)
        )
        self.decoder = _Decoder(channels, optical_bands, dropout)
        self.depth_decoder = self.depth_last = None
        if depth_decoder == 'separate':
            self.depth_decoder = _Decoder(channels, 1, dropout)
        elif depth_decoder == 'shared':
            self.depth_last = nn.ConvTranspose2d(2 * channels[0], 1, **_STEP)

    def forward(self, images: Tensor, size: tuple[int, int], depth: bool = False) -> Translation:
        """Translate images (N, B, H, W) to ``size`` (height, width).

        With ``depth``, the result has depth in [0, 1] at the size of the U-net's input: the size of
        the images for ``resize='post'``, ``size`` for ``'pre'``.
        """
        if depth and self.depth_decoder is None and self.depth_last is None:
            raise UserError(
                'ResiGenerator with depth_decoder=None predicts no depth: set depth_decoder.'
            )
        if self.resize == 'pre':
            images = resized(images, size)
        encoded = self._encode(images)
        decoded = self.decoder.features(encoded)
        translated = torch.tanh(self.decoder.last(decoded)) + self.k * images
        predicted = None
        if depth:
            separate = self.depth_decoder is not None
            logits = self.depth_decoder(encoded) if separate else self.depth_last(decoded)
            predicted = logits.sigmoid()
        return Translation(resized(translated, size), predicted)

    def _encode(self, images: Tensor) -> list[Tensor]:
        """Return the output of every downsampling convolution, fine to coarse."""
        height, width = images.shape[2:]
        unit = 2 ** len(self.downs)
        if height % unit or width % unit:
            raise UserError(
                f'ResiGenerator halves images {len(self.downs)} times, which is not possible for '
                f'{width}×{height}: use sides that are multiples of {unit}, or fewer channels.'
            )
        encoded = []
        for down in self.downs:
            images = down(images)
            encoded.append(images)
        return encoded


class _Decoder(nn.Module):
    """Upsample the coarsest features to the size of the image."""

    def __init__(self, channels: Sequence[int], out_channels: int, dropout: float) -> None:
        super().__init__()
        widths = list(reversed(channels))
        self.ups = nn.ModuleList(
            # All layers except the first also read the features of a skip connection.
            _up(width * (2 if i else 1), widths[i + 1], dropout=dropout if i < 3 else 0)
            for i, width in enumerate(widths[:-1])
        )
        self.last = nn.ConvTranspose2d(2 * channels[0], out_channels, **_STEP)

    def features(self, encoded: Sequence[Tensor]) -> Tensor:
        """Return the input of the last layer, at half the size of the image."""
        features, *skipped = reversed(encoded)
        for up, skip in zip(self.ups, skipped, strict=True):
            features = torch.cat([up(features), skip], dim=1)
        return features

    def forward(self, encoded: Sequence[Tensor]) -> Tensor:
        return self.last(self.features(encoded))


def _down(in_channels: int, out_channels: int, norm: bool, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, bias=False, **_STEP)]
    if norm:
        layers.append(nn.InstanceNorm2d(out_channels, affine=True))
    layers.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))


def _up(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    convolve = nn.ConvTranspose2d(in_channels, out_channels, bias=False, **_STEP)
    layers = [convolve, nn.InstanceNorm2d(out_channels, affine=True), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))


_NORMAL_CONV = dict(type='Normal', layer='Conv2d', std=0.02)
_NORMS = {
    # No running statistics: a critic is only used in training, and running statistics would also
    # change while the generators are updated.
    'batch': lambda width: nn.BatchNorm2d(width, eps=0.8, track_running_stats=False),
    'instance': lambda width: nn.InstanceNorm2d(width, affine=True),
    'none': lambda width: None,
}


@MODELS.register_module()
class PatchCritic(BaseModule):
    """Compute a map of scores by convolutions of stride 2, followed by one of stride 1.

    Five convolutions of stride 2 turn an image of 512² into scores of 14². With batch norm (as in
    the released code, with its eps of .8), the score of an image and its gradient penalty depend on
    the other images of the batch. Use ``'instance'`` or ``'none'`` for batches of several images.
    Batch norm uses the statistics of the batch in evaluation too.

    Args:
        channels: Output channels of the convolutions of stride 2.
        optical_bands: Number of optical bands of the images.
        norm: Norm after each of these convolutions except the first: ``'batch'``, ``'instance'`` or
            ``'none'``.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512, 512),
        optical_bands: int = 3,
        norm: Literal['batch', 'instance', 'none'] = 'batch',
        init_cfg: dict | None = _NORMAL_CONV,
    ) -> None:
        super().__init__(init_cfg)
        if not channels:
            raise UserError('channels of PatchCritic must not be empty.')
        if norm not in _NORMS:
            raise UserError(f'norm={norm!r} of PatchCritic must be one of {sorted(_NORMS)}.')
        self.halvings = len(channels)
        layers: list[nn.Module] = []
        for i, width in enumerate(channels):
            before = channels[i - 1] if i else optical_bands
            layers.append(nn.Conv2d(before, width, kernel_size=4, stride=2, padding=1))
            if i and (layer := _NORMS[norm](width)) is not None:
                layers.append(layer)
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.layers = nn.Sequential(*layers)
        self.last = nn.Conv2d(channels[-1], 1, kernel_size=4)

    def forward(self, images: Tensor) -> Tensor:
        """Return scores (N, 1, h, w) of images (N, B, H, W)."""
        height, width = images.shape[2:]
        side = 3 * 2**self.halvings
        if min(height, width) < side:
            raise UserError(
                f'PatchCritic with {self.halvings} halvings needs images of {side}×{side} or more, '
                f'but this one is {width}×{height}: use larger images or fewer channels.'
            )
        # Padding by one row and one column: the map shrinks by two in each direction, not by three.
        return self.last(F.pad(self.layers(images), (1, 0, 1, 0)))
