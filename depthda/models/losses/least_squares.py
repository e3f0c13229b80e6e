r"""Adversarial losses of least squares, as CycleGAN has them (Mao et al., ICCV 2017).

The critic D pulls its scores of real images to 1 and of translated ones to 0, the generator pulls
the latter to 1. Scores may be maps: E is the mean over images and patches.
"""

import torch
from torch import Tensor


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    r""":math:`(E[(D(x) - 1)^2] + E[D(\tilde x)^2]) / 2`, halved as CycleGAN does."""
    return ((_wide(real) - 1).square().mean() + _wide(fake).square().mean()) / 2


def generator_loss(fake: Tensor) -> Tensor:
    r""":math:`E[(D(\tilde x) - 1)^2]`."""
    return (_wide(fake) - 1).square().mean()


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
