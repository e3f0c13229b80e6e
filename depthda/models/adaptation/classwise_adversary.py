"""FADA: a critic that tells source from target for each class, on features."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.models.adaptation.output_adversary import apply_frozen
from depthda.models.tensors import resized

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep


@MODELS.register_module()
class ClasswiseAdversary(nn.Module):
    r"""Train a critic D with 2K outputs: one per class and domain.

    .. math:: L_{adv} = \lambda \, S(D(f_t), [a_t, 0]), \qquad
        L_D = \tfrac 1 2 S(D(f_s), [a_s, 0]) + \tfrac 1 2 S(D(f_t), [0, a_t])

    .. math:: S(q, a) = -\tfrac{1}{|\Omega|} \sum_x \sum_c a_c(x) \log \sigma_{2K}(q(x))_c, \qquad
        a = \min(\sigma(z), m)

    f are features of one stage, a are the segmentor's own probabilities, which get no gradient; the
    first K outputs stand for the source. L_adv gives gradients to the segmentor only, L_D to the
    critic only. The paper divides the logits z by 1.8 everywhere: set ``temperature`` of
    ``DeepLabV2Head``. Citation: H. Wang et al., "Classes Matter: A Fine-grained Adversarial
    Approach to Cross-domain Semantic Segmentation" (FADA), ECCV 2020.

    Args:
        critic: Config of D, such as ``ClassCritic``.
        weight: λ.
        stage: Index of the features that D sees among those that the heads read.
        most: m, the upper limit of the labels for the critic.
    """

    def __init__(
        self, critic: ConfigType, weight: float = 0.001, stage: int = -1, most: float = 0.9
    ) -> None:
        super().__init__()
        self._config = critic
        self.weight = weight
        self.stage = stage
        self.most = most

    def follow(self, segmentor: nn.Module) -> None:
        """Build the critic for the segmentor's classes."""
        self.critic = MODELS.build(dict(num_classes=segmentor.num_classes, **self._config))

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_adversarial`` and ``loss_critic``."""
        size = step.source_images.shape[2:]
        features, labels = {}, {}
        for domain, found in (('source', step.source), ('target', step.target)):
            features[domain] = found.fused[self.stage]
            logits = resized(found.logits['decode_head'].detach(), size)
            labels[domain] = logits.softmax(1).clamp(max=self.most)
        fooled = apply_frozen(self.critic, features['target'])
        judged = {domain: self.critic(maps.detach()) for domain, maps in features.items()}
        losses = [
            domain_entropy(resized(judged[domain], size), labels[domain], side)
            for side, domain in enumerate(('source', 'target'))
        ]
        adversarial = domain_entropy(resized(fooled, size), labels['target'], 0)
        return dict(
            loss_adversarial=self.weight * adversarial, loss_critic=(losses[0] + losses[1]) / 2
        )


def domain_entropy(logits: Tensor, labels: Tensor, side: int) -> Tensor:
    """Return S for logits (N, 2K, H, W) and labels (N, K, H, W) of the source (0) or target (1)."""
    logs = logits.log_softmax(1).chunk(2, 1)[side]
    return -(labels * logs).sum(1).mean()


@MODELS.register_module()
class ClassCritic(nn.Module):
    """Apply 3 × 3 convolutions to features; return K logits for the source and K for the target.

    Args:
        in_channels: Channels of the features.
        num_classes: K.
        channels: Output channels of the hidden convolutions.
    """

    def __init__(
        self, in_channels: int, num_classes: int, channels: Sequence[int] = (512, 256)
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((in_channels, *channels[:-1]), channels, strict=True):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.2)]
        self.hidden = nn.Sequential(*layers)
        self.sides = nn.ModuleList(
            nn.Conv2d(channels[-1], num_classes, 3, padding=1) for _ in range(2)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, 2K, h, w)."""
        hidden = self.hidden(features)
        return torch.cat([side(hidden) for side in self.sides], 1)
