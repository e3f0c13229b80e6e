"""The BerHu loss between depth maps, over the valid pixels only."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.tensors import at_least_float32


def berhu_loss(
    predicted: Tensor,
    target: Tensor,
    valid: Tensor | None = None,
    threshold: float = 0.2,
    through_threshold: bool = False,
    eps: float = 0.0,
) -> Tensor:
    r"""Compute the reverse of Huber's loss, eq. (5) of DRDG: with :math:`e = |\hat z - z|`,

    .. math:: B(e) = \begin{cases} e & e \le L \\ \frac {e^2 + L^2} {2L} & e > L \end{cases},
        \qquad L = .2 \max e,

    averaged over the valid pixels of the batch, which also determine the maximum. Other pixels have
    no influence, even if they are NaN. The loss is 0 if no pixel is valid or all errors are 0.

    The paper does not state whether the gradient flows through L. By default L is a constant, like
    the thresholds of other robust losses.

    Args:
        predicted: Predicted map of any shape.
        target: True map of the same shape.
        valid: Mask (bool, same shape) of the pixels where both maps have depth; None means all.
        threshold: L as a fraction of the largest error.
        through_threshold: Let the gradient flow through L, as in the released code. This pushes
            the pixel with the largest error in the wrong direction.
        eps: Constant added to 2L in the denominator; 1e-4 in the released code.
    """
    shapes = [tuple(tensor.shape) for tensor in (predicted, target, valid) if tensor is not None]
    if len(set(shapes)) > 1:
        raise UserError(f'BerHu needs maps of the same shape, but got {shapes}.')
    if not 0 < threshold <= 1:
        raise UserError(f'threshold={threshold} of BerHu must be in (0, 1].')
    predicted = at_least_float32(predicted)
    target = target.to(predicted.dtype)
    count = predicted.numel()
    if valid is not None:
        predicted, target = predicted.masked_fill(~valid, 0), target.masked_fill(~valid, 0)
        count = valid.sum().clamp(min=1)
    error = (predicted - target).abs()
    limit = threshold * (error if through_threshold else error.detach()).max()
    # If every error is 0 the quadratic branch is not used, but dividing by 0 there would still make
    # the gradient NaN.
    divisor = 2 * limit.clamp(min=torch.finfo(error.dtype).tiny) + eps
    quadratic = (error.square() + limit.square()) / divisor
    return torch.where(error <= limit, error, quadratic).sum() / count


@MODELS.register_module()
class BerHuLoss(nn.Module):
    """:func:`berhu_loss` as part of a config, with the same arguments."""

    def __init__(
        self, threshold: float = 0.2, through_threshold: bool = False, eps: float = 0.0
    ) -> None:
        super().__init__()
        self.settings = dict(threshold=threshold, through_threshold=through_threshold, eps=eps)

    def forward(self, predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        return berhu_loss(predicted, target, valid, **self.settings)
