"""The critic of AdaptSegNet: does a map of class probabilities belong to the source?"""

from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class OutputCritic(nn.Sequential):
    """Strided 4 × 4 convolutions without norm, to one logit for each 32² pixels.

    Citation: Y.-H. Tsai et al., "Learning to Adapt Structured Output Space for Semantic
    Segmentation" (AdaptSegNet), CVPR 2018.

    Args:
        in_channels: Number of classes.
        channels: Channels after each convolution but the last.
    """

    def __init__(self, in_channels: int, channels: Sequence[int] = (64, 128, 256, 512)) -> None:
        layers: list[nn.Module] = []
        for before, after in zip((in_channels, *channels), (*channels, 1), strict=True):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        super().__init__(*layers[:-1])

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return logits (N, 1, h, w); below 0 means source."""
        return super().forward(probabilities)
