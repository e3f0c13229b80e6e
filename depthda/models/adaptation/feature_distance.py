"""Feature distance (DAFormer): stay close to the features of the pretrained encoder."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import IGNORED
from depthda.models.features import PairedFeatures

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep


@MODELS.register_module()
class FeatureDistance(nn.Module):
    r"""Penalise the distance of source features to those of the initial encoder.

    .. math:: L = \lambda \frac{\sum_x m(x) \lVert f(x) - f_0(x) \rVert_2}{\sum_x m(x)}

    f is the coarsest feature map of the optical encoder. f₀ is the same map of a frozen copy of the
    encoder from the first iteration. m(x) is 1 where one of ``classes`` covers at least the share
    ``majority`` of position x, else 0. If m is 0 everywhere, the loss is 0. Citation: L. Hoyer et
    al., "DAFormer", CVPR 2022, which restricts the loss to thing classes of street scenes.

    Args:
        weight: λ.
        classes: Indices of the classes; None means all.
        majority: Smallest share of a position that one class must cover.
    """

    def __init__(
        self, weight: float = 0.005, classes: Sequence[int] | None = None, majority: float = 0.75
    ) -> None:
        super().__init__()
        self.weight = weight
        self.classes = None if classes is None else tuple(classes)
        self.majority = majority

    def follow(self, segmentor: nn.Module) -> None:
        """Make a copy of the optical encoder, which the first iteration fills."""
        encoder = getattr(segmentor.backbone, 'rgb', segmentor.backbone)
        if not any(parameter.requires_grad for parameter in encoder.parameters()):
            raise UserError(
                'FeatureDistance: the optical encoder is frozen, so its features cannot change: '
                'remove this term.'
            )
        self.initial = copy.deepcopy(encoder).requires_grad_(False)
        self.initial.eval()  # not chained, because eval() of mmseg's ResNet returns None

    @torch.no_grad()
    def update(self, segmentor: nn.Module, iteration: int) -> None:
        """Copy the encoder at the first iteration, even if that is part of a warm-up."""
        if iteration == 0:
            encoder = getattr(segmentor.backbone, 'rgb', segmentor.backbone)
            self.initial.load_state_dict(encoder.state_dict())

    def train(self, mode: bool = True) -> 'FeatureDistance':
        """Keep the copy in eval mode."""
        super().train(mode)
        if hasattr(self, 'initial'):
            self.initial.eval()
        return self

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return the weighted distance, ``loss_features``."""
        features = step.source.encoded
        paired = isinstance(features, PairedFeatures)
        maps = features.rgb if paired else features
        with torch.no_grad():
            images = step.source_images
            if paired:
                images = images[:, : step.bands]
            initial = self.initial(images)[-1]
        distance = (maps[-1] - initial).norm(dim=1)
        mask = self._mask(step.source_labels, distance.shape[1:], step.num_classes)
        return dict(loss_features=self.weight * (distance * mask).sum() / mask.sum().clamp(min=1))

    def _mask(self, labels: Tensor, size: Sequence[int], num_classes: int) -> Tensor:
        """Return m (N, h, w) for labels (N, H, W)."""
        one_hot = F.one_hot(labels.masked_fill(labels == IGNORED, num_classes), num_classes + 1)
        shares = F.adaptive_avg_pool2d(one_hot.permute(0, 3, 1, 2).float(), tuple(size))
        chosen = range(num_classes) if self.classes is None else self.classes
        # A list as an index would be copied to the GPU, for which the CPU would wait.
        shares = torch.stack([shares[:, index] for index in chosen], 1)
        return (shares >= self.majority).any(1).float()
