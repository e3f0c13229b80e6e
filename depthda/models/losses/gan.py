"""The adversarial losses of Wasserstein GANs and of CycleGAN, and the gradient penalty."""

from collections.abc import Callable

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.models.tensors import at_least_float32


class GANLoss(nn.Module):
    """Base class of adversarial losses: one loss for the critic, one for the generator.

    Scores may be maps with a score for each patch; means are over images and patches.

    Args:
        loss_weight: Weight of the generator's loss, which the caller applies.
        gp_weight: Weight of the gradient penalty in the critic's loss, which the caller adds.
    """

    def __init__(self, loss_weight: float = 1.0, gp_weight: float = 0.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.gp_weight = gp_weight

    @staticmethod
    def critic(real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from its scores of real and of translated images."""
        raise NotImplementedError

    @staticmethod
    def generator(fake: Tensor) -> Tensor:
        """Return the generator's loss from the scores of its images."""
        raise NotImplementedError


@MODELS.register_module()
class WassersteinGANLoss(GANLoss):
    r"""The adversarial losses of DRDG, eq. (2), and of Wasserstein GANs in general.

    .. math:: L_{adv}(S, T) = E[D_T(x_T)] - E[D_T(G(x_S))]

    The critic D maximises L_adv, which then estimates the distance between real and translated
    images; the critic needs the gradient penalty. The generator G minimises L_adv without
    E[D_T(x_T)], which does not depend on G.
    """

    def __init__(self, loss_weight: float = 1.0, gp_weight: float = 1.0) -> None:
        super().__init__(loss_weight, gp_weight)

    @staticmethod
    def critic(real: Tensor, fake: Tensor) -> Tensor:
        return at_least_float32(fake).mean() - at_least_float32(real).mean()

    @staticmethod
    def generator(fake: Tensor) -> Tensor:
        return -at_least_float32(fake).mean()


@MODELS.register_module()
class LeastSquaresGANLoss(GANLoss):
    r"""The losses that CycleGAN uses (Mao et al., ICCV 2017), by default without a penalty.

    .. math:: L_D = (E[(D(x) - 1)^2] + E[D(\tilde x)^2]) / 2, \qquad L_G = E[(D(\tilde x) - 1)^2]
    """

    @staticmethod
    def critic(real: Tensor, fake: Tensor) -> Tensor:
        real, fake = at_least_float32(real), at_least_float32(fake)
        return ((real - 1).square().mean() + fake.square().mean()) / 2

    @staticmethod
    def generator(fake: Tensor) -> Tensor:
        return (at_least_float32(fake) - 1).square().mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    r"""Compute the penalty of Gulrajani et al., "Improved training of Wasserstein GANs", 2017.

    .. math:: E_{\hat x}[(\|\nabla_{\hat x} D(\hat x)\|_2 - 1)^2], \qquad
        \hat x = \epsilon x + (1 - \epsilon) \tilde x

    with one :math:`\epsilon \sim U(0, 1)` per image; the caller applies the paper's weight. If
    the critic returns a map of scores, D is their sum, as in DRDG's released code. If D were their
    mean, the penalty would hold the gradient of the mean near 1, and that of the sum could be 196
    for a map of 14² scores. The penalty is computed at least in single precision, even with
    autocast, because half precision is too coarse for the gradient of a gradient.

    Args:
        critic: A critic whose score of an image does not depend on other images.
        real, fake: Images (N, C, H, W), which get no gradient.
    """
    with torch.autocast(real.device.type, enabled=False):
        real, fake = at_least_float32(real.detach()), at_least_float32(fake.detach())
        share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
