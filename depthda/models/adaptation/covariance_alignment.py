"""Covariance alignment (DCA): the same classes should have the same features."""

from typing import TYPE_CHECKING

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.tensors import resized

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep

_LOWEST = 1e-6  # correlations below this, and their distance from 1, have no logarithm


def class_vectors(features: Tensor, probabilities: Tensor) -> Tensor:
    r"""Return one vector per class (C, D), the mean over the images of a batch.

    .. math:: v_c = \frac{\sum_x p_c(x) f(x)}{\sum_x p_c(x)}, \qquad
        \hat v_{c,d} = \frac{v_{c,d}}{\sqrt{\sum_k v_{k,d}^2}}

    ``features`` are (N, D, h, w), ``probabilities`` (N, C, h, w). Each dimension d is normalised
    over the classes, so that a profile that all classes share does not dominate the correlations.
    """
    sums = torch.einsum('ndhw,nchw->ncd', features, probabilities)
    totals = probabilities.sum((2, 3)).clamp(min=_LOWEST)
    return F.normalize(sums / totals[..., None], dim=1).mean(0)


def correlations(first: Tensor, second: Tensor) -> Tensor:
    """Return the Pearson correlation (C, C) of each vector in (C, D) with each in the other."""
    first, second = (F.normalize(each - each.mean(1, keepdim=True)) for each in (first, second))
    return first @ second.T


def alignment(matrix: Tensor) -> Tensor:
    r"""Return R of correlations M (C, C), which is low for a diagonal of 1 and 0 elsewhere.

    .. math:: R(M) = -\frac 1 C \sum_i \log M_{ii}
        - \frac{1}{C (C - 1)} \sum_{i \ne j} \log(1 - M_{ij})

    Values are clamped to [1e-6, 1 - 1e-6] before the logarithms.
    """
    matrix = matrix.clamp(_LOWEST, 1 - _LOWEST)
    same = torch.eye(len(matrix), dtype=torch.bool, device=matrix.device)
    return -matrix[same].log().mean() - (1 - matrix[~same]).log().mean()


@MODELS.register_module()
class CovarianceAlignment(nn.Module):
    r"""Align the class vectors of two halves of the source batch, and of source and target.

    .. math:: L = R(M(v_{s_1}, v_{s_2})) + R(M(v_s, v_t))

    The vectors are those of :func:`class_vectors` for the coarsest features that the heads read,
    with the probabilities of the decode head, which get no gradient. In the second part, which
    begins after the warm-up, only the target's features get a gradient. Citation: L. Wu et al.,
    "Deep Covariance Alignment for Domain Adaptive Remote Sensing Image Segmentation" (DCA), TGRS
    2022.

    Args:
        background: Index of a class without features of its own, which is left out; None keeps all.
        weight: Weight of both parts.
    """

    in_warm_up = True

    def __init__(self, background: int | None = 0, weight: float = 1.0) -> None:
        super().__init__()
        self.background = background
        self.weight = weight

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_within`` and, after the warm-up, ``loss_across``."""
        if len(step.source_images) < 2:
            raise UserError(
                'CovarianceAlignment compares two halves of the source batch: set a batch size of '
                '2 or more.'
            )
        features, probabilities = self._given(step, 'source')
        halves = [
            class_vectors(*half)
            for half in zip(features.chunk(2), probabilities.chunk(2), strict=True)
        ]
        losses = dict(loss_within=self.weight * alignment(correlations(*halves)))
        if not step.is_warm_up:
            source = class_vectors(features.detach(), probabilities)
            across = correlations(source, class_vectors(*self._given(step, 'target')))
            losses['loss_across'] = self.weight * alignment(across)
        return losses

    def _given(self, step: 'AdaptationStep', domain: str) -> tuple[Tensor, Tensor]:
        """Return features and probabilities (N, C, h, w) of the same size, without background."""
        found = getattr(step, domain)
        features = found.fused[-1]
        logits = resized(found.logits['decode_head'].detach(), features.shape[2:])
        probabilities = logits.softmax(1)
        kept = [c for c in range(probabilities.shape[1]) if c != self.background]
        return features, probabilities[:, kept]
