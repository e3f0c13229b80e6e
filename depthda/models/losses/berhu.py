"""BerHu between depth maps, over the valid pixels alone."""

import torch
from torch import Tensor

from depthda.errors import UserError


def berhu_loss(
    predicted: Tensor, target: Tensor, valid: Tensor | None = None, threshold: float = 0.2
) -> Tensor:
    r"""The reverse of Huber's loss, eq. (5) of DRDG: with :math:`e = |\hat z - z|`,

    .. math:: B(e) = \begin{cases} e & e \le L \\ \frac {e^2 + L^2} {2L} & e > L \end{cases},
        \qquad L = .2 \max e,

    averaged over the valid pixels of the batch, of which the maximum is one, too. The paper does
    not say whether L is differentiated; here it is a constant, as a threshold of a robust loss is,
    so that the pixel of the largest error is pulled by its own error alone. What is at other
    places, NaN too, changes nothing. Without a valid pixel, or without an error, the loss is 0.

    Args:
        predicted: Any shape, that of the next two.
        target: The map to be like.
        valid: bool, where both are depth; None: everywhere.
        threshold: L as a share of the largest error.
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
    limit = threshold * error.detach().max()
    # No error at all: the quadratic branch is not taken, but a division by 0 in it would make the
    # gradient NaN.
    divisor = 2 * limit.clamp(min=torch.finfo(wide).tiny)
    quadratic = (error.square() + limit.square()) / divisor
    return torch.where(error <= limit, error, quadratic).sum() / count
