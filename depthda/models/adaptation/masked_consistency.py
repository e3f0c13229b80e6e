"""Masked image consistency (MIC): predict a complete target image from some of its blocks."""

from typing import TYPE_CHECKING, Literal

import torch
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.draws import Draw, draw_or_default

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep


@MODELS.register_module()
class MaskedConsistency(nn.Module):
    """Hide blocks of target images, and train on the pseudo-labels of the complete images.

    Hidden blocks get the mean colour, which is 0 after preprocessing. Citation: L. Hoyer et al.,
    "MIC", CVPR 2023.

    Args:
        block: Side of a block in pixels; the paper uses 64 for crops of 512².
        ratio: Probability that a block is hidden.
        weight: Weight of the loss.
        depth: How depth is hidden. ``'hide'``: depth is missing in hidden blocks; ``'keep'``: depth
            does not change; ``'complement'``: depth is missing in all other blocks, so that each
            pixel has either colour or depth.
    """

    def __init__(
        self,
        block: int = 64,
        ratio: float = 0.7,
        weight: float = 1.0,
        depth: Literal['hide', 'keep', 'complement'] = 'hide',
    ) -> None:
        super().__init__()
        if depth not in ('hide', 'keep', 'complement'):
            raise UserError(
                f"depth={depth!r} of MaskedConsistency must be 'hide', 'keep' or 'complement'."
            )
        if not 0 <= ratio < 1 or block < 1:
            raise UserError(
                f'MaskedConsistency has block={block} and ratio={ratio}: set block to 1 or more '
                'and ratio to a number in [0, 1).'
            )
        self.block = block
        self.ratio = ratio
        self.weight = weight
        self.depth = depth

    needs_pseudo = True

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return the losses of the student on the masked target images."""
        images = step.augmented(step.target_images, 'masked')
        masked = self.hide(images, step.bands, step.draws.named('blocks'))
        return add_prefix(step.losses(masked, *step.pseudo_labels, self.weight), 'masked')

    def hide(self, images: Tensor, bands: int, draw: Draw | None = None) -> Tensor:
        """Hide random blocks of images (N, C, H, W)."""
        size = [-(-side // self.block) for side in images.shape[2:]]
        coarse = draw_or_default(draw, len(images))(1, *size) < self.ratio
        coarse = coarse.float().to(images.device, non_blocking=True)
        large = F.interpolate(coarse, scale_factor=self.block) > 0.5
        hidden = large[:, :, : images.shape[2], : images.shape[3]]
        optical = images[:, :bands].masked_fill(hidden, 0)
        depth = images[:, bands:]
        if self.depth != 'keep':
            depth = depth.masked_fill(hidden if self.depth == 'hide' else ~hidden, torch.nan)
        return torch.cat([optical, depth], 1)
