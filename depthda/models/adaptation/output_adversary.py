"""Adversarial training on outputs: target predictions should look like source predictions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from depthda.errors import UserError, few
from depthda.models.adaptation.heads import heads
from depthda.models.tensors import resized

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep

_SOURCE, _TARGET = 0.0, 1.0


@MODELS.register_module()
class OutputAdversary(nn.Module):
    r"""Train a critic D on the class probabilities p of one head, resized to the images.

    .. math:: L_{adv} = \lambda \, BCE(D(p_t), 0), \qquad
        L_D = \tfrac 1 2 BCE(D(p_s), 0) + \tfrac 1 2 BCE(D(p_t), 1)

    p_s and p_t are predictions for source and target images; BCE has the label 0 for source, 1 for
    target. L_adv gives gradients to the segmentor only, L_D to the critic only. So one backward
    pass of their sum gives the same gradients as two separate passes.

    Args:
        critic: Config of D, which gets the number of classes as ``in_channels``.
        weight: λ; AdaptSegNet uses 0.001 for the decode head and 0.0002 for the auxiliary head.
        head: The head whose outputs the critic sees: ``'decode_head'``, ``'auxiliary_head'`` or,
            with several auxiliary heads, ``'auxiliary_head0'`` and so on. The copies of a
            ``TwinHead`` are ``'decode_head.0'`` and ``'decode_head.1'``.
    """

    def __init__(
        self,
        critic: ConfigType,
        weight: float = 0.001,
        head: str = 'decode_head',
    ) -> None:
        super().__init__()
        self._config = critic
        self.weight = weight
        self.head = head

    def follow(self, segmentor: nn.Module) -> None:
        """Build the critic for the segmentor's classes; refuse a head that the segmentor lacks."""
        if self.head not in (existing := heads(segmentor)):
            raise UserError(
                f'head={self.head!r} of OutputAdversary does not exist: choose from '
                f'{few(list(existing))}.'
            )
        self.critic = MODELS.build(dict(in_channels=segmentor.num_classes, **self._config))

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_adversarial`` and ``loss_critic``, with a prefix such as ``decode.``."""
        source, target = (
            resized(found.logits[self.head], step.source_images.shape[2:]).softmax(1)
            for found in (step.source, step.target)
        )
        judged = self.critic(source.detach()), self.critic(target.detach())
        losses = self.target_losses(apply_frozen(self.critic, target), judged[1], step)
        name = self.head.removesuffix('_head')
        return {
            f'{name}.loss_adversarial': losses[0],
            f'{name}.loss_critic': (bce(judged[0], _SOURCE) + losses[1]) / 2,
        }

    def target_losses(
        self, fooled: Tensor, judged: Tensor, step: 'AdaptationStep'
    ) -> tuple[Tensor, Tensor]:
        """Return L_adv of D's outputs ``fooled``, and BCE(D(p_t), 1) of its outputs ``judged``."""
        return self.weight * bce(fooled, _SOURCE), bce(judged, _TARGET)


def apply_frozen(critic: nn.Module, given: Tensor) -> Tensor:
    """Apply a critic with a gradient for its input only, not for its weights."""
    fixed = {name: weight.detach() for name, weight in critic.named_parameters()}
    return functional_call(critic, fixed, given)


def bce(logits: Tensor, label: float, weights: Tensor | float = 1.0) -> Tensor:
    """Return the weighted mean of the binary cross-entropy of logits, all with the same label."""
    labels = torch.full_like(logits, label)
    # Not as an argument of the function, which would give the weights no gradient.
    values = F.binary_cross_entropy_with_logits(logits, labels, reduction='none')
    return (weights * values).mean()


@MODELS.register_module()
class OutputCritic(nn.Sequential):
    """Apply strided 4 × 4 convolutions without norm; by default, one logit covers 32² pixels.

    Citation: Y.-H. Tsai et al., "Learning to Adapt Structured Output Space for Semantic
    Segmentation" (AdaptSegNet), CVPR 2018.

    Args:
        in_channels: Number of classes.
        channels: Output channels of each convolution except the last, which has one.
    """

    def __init__(self, in_channels: int, channels: Sequence[int] = (64, 128, 256, 512)) -> None:
        layers: list[nn.Module] = []
        for before, after in zip((in_channels, *channels), (*channels, 1), strict=True):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        super().__init__(*layers[:-1])

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return logits (N, 1, h, w); below 0 means source."""
        return super().forward(probabilities)
