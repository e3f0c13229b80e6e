"""The cross-entropy of mmseg's ``CrossEntropyLoss``, without a wait for the device.

mmseg reads the number of labelled pixels, or selects them with a boolean mask, so the CPU waits for
the GPU between the forward and the backward pass, once for each head. Here the divisor stays on the
device. The value is the same; with class weights it is equal up to rounding.
"""

import sys

import torch
from mmseg.models.losses.utils import weight_reduce_loss
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    weight: Tensor | None = None,
    class_weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | None = None,
    ignore_index: int = -100,
    avg_non_ignore: bool = False,
) -> Tensor:
    """Return the cross-entropy of logits (N, C, H, W); the arguments are those of mmseg."""
    loss = F.cross_entropy(
        logits, labels, weight=class_weight, reduction='none', ignore_index=ignore_index
    )
    if avg_factor is None and reduction == 'mean':
        avg_factor = _divisor(labels, class_weight, ignore_index, avg_non_ignore)
    weight = None if weight is None else weight.float()
    return weight_reduce_loss(loss, weight=weight, reduction=reduction, avg_factor=avg_factor)


def _divisor(
    labels: Tensor, class_weight: Tensor | None, ignore_index: int, avg_non_ignore: bool
) -> Tensor | int:
    """Return the number of pixels, or of labelled pixels, or the sum of their class weights."""
    if class_weight is None and not avg_non_ignore:
        return labels.numel()
    labelled = labels != ignore_index
    if class_weight is None:
        return labelled.sum()
    weights = class_weight[torch.where(labelled, labels, 0)]
    return (weights * labelled).sum()


def install() -> None:
    """Let mmseg's ``CrossEntropyLoss`` compute with :func:`cross_entropy`."""
    sys.modules['mmseg.models.losses.cross_entropy_loss'].cross_entropy = cross_entropy
