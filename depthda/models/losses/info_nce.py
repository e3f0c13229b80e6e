"""InfoNCE between two sets of features of one image, with hard negatives of the same image."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from depthda.errors import UserError

# Elements of the similarity that exist at a time: 8 MiB in float32, which caches hold best.
_AT_ONCE = 1 << 21


def info_nce(
    anchors: Tensor,
    keys: Tensor,
    valid: Tensor | None = None,
    temperature: float = 0.07,
    num_negatives: int = 128,
    negatives: Tensor | None = None,
) -> Tensor:
    r"""Pull each anchor to the key of its own position, away from others of the same image.

    With the cosine mapped to [0, 1], :math:`s_{ij} = (\cos(a_i, k_j) + 1) / 2`, and negatives
    :math:`n` drawn with replacement in proportion to :math:`\exp(s_{ij} / T), j \ne i`,

    .. math:: L = -\frac 1 {|V|} \sum_{i \in V} \log \frac {\exp(s_{ii} / T)}
        {\exp(s_{ii} / T) + \sum_{n} \exp(s_{in} / T)}.

    Only valid places are anchors or keys, so what is elsewhere changes nothing. An image with
    fewer than two of them has no negatives and no part in the mean; without any such image the loss
    is 0. The gradient does not go through the drawing.

    Args:
        anchors: (N, L, D) features of L places, of any length.
        keys: (N, L, D).
        valid: (N, L) bool, the set V; None: all.
        temperature: T, at least .02: below it, exponentials of single precision vanish.
        num_negatives: Draws an anchor.
        negatives: (N, L, K) places instead of draws, for tests.
    """
    if temperature < 0.02:
        raise UserError(f'temperature={temperature} of InfoNCE: take .02 or more.')
    if valid is None:
        valid = anchors.new_ones(anchors.shape[:2], dtype=torch.bool)
    valid = valid & (valid.sum(1, keepdim=True) > 1)
    return _InfoNCE.apply(anchors, keys, valid, temperature, num_negatives, negatives)


class _InfoNCE(torch.autograd.Function):
    """The similarity is built once, a block of rows at a time, and its gradient with it.

    The loss is a scalar, so its gradient is known up to a factor when it is computed: what
    autograd would have to keep (the similarity of all places, twice) never exists whole.
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
            wide = torch.promote_types(anchors.dtype, torch.float32)
            a, a_norm = _normalized(anchors.to(wide))
            k, k_norm = _normalized(keys.to(wide))
            images, places, _ = a.shape
            # s / T less the most it can be, so that its exponential is at most 1.
            scale = 0.5 / temperature
            bias = a.new_full((images, 1, places), -scale)
            bias.masked_fill_(~valid.unsqueeze(1), -torch.inf)
            positive = (a * k).sum(2).mul_(scale).sub_(scale)
            rows = max(1, min(places, _AT_ONCE // max(images * places, 1)))
            total = torch.empty_like(positive)
            share = valid / valid.sum().clamp(min=1)
            a_grad, k_grad = torch.empty_like(a), torch.zeros_like(k)
            for first in range(0, places, rows):
                block = slice(first, first + rows)
                others = torch.baddbmm(bias, a[:, block], k.mT, alpha=scale).exp_()
                others.diagonal(first, 1, 2).zero_()  # an anchor's own key is no negative
                chosen = _draw(others, num_negatives) if negatives is None else negatives[:, block]
                own, away, total[:, block] = _pull(
                    others.gather(2, chosen), positive[:, block].exp(), share[:, block]
                )
                a_grad[:, block] = _weighted_sum(k, chosen, away)
                a_grad[:, block].addcmul_(own.unsqueeze(2), k[:, block])
                # Towards the keys a product is faster than a sum of what each was drawn for.
                pull = others.zero_().scatter_add_(2, chosen, away)
                pull.diagonal(first, 1, 2).copy_(own)
                k_grad.baddbmm_(pull.mT, a[:, block])
            # Of single precision until the factor is in: half precision flushes what a loss scale
            # is there to keep.
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
    """The gradient by s / T of an anchor's own key and of its draws, and the denominators.

    ``drawn`` (N, rows, draws) and ``positive`` (N, rows) hold exp(s / T); ``share`` is what an
    anchor counts in the mean.
    """
    total = positive + drawn.sum(2)
    return (positive / total - 1) * share, drawn * (share / total).unsqueeze(2), total


def _draw(weights: Tensor, number: int) -> Tensor:
    """(N, rows, number) places drawn with replacement in proportion to ``weights`` (N, rows, L)."""
    reach = weights.cumsum(2)
    draws = torch.rand(*reach.shape[:2], number, device=reach.device, dtype=reach.dtype)
    # Rounding may put a draw at the very end, and it must still be a place.
    places = torch.searchsorted(reach, draws.mul_(reach[..., -1:]), right=True)
    return places.clamp_(max=reach.shape[2] - 1)


def _weighted_sum(keys: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    """(N, rows, D) sums of the keys (N, L, D) at the places (N, rows, n), none of them copied."""
    images, length, _ = keys.shape
    image = torch.arange(images, device=keys.device).view(-1, 1, 1)
    sums = F.embedding_bag(
        (places + length * image).flatten(0, 1),
        keys.flatten(0, 1),
        per_sample_weights=weights.flatten(0, 1),
        mode='sum',
    )
    return sums.unflatten(0, (images, -1))


def _normalized(features: Tensor) -> tuple[Tensor, Tensor]:
    norm = features.norm(dim=2, keepdim=True).clamp(min=1e-12)
    return features / norm, norm


def _through_norm(grad: Tensor, unit: Tensor, norm: Tensor) -> Tensor:
    """The gradient by x of a function of x / |x|."""
    return (grad - (grad * unit).sum(2, keepdim=True) * unit) / norm
