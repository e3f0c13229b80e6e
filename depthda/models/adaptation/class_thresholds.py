"""Rules for pseudo-labels with a threshold for each class: CBST, IAST and DCA."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import IGNORED


def class_portion(probabilities: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    r"""Choose the class with the largest ratio of probability to threshold (CBST).

    .. math:: \hat y = \arg\max_c p_c / \theta_c \quad \text{where}
        \quad \max_c p_c / \theta_c \ge 1

    Pixels whose largest ratio is below 1 are ignored. All weights are 1.
    """
    highest, labels = (probabilities / thresholds.view(1, -1, 1, 1)).max(1)
    return labels.masked_fill(highest < 1, IGNORED), torch.ones_like(highest)


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


def class_percentiles(
    highest: Tensor, labels: Tensor, thresholds: Tensor, shares: Tensor
) -> Tensor:
    """Return a percentile (K,) for each class: of its threshold and the ``highest`` of its pixels.

    ``shares`` (K,) are from 0 to 1; values between two ranks are interpolated, as numpy does.
    """
    classes = torch.arange(len(thresholds), device=labels.device)
    values, order = torch.cat([thresholds, highest.flatten()]).sort()
    owners, by_class = torch.cat([classes, labels.flatten()])[order].sort(stable=True)
    values = values[by_class]  # class by class, ascending
    first = torch.searchsorted(owners, classes)
    count = torch.searchsorted(owners, classes, right=True) - first
    place = shares * (count - 1)
    low = place.floor().long()
    high = torch.minimum(low + 1, count - 1)
    return torch.lerp(values[first + low], values[first + high], place - low)


@MODELS.register_module()
class InstanceAdaptive(nn.Module):
    r"""Keep a label if its probability reaches a threshold that follows each batch (IAST).

    .. math:: \theta_c \leftarrow \beta \theta_c + (1 - \beta) \tilde\theta_c, \qquad
        \tilde\theta_c = \text{the } (1 - \alpha \theta_c^\gamma)\text{-quantile of }
        \{\theta_c\} \cup \{\max_k p_k(x) : \hat y(x) = c\}

    A threshold that reaches 1 becomes .999. Labels are :math:`\arg\max_c p_c`; pixels below the
    threshold of their label are ignored. Citation: K. Mei et al., "Instance Adaptive
    Self-Training for Unsupervised Domain Adaptation" (IAST), ECCV 2020.

    Args:
        alpha, beta, gamma: α, β and γ.
        initial: Thresholds at iterations 0, ``every``, 2 × ``every`` …
        every: Iterations between two resets; use the interval of ``SnapshotTeacher``.
    """

    def __init__(
        self,
        alpha: float = 0.2,
        beta: float = 0.9,
        gamma: float = 8.0,
        initial: float = 0.9,
        every: int = 1000,
    ) -> None:
        super().__init__()
        for name, value in dict(alpha=alpha, beta=beta, initial=initial).items():
            if not 0 <= value <= 1:
                raise UserError(f'{name}={value} of InstanceAdaptive must be from 0 to 1.')
        if every < 1:
            raise UserError(f'every={every} of InstanceAdaptive must be 1 or more.')
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.initial = initial
        self.every = every

    def follow(self, segmentor: nn.Module) -> None:
        """Register one threshold per class."""
        self.register_buffer('thresholds', torch.full((segmentor.num_classes,), self.initial))

    def update(self, segmentor: nn.Module, iteration: int) -> None:
        """Reset the thresholds if ``iteration`` is a multiple of ``every``."""
        if iteration % self.every == 0:
            self.thresholds.fill_(self.initial)

    def forward(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Move the thresholds, then label; all weights are 1."""
        highest, labels = probabilities.max(1)
        shares = 1 - self.alpha * self.thresholds**self.gamma
        found = class_percentiles(highest, labels, self.thresholds, shares)
        moved = self.beta * self.thresholds + (1 - self.beta) * found
        self.thresholds.copy_(moved.masked_fill(moved >= 1, 0.999))
        ignored = highest < self.thresholds[labels]
        return labels.masked_fill(ignored, IGNORED), torch.ones_like(highest)


@MODELS.register_module()
class RelativePeak(nn.Module):
    r"""Keep a pixel if exactly one class exceeds its threshold in the image (DCA).

    .. math:: \theta_c = \max(a \max_x p_c(x), \, b)

    Citation: L. Wu et al., "Deep Covariance Alignment for Domain Adaptive Remote Sensing Image
    Segmentation" (DCA), TGRS 2022.

    Args:
        share: a, the share of the highest probability of the class in the image.
        lowest: b, the lowest threshold.
    """

    def __init__(self, share: float = 0.8, lowest: float = 0.6) -> None:
        super().__init__()
        if not (0 < share <= 1 and 0 <= lowest < 1):
            raise UserError(
                f'share={share} of RelativePeak must be above 0 and at most 1, and '
                f'lowest={lowest} must be in [0, 1).'
            )
        self.share = share
        self.lowest = lowest

    def forward(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return labels; all weights are 1."""
        peaks = probabilities.amax((2, 3), keepdim=True)
        above = probabilities > (self.share * peaks).clamp(min=self.lowest)
        labels = above.long().argmax(1).masked_fill(above.sum(1) != 1, IGNORED)
        return labels, torch.ones_like(labels, dtype=probabilities.dtype)
