"""Rules that turn class probabilities into pseudo-labels and pixel weights.

A rule returns labels (N, H, W) and weights of the same shape. Losses skip pixels with the label
``IGNORED``.
"""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.adaptation.ramp import ramped

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
class Threshold(nn.Module):
    """Label the pixels whose highest probability exceeds a threshold; all weights are equal.

    Args:
        threshold: The lowest probability of a label.
        ramp: Iterations after ``begin`` in which the weights rise from 0 to 1.
        begin: The warm-up of ``DomainAdaptation``.
    """

    def __init__(self, threshold: float = 0.9, ramp: int = 0, begin: int = 0) -> None:
        super().__init__()
        if not 0 <= threshold < 1:
            raise UserError(f'threshold={threshold} of Threshold must be in [0, 1).')
        self.threshold = threshold
        self.ramp = ramp
        self.begin = begin
        self.weight = 1.0

    def update(self, segmentor: nn.Module, iteration: int) -> None:
        """Set the weight of this iteration."""
        self.weight = ramped(iteration, self.ramp, self.begin)

    def forward(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        highest, labels = probabilities.max(1)
        labels = labels.masked_fill(highest <= self.threshold, IGNORED)
        return labels, torch.full_like(highest, self.weight)


@MODELS.register_module()
class ClassWeighted(ConfidentShare):
    r"""Multiply the weights of ``ConfidentShare`` by a weight for the class and for confidence.

    .. math:: w = q \, \begin{cases} \omega_{\hat y} & \max_c p_c \ge \rho \\
        \tfrac 1 2 & \text{otherwise} \end{cases}

    q is the weight of ``ConfidentShare``. Citation: Q. Zhao et al. (ST-DASegNet), JAG 127, 2024.

    Args:
        class_weights: ω, one weight per class.
        sure: ρ.
        **kwargs: Passed to ``ConfidentShare``, whose threshold is 0.975 in the paper.
    """

    def __init__(self, class_weights: Sequence[float], sure: float = 0.8, **kwargs) -> None:
        super().__init__(**kwargs)
        self.sure = sure
        self.register_buffer('class_weights', torch.tensor(class_weights), persistent=False)

    def follow(self, segmentor: nn.Module) -> None:
        """Refuse weights that do not match the classes."""
        if len(self.class_weights) != segmentor.num_classes:
            raise UserError(
                f'ClassWeighted: class_weights has {len(self.class_weights)} values, but the model '
                f'has {segmentor.num_classes} classes: give one per class.'
            )

    def forward(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        labels, share = super().forward(probabilities)
        is_sure = probabilities.amax(1) >= self.sure
        return labels, share * torch.where(is_sure, self.class_weights[labels], 0.5)


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
