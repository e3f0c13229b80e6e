"""InfoNCE between two feature maps of one image, with hard negatives from the same image."""

from typing import Any

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.tensors import at_least_float32

# Elements of the similarity matrix to compute at a time. On a CPU, 8 MiB in float32 fit in caches;
# on a GPU, few large operations are better: 256 MiB.
_BLOCK_SIZE, _BLOCK_SIZE_OF_GPU = 1 << 21, 1 << 26


def info_nce(
    anchors: Tensor,
    keys: Tensor,
    valid: Tensor | None = None,
    temperature: float = 0.07,
    num_negatives: int = 128,
    negatives: Tensor | None = None,
) -> Tensor:
    r"""Pull each anchor towards the key at its position, and away from other keys of the image.

    With the cosine mapped to [0, 1], :math:`s_{ij} = (\cos(a_i, k_j) + 1) / 2`, and negatives
    :math:`n` drawn with replacement in proportion to :math:`\exp(s_{ij} / T), j \ne i`,

    .. math:: L = -\frac 1 {|V|} \sum_{i \in V} \log \frac {\exp(s_{ii} / T)}
        {\exp(s_{ii} / T) + \sum_{n} \exp(s_{in} / T)}.

    Only valid positions are anchors or keys; the features at other positions have no influence. An
    image with fewer than two valid positions has no negatives and is left out of the mean; if no
    image is left, the loss is 0. No gradient flows through the drawing of negatives.

    Args:
        anchors: Features (N, L, D) at L positions; they need not be normalised.
        keys: Features (N, L, D) at the same positions.
        valid: Mask (N, L), bool, of the valid positions V; None means all.
        temperature: T, at least .02, because smaller values underflow in single precision.
        num_negatives: Number of negatives drawn for each anchor.
        negatives: Positions (N, L, K) to use instead of drawn ones, for tests.
    """
    if temperature < 0.02:
        raise UserError(f'temperature={temperature} of InfoNCE must be 0.02 or more.')
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
        return info_nce(anchors, keys, valid, self.temperature, self.num_negatives)


class _InfoNCE(torch.autograd.Function):
    """Compute the loss and its gradient together, for a block of rows of the similarity matrix.

    The loss is a scalar, so the forward pass can compute its gradient up to a factor. The complete
    similarity matrix, which autograd would keep twice, is never in memory.
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
            # Half precision is too coarse for differences of similarities divided by T.
            a, a_norm = _normalized(at_least_float32(anchors))
            k, k_norm = _normalized(keys.to(a.dtype))
            images, positions, _ = a.shape
            # s / T minus its upper bound 1 / T, so that its exponential is at most 1.
            scale = 0.5 / temperature
            bias = a.new_full((images, 1, positions), -scale)
            bias.masked_fill_(~valid.unsqueeze(1), -torch.inf)
            positive = (a * k).sum(2).mul_(scale).sub_(scale)
            block_size = _BLOCK_SIZE_OF_GPU if a.is_cuda else _BLOCK_SIZE
            rows = max(1, min(positions, block_size // max(images * positions, 1)))
            total = torch.empty_like(positive)
            share = valid / valid.sum().clamp(min=1)
            a_grad, k_grad = torch.empty_like(a), torch.zeros_like(k)
            for first in range(0, positions, rows):
                block = slice(first, first + rows)
                others = torch.baddbmm(bias, a[:, block], k.mT, alpha=scale).exp_()
                others.diagonal(first, 1, 2).zero_()  # an anchor's own key is not a negative
                chosen = _draw(others, num_negatives) if negatives is None else negatives[:, block]
                s_grad, drawn_grad, total[:, block] = _similarity_grads(
                    others.gather(2, chosen), positive[:, block].exp(), share[:, block]
                )
                a_grad[:, block] = _weighted_sum(k, chosen, drawn_grad)
                a_grad[:, block].addcmul_(s_grad.unsqueeze(2), k[:, block])
                # For the keys, a product is faster than a sum over the anchors that drew them.
                matrix = others.zero_().scatter_add_(2, chosen, drawn_grad)
                matrix.diagonal(first, 1, 2).copy_(s_grad)
                k_grad.baddbmm_(matrix.mT, a[:, block])
            # Keep gradients in single precision until they are multiplied by the incoming gradient:
            # in half precision, small values would become 0 before a loss scale enlarges them.
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


def _similarity_grads(
    drawn: Tensor, positive: Tensor, share: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of L with respect to s / T of positives and negatives, and denominators.

    ``drawn`` (N, rows, draws) and ``positive`` (N, rows) hold exp(s / T); ``share`` is the
    weight of each anchor in the mean.
    """
    total = positive + drawn.sum(2)
    return (positive / total - 1) * share, drawn * (share / total).unsqueeze(2), total


def _draw(weights: Tensor, number: int) -> Tensor:
    """Draw ``number`` positions per row with replacement, in proportion to weights (N, rows, L)."""
    sums = weights.cumsum(2)
    draws = torch.rand(*sums.shape[:2], number, device=sums.device, dtype=sums.dtype)
    positions = torch.searchsorted(sums, draws.mul_(sums[..., -1:]), right=True)
    # Rounding may put a draw behind the last position.
    return positions.clamp_(max=sums.shape[2] - 1)


def _weighted_sum(keys: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
    """Return weighted sums (N, rows, D) of the keys (N, L, D) at ``positions`` (N, rows, n).

    ``embedding_bag`` does not copy the n keys of each sum.
    """
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
    """Turn the gradient with respect to x / |x| into the gradient with respect to x."""
    return (grad - (grad * unit).sum(2, keepdim=True) * unit) / norm
