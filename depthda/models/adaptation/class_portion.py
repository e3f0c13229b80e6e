"""The pseudo-labels of CBST: the same portion of the most confident pixels of each class."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import class_portion

_BINS = 4096


@MODELS.register_module()
class ClassPortion(nn.Module):
    r"""Label by p_c / θ_c, where θ_c keeps the portion p of the pixels predicted as class c.

    .. math:: n_c = |\{x : \hat y = c\}|, \qquad
        \theta_c = \text{the } \lfloor p \, n_c \rfloor\text{-th largest } \max_k p_k
        \text{ among them}

    ``ClassThresholdHook`` computes the thresholds from the whole target set each time that the
    teacher is refreshed. A class that is never predicted has the threshold 1. Citation: Y. Zou et
    al., "Unsupervised Domain Adaptation for Semantic Segmentation via Class-Balanced
    Self-Training" (CBST), ECCV 2018.

    Args:
        portion: p.
    """

    def __init__(self, portion: float = 0.5) -> None:
        super().__init__()
        if not 0 < portion <= 1:
            raise UserError(f'ClassPortion: portion={portion}: take a number above 0, at most 1.')
        self.portion = portion

    def follow(self, segmentor: nn.Module) -> None:
        """Make room for the threshold of each class."""
        self.register_buffer('thresholds', torch.ones(segmentor.num_classes))

    def forward(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return labels and weights, (N, H, W) each."""
        return class_portion(probabilities, self.thresholds)

    def histogram(self, probabilities: Tensor) -> Tensor:
        """Count the highest probabilities of pixels (N, K, H, W) by class: ``[K, bins]``."""
        highest, labels = probabilities.max(1)
        bins = (highest * _BINS).long().clamp(max=_BINS - 1)
        classes = len(self.thresholds)
        return torch.bincount((labels * _BINS + bins).flatten(), minlength=classes * _BINS).view(
            classes, _BINS
        )

    def set_thresholds(self, counts: Tensor) -> None:
        """Set θ from counts ``[K, bins]``: the lower edge of the bin that holds the value."""
        kept = (self.portion * counts.sum(1)).floor().clamp(min=1)
        from_above = counts.flip(1).cumsum(1)
        place = (from_above < kept[:, None]).sum(1)
        edges = (_BINS - 1 - place).to(self.thresholds) / _BINS
        self.thresholds.copy_(torch.where(counts.sum(1) > 0, edges, torch.ones_like(edges)))
