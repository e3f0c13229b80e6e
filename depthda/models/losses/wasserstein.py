r"""The adversarial losses of DRDG, eq. (2), and of Wasserstein GANs in general.

.. math:: L_{adv}(S, T) = E[D_T(x_T)] - E[D_T(G(x_S))]

The critic D maximises L_adv, which then estimates the distance between real and translated images.
The generator G minimises it.
"""

from mmseg.registry import MODELS
from torch import Tensor

from depthda.models.losses.gan import GANLoss
from depthda.models.tensors import at_least_float32


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return −L_adv, the loss of the critic, from its scores."""
    return at_least_float32(fake).mean() - at_least_float32(real).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Return L_adv without E[D(real)], which does not depend on the generator."""
    return -at_least_float32(fake).mean()


@MODELS.register_module()
class WassersteinGANLoss(GANLoss):
    """:func:`critic_loss` and :func:`generator_loss`; eq. (2) needs the gradient penalty."""

    critic = staticmethod(critic_loss)
    generator = staticmethod(generator_loss)

    def __init__(self, loss_weight: float = 1.0, gp_weight: float = 1.0) -> None:
        super().__init__(loss_weight, gp_weight)
