"""CTCFNet's loss on the boundaries between classes."""

import torch
from torch import Tensor
from torch.nn import functional as F

from depthda.models.losses.dice import soft_dice
from depthda.models.tensors import at_least_float32

# The weights are in tenths, so that sums are exact. An edge that only the coarsest stride finds
# reaches the threshold, but does not exceed it, so it is no boundary.
_WEIGHTS = {1: 6, 2: 3, 4: 1}  # by stride
_THRESHOLD = 1


def class_boundaries(labels: Tensor, ignore_index: int = 255) -> tuple[Tensor, Tensor]:
    """Return the boundaries of classes (N, H, W), and the pixels where they are known.

    A pixel is on an edge if Roberts' operator is not 0 there: the pixel differs from its upper left
    neighbour, or its left neighbour differs from its upper one. (The image is padded by repeating
    its border.) With a stride s, all pixels of a block of s × s get the value of their first pixel.
    A pixel is on a boundary if the edges of strides 1, 2, 4, weighted by .6, .3, .1, sum to more
    than .1. If one of these four pixels has no label, it is not known whether there is an edge.
    """
    padded = F.pad(labels[:, None].float(), (1, 0, 1, 0), mode='replicate')[:, 0].to(labels.dtype)
    upper_left, upper = padded[:, :-1, :-1], padded[:, :-1, 1:]
    left = padded[:, 1:, :-1]
    known = labels != ignore_index
    for neighbours in (upper_left, upper, left):
        known = known & (neighbours != ignore_index)
    edges = ((labels != upper_left) | (left != upper)) & known
    rows, columns = (torch.arange(side, device=labels.device) for side in labels.shape[1:])
    total = 0
    for stride, weight in _WEIGHTS.items():
        coarse = edges[:, rows - rows % stride][:, :, columns - columns % stride]
        total = total + weight * coarse.int()
    return total > _THRESHOLD, known


def boundary_losses(logits: Tensor, labels: Tensor, ignore_index: int = 255) -> dict[str, Tensor]:
    """Compute binary cross-entropy and Dice between logits (N, 1, H, W) and class boundaries.

    Only pixels where the boundaries are known count. Citation: C. Lu et al., 2024.
    """
    boundaries, known = class_boundaries(labels, ignore_index)
    logits, target = at_least_float32(logits), boundaries[:, None].float()
    entropies = F.binary_cross_entropy_with_logits(logits, target, reduction='none')[:, 0]
    return dict(
        loss_boundary_ce=(entropies * known).sum() / known.sum().clamp(min=1),
        loss_boundary_dice=soft_dice(logits.sigmoid(), target, known),
    )
