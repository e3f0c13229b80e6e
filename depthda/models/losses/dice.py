"""The soft Dice loss over all pixels of a batch."""

from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.models.tensors import at_least_float32


def soft_dice(p: Tensor, target: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    r"""Compute the mean over the channels c of

    .. math:: 1 - \frac {2 \sum_i w_i p_{ic} t_{ic} + \epsilon}
        {\sum_i w_i p_{ic}^2 + \sum_i w_i t_{ic}^2 + \epsilon}

    where i runs over the pixels of all images, so that a class may be missing from some of them.

    Args:
        p: Probabilities (N, C, H, W).
        target: Zeros and ones of the same shape.
        weight: Weight of each pixel (N, H, W); 0 leaves a pixel out.
        eps: Keeps the ratio defined where a channel is empty.
    """
    p, weight = at_least_float32(p), weight[:, None]
    common, sizes = (
        (weight * values).sum((0, 2, 3)) for values in (p * target, p.square() + target)
    )
    return (1 - (2 * common + eps) / (sizes + eps)).mean()


@MODELS.register_module()
class BatchDiceLoss(nn.Module):
    """:func:`soft_dice` of the softmax of logits; pixels without a label are left out.

    mmseg's ``DiceLoss`` computes one ratio per image, over all its classes together, and counts
    pixels without a label.

    Args:
        loss_weight: Factor on the loss.
    """

    loss_name = 'loss_dice'

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self, logits: Tensor, labels: Tensor, weight: Tensor | None = None, ignore_index: int = 255
    ) -> Tensor:
        labelled = labels != ignore_index
        classes = labels.masked_fill(~labelled, 0)
        target = F.one_hot(classes, logits.shape[1]).movedim(-1, 1)
        weight = labelled if weight is None else labelled * weight
        return self.loss_weight * soft_dice(at_least_float32(logits).softmax(1), target, weight)
