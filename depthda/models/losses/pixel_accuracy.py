"""The accuracy that mmseg's heads log in training, without making the CPU wait for the GPU.

mmseg finds the class of each pixel with ``topk``, and selects the labelled pixels twice with a
boolean mask. For each selection, the CPU waits for the GPU. If the model runs on the CPU, mmseg's
accuracy takes 7 % of a training step of a tiny model. The value here is the same; it needs only the
highest logit of each pixel.
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
