"""BerHu between depth maps, over the valid pixels alone."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError


def berhu_loss(
    predicted: Tensor,
    target: Tensor,
    valid: Tensor | None = None,
    threshold: float = 0.2,
    through_threshold: bool = False,
    eps: float = 0.0,
) -> Tensor:
    r"""The reverse of Huber's loss, eq. (5) of DRDG: with :math:`e = |\hat z - z|`,

    .. math:: B(e) = \begin{cases} e & e \le L \\ \frac {e^2 + L^2} {2L} & e > L \end{cases},
        \qquad L = .2 \max e,

    averaged over the valid pixels of the batch; the maximum is over these, too. The paper does
    not say whether L is differentiated. By default it is a constant, as the threshold of a robust
    loss is: the pixel with the largest error is then corrected by its own error alone. Other
    places change nothing, even where they are NaN. Without a valid pixel, or without an error, the
    loss is 0.

    Args:
        predicted: A map of any shape.
        target: The map it should equal, of the same shape.
        valid: Mask (bool, same shape) of the places where both maps are depth; None: everywhere.
        threshold: L as a fraction of the largest error.
        through_threshold: Let the gradient flow through L as well, as the released code does. It
            pushes the pixel with the largest error the wrong way.
        eps: Added to 2L in the denominator; the released code has 1e-4.
    """
    shapes = [tuple(each.shape) for each in (predicted, target, valid) if each is not None]
    if len(set(shapes)) > 1:
        raise UserError(f'BerHu takes maps of one shape, and these are {shapes}.')
    if not 0 < threshold <= 1:
        raise UserError(f'threshold={threshold} of BerHu: take one in (0, 1].')
    wide = torch.promote_types(predicted.dtype, torch.float32)
    predicted, target = predicted.to(wide), target.to(wide)
    count = predicted.numel()
    if valid is not None:
        predicted, target = predicted.masked_fill(~valid, 0), target.masked_fill(~valid, 0)
        count = valid.sum().clamp(min=1)
    error = (predicted - target).abs()
    limit = threshold * (error if through_threshold else error.detach()).max()
    # No error at all: the quadratic branch is not taken, but a division by 0 in it would make the
    # gradient NaN.
    divisor = 2 * limit.clamp(min=torch.finfo(wide).tiny) + eps
    quadratic = (error.square() + limit.square()) / divisor
    return torch.where(error <= limit, error, quadratic).sum() / count


@MODELS.register_module()
class BerHuLoss(nn.Module):
    """:func:`berhu_loss` as a part of a config, called with (predicted, target, valid).

    Args:
        threshold: L as a fraction of the largest error.
        through_threshold: Differentiate L, too. Released code: True.
        eps: Added to 2L in the denominator. Released code: 1e-4.
    """

    def __init__(
        self, threshold: float = 0.2, through_threshold: bool = False, eps: float = 0.0
    ) -> None:
        super().__init__()
        self.settings = dict(threshold=threshold, through_threshold=through_threshold, eps=eps)

    def forward(self, predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """The mean loss over the valid places."""
        return berhu_loss(predicted, target, valid, **self.settings)
