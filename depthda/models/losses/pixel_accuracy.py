"""The accuracy that mmseg's heads log in training, without a wait for the device.

mmseg sorts the classes of each pixel and selects the labelled pixels with a boolean mask, which
makes a GPU wait twice and takes 7 % of a training step of a tiny model on a CPU. The value here is
the same; it needs only the highest logit of each pixel.
"""

import sys

import torch
from torch import Tensor


def pixel_accuracy(logits: Tensor, labels: Tensor, ignore_index: int | None = None) -> Tensor:
    """Return the share of labelled pixels with the right class, in %, as a tensor of one value."""
    correct = logits.detach().max(1).indices == labels  # argmax takes five times as long on a CPU
    eps = torch.finfo(torch.float32).eps  # as in mmseg: not NaN if all pixels are ignored
    if ignore_index is None:
        return (correct.sum()[None] + eps) * (100 / (labels.numel() + eps))
    labelled = labels != ignore_index
    return (100 * (correct & labelled).sum() + 100 * eps)[None] / (labelled.sum() + eps)


def install() -> None:
    """Let mmseg's heads compute their accuracy with :func:`pixel_accuracy`."""
    sys.modules['mmseg.models.decode_heads.decode_head'].accuracy = pixel_accuracy
