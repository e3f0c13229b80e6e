r"""The least-squares adversarial losses that CycleGAN uses (Mao et al., ICCV 2017).

The critic D learns to score real images 1 and translated images 0. The generator learns to make
the score of translated images 1.
"""

from mmseg.registry import MODELS
from torch import Tensor

from depthda.models.losses.gan import GANLoss
from depthda.models.tensors import at_least_float32


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""Return :math:`(E[(D(x) - 1)^2] + E[D(\tilde x)^2]) / 2`, halved as CycleGAN does."""
    real, fake = at_least_float32(real), at_least_float32(fake)
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def generator_loss(fake: Tensor) -> Tensor:
    r"""Return :math:`E[(D(\tilde x) - 1)^2]`."""
    return (at_least_float32(fake) - 1).square().mean()


@MODELS.register_module()
class LeastSquaresGANLoss(GANLoss):
    """:func:`critic_loss` and :func:`generator_loss`, without a gradient penalty by default."""

    critic = staticmethod(critic_loss)
    generator = staticmethod(generator_loss)
