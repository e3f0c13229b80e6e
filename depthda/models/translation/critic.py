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
    # No running statistics: a critic is only used in training, and statistics that do not exist
    # cannot change while only the generators learn.
    'batch': lambda width: nn.BatchNorm2d(width, eps=0.8, track_running_stats=False),
    'instance': lambda width: nn.InstanceNorm2d(width, affine=True),
    'none': lambda width: None,
}


@MODELS.register_module()
class PatchCritic(BaseModule):
    """Convolutions of stride 2 and one to a map of scores: from 512² to 14² with five of them.

    With batch norm, as in the released code (including its eps of .8), the score of an image
    depends on the other images of its batch, and so does the gradient penalty, which is defined per
    image; at batch size 1 there is no difference. ``'instance'`` and ``'none'`` treat images
    independently. Batch norm uses the statistics of the batch in training and in evaluation, and
    keeps no running statistics.

    Args:
        channels: Output channels of the convolutions of stride 2.
        optical_bands: Number of optical bands of the images.
        norm: Norm after all of these but the first: ``'batch'``, ``'instance'`` or ``'none'``.
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
        # One row above and one column to the left make the map smaller by two, not by three.
        return self.last(F.pad(self.layers(images), (1, 0, 1, 0)))
