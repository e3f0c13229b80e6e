"""Losses on the student's own predictions for target images: IAST and PyCDA."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import IGNORED
from depthda.models.tensors import resized

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of ``values`` where ``mask`` is true, and 0 if it is true nowhere."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def target_logits(step: 'AdaptationStep') -> Tensor:
    """Return the logits of the decode head on the target, at the size of the images."""
    return resized(step.target.logits['decode_head'], step.target_images.shape[2:])


@MODELS.register_module()
class ConfidenceRegularization(nn.Module):
    r"""Sharpen predictions of ignored pixels and smooth those of labelled ones (IAST).

    .. math:: L = \lambda_e \frac{-1}{K |I|} \sum_{x \in I} \sum_c p_c \log p_c
        + \lambda_k \frac{-1}{K |J|} \sum_{x \in J} \frac 1 K \sum_c \log p_c

    I are the target pixels without a pseudo-label, J those with one, K is the number of classes.
    The first part is the entropy. The second is, up to a constant, the Kullback-Leibler divergence
    from the uniform distribution. Citation: K. Mei et al., "Instance Adaptive Self-Training for
    Unsupervised Domain Adaptation" (IAST), ECCV 2020.

    Args:
        entropy, divergence: λ_e and λ_k. The defaults are those of LoveDA's baselines.
    """

    needs_pseudo = True

    def __init__(self, entropy: float = 3.0, divergence: float = 0.1) -> None:
        super().__init__()
        self.entropy = entropy
        self.divergence = divergence

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_entropy`` and ``loss_divergence``."""
        logs = target_logits(step).log_softmax(1)
        ignored = step.pseudo_labels[0] == IGNORED
        entropy = -(logs.exp() * logs).mean(1)
        divergence = -logs.mean(1) / step.num_classes
        return dict(
            loss_entropy=self.entropy * masked_mean(entropy, ignored),
            loss_divergence=self.divergence * masked_mean(divergence, ~ignored),
        )


@MODELS.register_module()
class BoxLabels(nn.Module):
    r"""Label boxes of target pixels by the student's own mean logits, if it is confident (PyCDA).

    .. math:: L = \frac{\lambda}{|\Omega|} \sum_{(k, x) \in \Omega} CE(\bar z_k(x), \hat y_k(x)),
        \qquad \hat y_k(x) = \arg\max_c \bar z_{k,c}(x)

    :math:`\bar z_k` are the logits averaged over boxes of k × k pixels. Ω are the boxes of all
    sizes with :math:`\max_c \sigma(\bar z_k)_c > \tau`. Citation: Q. Lian et al., "Constructing
    Self-Motivated Pyramid Curriculums for Cross-Domain Semantic Segmentation" (PyCDA), ICCV 2019.

    Args:
        sizes: The values of k, in pixels.
        threshold: τ.
        weight: λ.
    """

    def __init__(
        self, sizes: Sequence[int] = (1, 2, 4, 8), threshold: float = 0.5, weight: float = 0.5
    ) -> None:
        super().__init__()
        if not sizes or min(sizes) < 1:
            raise UserError(
                f'sizes={tuple(sizes)} of BoxLabels must be one or more sizes of at least 1 pixel.'
            )
        self.sizes = tuple(sizes)
        self.threshold = threshold
        self.weight = weight

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_boxes``."""
        logits = target_logits(step)
        pooled = [F.avg_pool2d(logits, size).flatten(2) for size in self.sizes]
        boxes = torch.cat(pooled, 2).log_softmax(1)
        highest = boxes.amax(1)  # the log-probability of a box's most likely class
        confident = highest.detach().exp() > self.threshold
        return dict(loss_boxes=self.weight * masked_mean(-highest, confident))


@MODELS.register_module()
class ClassPrior(nn.Module):
    r"""Pull the mean prediction on the target towards given shares of the classes (PyCDA).

    .. math:: L = -\frac{\lambda}{K} \sum_c \bigl( \pi_c \log \bar p_c
        + (1 - \pi_c) \log(1 - \bar p_c) \bigr)

    :math:`\bar p` is the mean probability over the pixels of the target batch. Citation: see
    ``BoxLabels``.

    Args:
        prior: π. ``'source'``: the shares of the labels in the source batch; ``'uniform'``: 1/K;
            or one share per class.
        weight: λ.
    """

    def __init__(
        self, prior: Literal['source', 'uniform'] | Sequence[float] = 'source', weight: float = 1.0
    ) -> None:
        super().__init__()
        if isinstance(prior, str) and prior not in ('source', 'uniform'):
            raise UserError(
                f"prior={prior!r} of ClassPrior must be 'source', 'uniform' or one share per class."
            )
        self.prior = prior
        self.weight = weight

    def follow(self, segmentor: nn.Module) -> None:
        """Check, when the model is built, that the shares match its classes."""
        if not isinstance(self.prior, str) and len(self.prior) != segmentor.num_classes:
            raise UserError(
                f'ClassPrior: prior has {len(self.prior)} shares, but the model has '
                f'{segmentor.num_classes} classes: give one share per class.'
            )

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_prior``."""
        mean = target_logits(step).softmax(1).mean((0, 2, 3))
        # Keep away from 0 and 1, where log p or log(1 - p) is infinite.
        tiny = torch.finfo(mean.dtype).eps
        mean, prior = mean.clamp(tiny, 1 - tiny), self._shares(step).to(mean)
        terms = prior * mean.log() + (1 - prior) * (1 - mean).log()
        return dict(loss_prior=-self.weight * terms.mean())

    def _shares(self, step: 'AdaptationStep') -> Tensor:
        if self.prior == 'uniform':
            return torch.full((step.num_classes,), 1 / step.num_classes)
        if self.prior != 'source':
            return torch.tensor(self.prior)
        labels = step.source_labels
        counts = torch.stack([(labels == number).sum() for number in range(step.num_classes)])
        return counts / counts.sum().clamp(min=1)
