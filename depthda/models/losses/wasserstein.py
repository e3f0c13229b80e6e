r"""The adversarial losses of DRDG, eq. (2), as Wasserstein GANs with gradient penalty have them.

.. math:: L_{adv}(S, T) = E[D_T(x_T)] - E[D_T(G(x_S))]

The critic D maximises it: it estimates the distance between the real and the translated images.
The generator G minimises it. Scores may be maps: E is the mean over images and patches.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What the critic minimises: −L_adv, from its scores of real and of translated images."""
    return _wide(fake).mean() - _wide(real).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """What the generator minimises: L_adv without E[D(real)], in which it has no part."""
    return -_wide(fake).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    r"""Gulrajani et al., "Improved training of Wasserstein GANs", 2017, without its factor.

    .. math:: E_{\hat x}[(\|\nabla_{\hat x} D(\hat x)\|_2 - 1)^2], \qquad
        \hat x = \epsilon x + (1 - \epsilon) \tilde x

    with one :math:`\epsilon \sim U(0, 1)` an image. Where a critic gives a map of scores, D is
    their sum here, as in DRDG's released code: with their mean, on 14² of them, a slope of 1 would
    be 196 times as steep. Computed in single precision at least, autocast or not: the gradient of a
    gradient is too much for halves.

    Args:
        critic: Maps images (N, …) to scores, image by image.
        real, fake: (N, C, H, W), one shape; no gradient goes into them.
    """
    with torch.autocast(real.device.type, enabled=False):
        real, fake = _wide(real.detach()), _wide(fake.detach())
        share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
