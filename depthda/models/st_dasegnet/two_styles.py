"""Networks of ST-DASegNet: an encoder, a selection of features and a head for each style.

Citation of all parts: Q. Zhao et al., "Self-Training Guided Disentangled Adaptation for
Cross-Domain Remote Sensing Image Semantic Segmentation" (ST-DASegNet), JAG 127, 2024.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.models.decode_heads.twin_head import TwinHead


class StyleFeatures(NamedTuple):
    """Feature maps of the same images in the source style and in the target style.

    Each field is a tuple of maps (N, C_i, H_i, W_i), one per stage.
    """

    source: tuple[Tensor, ...]
    target: tuple[Tensor, ...]


@MODELS.register_module()
class TwoStyleBackbone(BaseModule):
    """Two encoders of one kind; images of both domains go through both.

    Adversaries teach the first to extract features in the style of the source, the second in the
    style of the target.

    Args:
        encoder: Config of the encoders.
    """

    def __init__(self, encoder: ConfigType) -> None:
        super().__init__()
        self.source, self.target = (MODELS.build(encoder) for _ in range(2))

    def forward(self, images: Tensor) -> StyleFeatures:
        return StyleFeatures(tuple(self.source(images)), tuple(self.target(images)))


class ChannelSelection(nn.Module):
    r"""Weight the channels of both styles against each other, by a softmax over the two.

    .. math:: z = W \, \mathrm{mean}_x (F_S + F_T), \qquad
        (a_S, a_T)_c = \mathrm{softmax}\bigl((U_S z)_c, (U_T z)_c\bigr)

    The results are :math:`a_S F_S` and :math:`a_T F_T`. z has a ``reduction``-th of the channels,
    but at least ``least``.
    """

    def __init__(self, channels: int, reduction: int = 8, least: int = 32) -> None:
        super().__init__()
        hidden = max(channels // reduction, least)
        self.squeeze = nn.Linear(channels, hidden)
        self.styles = nn.ModuleList(nn.Linear(hidden, channels) for _ in range(2))

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        squeezed = self.squeeze((source + target).mean((2, 3)))
        weights = torch.stack([style(squeezed) for style in self.styles]).softmax(0)
        return source * weights[0, :, :, None, None], target * weights[1, :, :, None, None]


class UniversalFeatures(nn.Module):
    r"""Compute features that both styles share, by attention over channels.

    .. math:: m = \phi\bigl(\tfrac 1 2 (F_S + F_T)\bigr), \qquad
        A = \tfrac 1 2 \sum_{d \in \{S, T\}}
        \mathrm{softmax}_j \bigl(\max_k E^d_{ik} - E^d_{ij}\bigr), \qquad E^d = F_d m^\top

    φ is a 3 × 3 convolution with ReLU; A is C × C. The results are 3 × 3 convolutions with ReLU of
    :math:`A F_S` and :math:`A F_T`.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.merge = ConvModule(channels, channels, 3, padding=1)
        self.styles = nn.ModuleList(
            ConvModule(channels, out_channels, 3, padding=1) for _ in range(2)
        )

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        merged = self.merge((source + target) / 2).flatten(2).transpose(1, 2)
        attention = 0
        for maps in (source, target):
            energy = maps.flatten(2) @ merged
            attention = attention + (energy.amax(2, keepdim=True) - energy).softmax(2) / 2
        return tuple(
            conv((attention @ maps.flatten(2)).view_as(maps))
            for conv, maps in zip(self.styles, (source, target), strict=True)
        )


@MODELS.register_module()
class StyleSelection(BaseModule):
    """Select features of both styles in each stage; add shared features to the last.

    Args:
        in_channels: Channels of each stage. The last stage returns an eighth more.
    """

    def __init__(self, in_channels: Sequence[int]) -> None:
        super().__init__()
        self.selections = nn.ModuleList(ChannelSelection(width) for width in in_channels)
        self.universal = UniversalFeatures(in_channels[-1], in_channels[-1] // 8)

    def forward(self, features: StyleFeatures) -> StyleFeatures:
        selected = [
            selection(*maps)
            for selection, *maps in zip(
                self.selections, features.source, features.target, strict=True
            )
        ]
        source, target = map(list, zip(*selected, strict=True))
        shared = self.universal(features.source[-1], features.target[-1])
        for maps, more in zip((source, target), shared, strict=True):
            maps[-1] = torch.cat([maps[-1], more], 1)
        return StyleFeatures(tuple(source), tuple(target))


@MODELS.register_module()
class StyleHeads(TwinHead):
    r"""One copy of a head for each style; the prediction is the mean of their logits.

    Args:
        head: Config of the heads.
    """

    def inputs_of(self, inputs: StyleFeatures) -> StyleFeatures:
        return inputs

    def join(self, first: Tensor, second: Tensor) -> Tensor:
        return (first + second) / 2
