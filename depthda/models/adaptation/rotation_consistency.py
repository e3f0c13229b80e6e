"""Rotation consistency: a rotated image should get the rotated prediction."""

from typing import TYPE_CHECKING

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.models.adaptation.ramp import ramped

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep


@MODELS.register_module()
class RotationConsistency(nn.Module):
    r"""Compare predictions p for rotated target images with rotated predictions.

    .. math:: L = \lambda \, r(i) \, \mathrm{mean}_x \sum_c
        \bigl( p_c(R x_t) - R \, p_c(x_t) \bigr)^2

    R rotates by 90°, 180° or 270°, drawn for each image; images that are not square are rotated by
    180°. r rises from 0 to 1 in ``ramp`` iterations after the warm-up. The abstract of this paper
    names the constraint, not its formula: Y. Li et al., "Learning deep semantic segmentation
    network under multiple weakly-supervised constraints for cross-domain remote sensing image
    semantic segmentation" (MUCSS), ISPRS Journal 175, 2021.

    Args:
        weight: λ.
        ramp: Number of iterations until the loss has its full weight.
    """

    def __init__(self, weight: float = 1.0, ramp: int = 0) -> None:
        super().__init__()
        self.weight = weight
        self.ramp = ramp

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_rotation``."""
        images = step.target_images
        turns = (1 + (3 * step.draws.named('rotation')(1)).floor().long()).flatten().tolist()
        if images.shape[2] != images.shape[3]:
            turns = [2] * len(images)
        rotated = step.segmentor.decode_head(step.segmentor.extract_feat(rotate(images, turns)))
        plain = rotate(step.target.logits['decode_head'].softmax(1), turns)
        difference = (rotated.softmax(1) - plain).square().sum(1).mean()
        weight = self.weight * ramped(step.iteration, self.ramp, step.model.warm_up)
        return dict(loss_rotation=weight * difference)


def rotate(images: Tensor, turns: list[int]) -> Tensor:
    """Rotate each image (N, C, H, W) by its number of quarter turns."""
    pairs = zip(images, turns, strict=True)
    return torch.stack([image.rot90(turn, (-2, -1)) for image, turn in pairs])
