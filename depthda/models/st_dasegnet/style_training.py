"""Losses and teacher of ST-DASegNet."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.adaptation.ema_teacher import EMATeacher
from depthda.models.adaptation.output_adversary import apply_frozen, bce, resized

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep


@MODELS.register_module()
class StyleAdversary(nn.Module):
    r"""Teach one encoder of ``TwoStyleBackbone`` to give both domains the style of one of them.

    .. math:: L_{adv} = \lambda \, BCE(D(f_{fake}), 1), \qquad L_D = \lambda \, \tfrac 1 2
        \bigl(BCE(D(f_{real}), 1) + BCE(D(f_{fake}), 0)\bigr)

    f are the features of one stage of the encoder, with a softmax over the positions of each
    channel. For the style of the source, real are source images and fake are target images; for
    the style of the target it is the reverse. D's outputs are resized to the images. L_adv gives
    gradients to the segmentor only, L_D to the critic only. Citation: see ``two_styles.py``.

    Args:
        style: ``'source'`` or ``'target'``.
        critic: Config of D, such as ``StyleCritic``.
        weight: λ.
        stage: Index of the stage. The critic of the paper needs at least 12² positions.
    """

    def __init__(
        self,
        style: Literal['source', 'target'],
        critic: ConfigType,
        weight: float = 0.005,
        stage: int = -1,
    ) -> None:
        super().__init__()
        if style not in ('source', 'target'):
            raise UserError(f"style={style!r} of StyleAdversary must be 'source' or 'target'.")
        self.style = style
        self.weight = weight
        self.stage = stage
        self.critic = MODELS.build(critic)

    def follow(self, segmentor: nn.Module) -> None:
        """Refuse a segmentor with one encoder."""
        if type(segmentor.backbone).__name__ != 'TwoStyleBackbone':
            raise UserError(
                'StyleAdversary needs an encoder for each style: set '
                "backbone=dict(type='TwoStyleBackbone', encoder=...) of the segmentor."
            )

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_adversarial`` and ``loss_critic``, with the style as a prefix."""
        size = step.source_images.shape[2:]
        # features of source images and target images, in this style
        passes = (step.source, step.target)
        given = [getattr(found.encoded, self.style)[self.stage] for found in passes]
        real, fake = given if self.style == 'source' else reversed(given)
        real, fake = over_positions(real), over_positions(fake)
        fooled = resized(apply_frozen(self.critic, fake), size)
        judged = [resized(self.critic(maps.detach()), size) for maps in (real, fake)]
        critic_loss = (bce(judged[0], 1.0) + bce(judged[1], 0.0)) / 2
        return {
            f'{self.style}.loss_adversarial': self.weight * bce(fooled, 1.0),
            f'{self.style}.loss_critic': self.weight * critic_loss,
        }


def over_positions(maps: Tensor) -> Tensor:
    """Apply a softmax over the positions of each channel (N, C, H, W)."""
    return maps.flatten(2).softmax(2).view_as(maps)


@MODELS.register_module()
class StyleCritic(nn.Sequential):
    """Apply 4 × 4 convolutions with instance norm: some of stride 2, then two of stride 1.

    Args:
        in_channels: Channels of the features.
        channels: Output channels of the convolutions of stride 2; the paper uses (64, 128) for
            MiT-B5 and (64, 128, 256) for ResNet-50.
    """

    def __init__(self, in_channels: int, channels: Sequence[int] = (64, 128)) -> None:
        widths = (in_channels, *channels, 2 * channels[-1])
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
            stride = 2 if number < len(channels) else 1
            layers.append(nn.Conv2d(before, after, 4, stride=stride, padding=1))
            layers += [nn.InstanceNorm2d(after)] if number else []
            layers.append(nn.LeakyReLU(0.2))
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))


@MODELS.register_module()
class HeadTeacher(EMATeacher):
    """Average the student's decode head; the teacher reads the features of the student's encoder.

    Args:
        momentum: As in ``EMATeacher``.
    """

    def follow(self, segmentor: nn.Module) -> None:
        """Copy the head. The segmentor is not a part of the teacher: its weights are not stored."""
        self._segmentor = [segmentor]
        self.model = copy.deepcopy(segmentor.decode_head).requires_grad_(False)
        self.model.eval()

    def update(self, segmentor: nn.Module, iteration: int) -> None:
        super().update(segmentor.decode_head, iteration)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        student = self._segmentor[0]
        training = student.training
        try:
            features = student.eval().extract_feat(images)
        finally:
            student.train(training)
        return resized(self.model(features), images.shape[2:]).softmax(1)
