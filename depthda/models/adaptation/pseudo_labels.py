"""Rules that turn class probabilities into pseudo-labels and pixel weights.

A rule returns labels (N, H, W) and weights of the same shape. Losses skip pixels with the label
``IGNORED``.
"""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError

IGNORED = 255


def confident_share(
    probabilities: Tensor, threshold: float, per_image: bool = False
) -> tuple[Tensor, Tensor]:
    r"""Label all pixels; the weight of each is the share q of pixels with a confident prediction.

    .. math:: \hat y = \arg\max_c p_c, \qquad q = \frac 1 {|\Omega|} \sum_{\Omega}
        [\max_c p_c \ge \tau]

    Ω are the pixels of the batch, as in DACS and DAFormer, or of each image with ``per_image``.
    """
    highest, labels = probabilities.max(1)
    confident = (highest >= threshold).float()
    share = confident.mean((1, 2), keepdim=True) if per_image else confident.mean()
    return labels, share.expand(labels.shape)


def class_portion(probabilities: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    r"""Choose the class with the largest ratio of probability to threshold (CBST).

    .. math:: \hat y = \arg\max_c p_c / \theta_c \quad \text{where}
        \quad \max_c p_c / \theta_c \ge 1

    Pixels whose largest ratio is below 1 are ignored. All weights are 1.
    """
    highest, labels = (probabilities / thresholds.view(1, -1, 1, 1)).max(1)
    return labels.masked_fill(highest < 1, IGNORED), torch.ones_like(highest)


@MODELS.register_module()
class ConfidentShare(nn.Module):
    """Label every pixel; the weight of all pixels is the share of confident pixels.

    Args:
        threshold: Lowest probability of a confident prediction; the papers use 0.968.
        per_image: Compute the share for each image instead of for the batch of a process, so that
            it does not depend on the number of processes.
    """

    def __init__(self, threshold: float = 0.968, per_image: bool = False) -> None:
        super().__init__()
        if not 0 <= threshold <= 1:
            raise UserError(f'threshold={threshold} of ConfidentShare must be from 0 to 1.')
        self.threshold = threshold
        self.per_image = per_image

    def forward(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        return confident_share(probabilities, self.threshold, self.per_image)


@MODELS.register_module()
class DepthAgreement(ConfidentShare):
    r"""Multiply the weights of ``ConfidentShare`` by the agreement of two teacher predictions.

    .. math:: w = q \, \Bigl(1 - \tfrac 1 2 \sum_c |p_c - p'_c|\Bigr)

    q is the weight of ``ConfidentShare``. The teacher predicts p with depth and p' without. The
    labels come from p. Where depth is reliable, the two predictions agree; where depth is wrong or
    misleads the teacher, they differ.
    """

    needs_both = True

    def forward(self, probabilities: Tensor, without_depth: Tensor) -> tuple[Tensor, Tensor]:
        labels, share = super().forward(probabilities)
        return labels, share * (1 - (probabilities - without_depth).abs().sum(1) / 2)


_BINS = 4096  # of the histograms of probabilities from 0 to 1


@MODELS.register_module()
class ClassPortion(nn.Module):
    r"""Label by p_c / θ_c, where θ_c keeps the portion p of the pixels predicted as class c.

    .. math:: n_c = |\{x : \hat y = c\}|, \qquad
        \theta_c = \text{the } \lfloor p \, n_c \rfloor\text{-th largest } \max_k p_k
        \text{ among them}

    ``ClassThresholdHook`` computes the thresholds from the complete target dataset each time the
    teacher is refreshed. A class that is never predicted has the threshold 1. Citation: Y. Zou et
    al., "Unsupervised Domain Adaptation for Semantic Segmentation via Class-Balanced
    Self-Training" (CBST), ECCV 2018.

    Args:
        portion: p, the share of each predicted class whose pixels keep their label.
    """

    def __init__(self, portion: float = 0.5) -> None:
        super().__init__()
        if not 0 < portion <= 1:
            raise UserError(f'portion={portion} of ClassPortion must be above 0 and at most 1.')
        self.portion = portion

    def follow(self, segmentor: nn.Module) -> None:
        """Register one threshold per class; all start at 1."""
        self.register_buffer('thresholds', torch.ones(segmentor.num_classes))

    def forward(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        return class_portion(probabilities, self.thresholds)

    def histogram(self, probabilities: Tensor) -> Tensor:
        """Return a histogram ``[K, bins]`` of the highest probabilities, by predicted class."""
        highest, labels = probabilities.max(1)
        bins = (highest * _BINS).long().clamp(max=_BINS - 1)
        classes = len(self.thresholds)
        return torch.bincount((labels * _BINS + bins).flatten(), minlength=classes * _BINS).view(
            classes, _BINS
        )

    def set_thresholds(self, counts: Tensor) -> None:
        """Set each θ to the lower edge of its bin, from counts ``[K, bins]``."""
        kept = (self.portion * counts.sum(1)).floor().clamp(min=1)
        from_above = counts.flip(1).cumsum(1)
        bins_above = (from_above < kept[:, None]).sum(1)
        edges = (_BINS - 1 - bins_above).to(self.thresholds) / _BINS
        self.thresholds.copy_(torch.where(counts.sum(1) > 0, edges, torch.ones_like(edges)))
