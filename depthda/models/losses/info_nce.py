"""InfoNCE between two feature maps of one image, with hard negatives from the same image."""

from typing import Any

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.tensors import at_least_float32

# Elements of the similarity matrix that exist at a time: 8 MiB in float32, which suits caches.
_BLOCK_SIZE = 1 << 21


def info_nce(
    anchors: Tensor,
    keys: Tensor,
    valid: Tensor | None = None,
    temperature: float = 0.07,
    num_negatives: int = 128,
    negatives: Tensor | None = None,
) -> Tensor:
    r"""Pull each anchor to the key at its own position, and push it from other keys of the image.

    With the cosine mapped to [0, 1], :math:`s_{ij} = (\cos(a_i, k_j) + 1) / 2`, and negatives
    :math:`n` drawn with replacement in proportion to :math:`\exp(s_{ij} / T), j \ne i`,

    .. math:: L = -\frac 1 {|V|} \sum_{i \in V} \log \frac {\exp(s_{ii} / T)}
        {\exp(s_{ii} / T) + \sum_{n} \exp(s_{in} / T)}.

    Only valid positions are anchors or keys; the features of others change nothing. An image with
    fewer than two valid positions has no negatives and is left out of the mean; if no image is
    left, the loss is 0. The gradient does not flow through the drawing.

    Args:
        anchors: Features (N, L, D) at L positions, of any length.
        keys: Features (N, L, D) at the same positions.
        valid: Mask (N, L), bool, of the set V; None means all.
        temperature: T, at least .02: below it, exponentials of single precision vanish.
        num_negatives: Number of negatives drawn for each anchor.
        negatives: Positions (N, L, K) to use instead of drawn ones, for tests.
    """
    if temperature < 0.02:
        raise UserError(f'temperature={temperature} of InfoNCE: use .02 or more.')
    if valid is None:
        valid = anchors.new_ones(anchors.shape[:2], dtype=torch.bool)
    valid = valid & (valid.sum(1, keepdim=True) > 1)
    return _InfoNCE.apply(anchors, keys, valid, temperature, num_negatives, negatives)


@MODELS.register_module()
class InfoNCELoss(nn.Module):
    """:func:`info_nce` as part of a config, with the same arguments."""

    def __init__(self, temperature: float = 0.07, num_negatives: int = 128) -> None:
        super().__init__()
        self.temperature = temperature
        self.num_negatives = num_negatives

    def forward(self, anchors: Tensor, keys: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the mean loss over the valid positions."""
        return info_nce(anchors, keys, valid, self.temperature, self.num_negatives)


class _InfoNCE(torch.autograd.Function):
    """Build the similarity matrix once, a block of rows at a time, and its gradient with it.

    The loss is a scalar, so its gradient is known up to a factor in the forward pass. What autograd
    would have to keep (the similarity of all positions, twice) never exists as a whole.
    """

    @staticmethod
    def forward(
        ctx: Any,
        anchors: Tensor,
        keys: Tensor,
        valid: Tensor,
        temperature: float,
        num_negatives: int,
        negatives: Tensor | None,
    ) -> Tensor:
        with torch.autocast(anchors.device.type, enabled=False):
            # Products of half-precision features are too coarse for differences divided by T.
            a, a_norm = _normalized(at_least_float32(anchors))
            k, k_norm = _normalized(keys.to(a.dtype))
            images, positions, _ = a.shape
            # s / T minus its upper bound, so that its exponential is at most 1.
            scale = 0.5 / temperature
            bias = a.new_full((images, 1, positions), -scale)
            bias.masked_fill_(~valid.unsqueeze(1), -torch.inf)
            positive = (a * k).sum(2).mul_(scale).sub_(scale)
            rows = max(1, min(positions, _BLOCK_SIZE // max(images * positions, 1)))
            total = torch.empty_like(positive)
            share = valid / valid.sum().clamp(min=1)
            a_grad, k_grad = torch.empty_like(a), torch.zeros_like(k)
            for first in range(0, positions, rows):
                block = slice(first, first + rows)
                others = torch.baddbmm(bias, a[:, block], k.mT, alpha=scale).exp_()
                others.diagonal(first, 1, 2).zero_()  # an anchor's own key is not a negative
                chosen = _draw(others, num_negatives) if negatives is None else negatives[:, block]
                own, away, total[:, block] = _pull(
                    others.gather(2, chosen), positive[:, block].exp(), share[:, block]
                )
                a_grad[:, block] = _weighted_sum(k, chosen, away)
                a_grad[:, block].addcmul_(own.unsqueeze(2), k[:, block])
                # For the keys, a product is faster than a sum over the anchors that drew them.
                pull = others.zero_().scatter_add_(2, chosen, away)
                pull.diagonal(first, 1, 2).copy_(own)
                k_grad.baddbmm_(pull.mT, a[:, block])
            # Kept in single precision until the incoming gradient is multiplied in: half precision
            # would flush to 0 the small values that a loss scale is meant to preserve.
            ctx.save_for_backward(
                _through_norm(a_grad, a, a_norm).mul_(scale),
                _through_norm(k_grad, k, k_norm).mul_(scale),
            )
            ctx.dtypes = anchors.dtype, keys.dtype
            return ((total.log() - positive).masked_fill(~valid, 0) * share).sum()

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> tuple[Tensor | None, ...]:
        grads = zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        return *((factor * grad).to(dtype) for grad, dtype in grads), None, None, None, None


def _pull(drawn: Tensor, positive: Tensor, share: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients by s / T of each anchor's own key and of its draws, and denominators.

    ``drawn`` (N, rows, draws) and ``positive`` (N, rows) hold exp(s / T); ``share`` is the weight
    of each anchor in the mean.
    """
    total = positive + drawn.sum(2)
    return (positive / total - 1) * share, drawn * (share / total).unsqueeze(2), total


def _draw(weights: Tensor, number: int) -> Tensor:
    """Draw ``number`` positions per row with replacement, in proportion to weights (N, rows, L)."""
    reach = weights.cumsum(2)
    draws = torch.rand(*reach.shape[:2], number, device=reach.device, dtype=reach.dtype)
    # Rounding may put a draw past the last position.
    positions = torch.searchsorted(reach, draws.mul_(reach[..., -1:]), right=True)
    return positions.clamp_(max=reach.shape[2] - 1)


def _weighted_sum(keys: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
    """Sum the keys (N, L, D) at positions (N, rows, n) to (N, rows, D), without copying them."""
    images, length, _ = keys.shape
    image = torch.arange(images, device=keys.device).view(-1, 1, 1)
    sums = F.embedding_bag(
        (positions + length * image).flatten(0, 1),
        keys.flatten(0, 1),
        per_sample_weights=weights.flatten(0, 1),
        mode='sum',
    )
    return sums.unflatten(0, (images, -1))


def _normalized(features: Tensor) -> tuple[Tensor, Tensor]:
    norm = features.norm(dim=2, keepdim=True).clamp(min=1e-12)
    return features / norm, norm


def _through_norm(grad: Tensor, unit: Tensor, norm: Tensor) -> Tensor:
    """Turn the gradient by x / |x| into the gradient by x."""
    return (grad - (grad * unit).sum(2, keepdim=True) * unit) / norm
