"""ResiDualGAN's critic, which scores overlapping patches of an image."""

from collections.abc import Sequence
from typing import Literal

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError

_NORMAL = dict(type='Normal', layer='Conv2d', std=0.02)
_NORMS = {
    # No running statistics: a critic is only used in training, and running statistics would also
    # change while the generators are updated.
    'batch': lambda width: nn.BatchNorm2d(width, eps=0.8, track_running_stats=False),
    'instance': lambda width: nn.InstanceNorm2d(width, affine=True),
    'none': lambda width: None,
}


@MODELS.register_module()
class PatchCritic(BaseModule):
    """Compute a map of scores by convolutions of stride 2 and a last one of stride 1.

    Five convolutions of stride 2 turn an image of 512² into scores of 14². With batch norm (as in
    the released code, with its eps of .8), the score of an image and its gradient penalty depend on
    the other images of the batch. Use ``'instance'`` or ``'none'`` for batches of several images.
    Batch norm uses the statistics of the batch in evaluation too.

    Args:
        channels: Output channels of the convolutions of stride 2.
        optical_bands: Number of optical bands of the images.
        norm: Norm after these, except the first: ``'batch'``, ``'instance'`` or ``'none'``.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512, 512),
        optical_bands: int = 3,
        norm: Literal['batch', 'instance', 'none'] = 'batch',
        init_cfg: dict | None = _NORMAL,
    ) -> None:
        super().__init__(init_cfg)
        if not channels:
            raise UserError('PatchCritic: channels is empty: give one or more.')
        if norm not in _NORMS:
            raise UserError(f'PatchCritic: norm is one of {sorted(_NORMS)}, not {norm!r}.')
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
        least = 3 * 2**self.halvings
        if min(height, width) < least:
            raise UserError(
                f'PatchCritic of {self.halvings} halvings scores images of {least}×{least} or '
                f'larger, but this one is {width}×{height}: use larger images or fewer channels.'
            )
        # Padding by one row and one column: the map shrinks by two in each direction, not by three.
        return self.last(F.pad(self.layers(images), (1, 0, 1, 0)))
