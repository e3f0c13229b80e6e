"""What the adversarial losses of a translation have in common, and the gradient penalty."""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from depthda.models.tensors import at_least_float32


class GANLoss(nn.Module, metaclass=ABCMeta):
    """Base of adversarial losses: one loss for the critic, one for the generator.

    Scores may be maps: every mean is over images and patches.

    Args:
        loss_weight: Weight of the generator's loss; the caller multiplies by it.
        gp_weight: Weight of the gradient penalty in the critic's loss; 0 for none.
    """

    def __init__(self, loss_weight: float = 1.0, gp_weight: float = 0.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.gp_weight = gp_weight

    @abstractmethod
    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the critic minimises, from its scores of real and of translated images."""

    @abstractmethod
    def generator(self, fake: Tensor) -> Tensor:
        """Return what the generator minimises, from the scores of its images."""


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    r"""Compute the penalty of Gulrajani et al., "Improved training of Wasserstein GANs", 2017.

    .. math:: E_{\hat x}[(\|\nabla_{\hat x} D(\hat x)\|_2 - 1)^2], \qquad
        \hat x = \epsilon x + (1 - \epsilon) \tilde x

    with one :math:`\epsilon \sim U(0, 1)` per image; the paper's factor is left to the caller. If
    a critic returns a map of scores, D is their sum here, as in DRDG's released code: with their
    mean over a map of 14², a slope of 1 would be 196 times as steep. The penalty is computed in
    single precision at least, with autocast or without: half precision is too coarse for the
    gradient of a gradient.

    ``critic`` scores each image on its own. No gradient flows into the images ``real`` and ``fake``
    (N, C, H, W).
    """
    with torch.autocast(real.device.type, enabled=False):
        real, fake = at_least_float32(real.detach()), at_least_float32(fake.detach())
        share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()
