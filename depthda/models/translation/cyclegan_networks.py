"""CycleGAN's networks: a generator with residual blocks, and a critic of patches."""

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.tensors import resized
from depthda.models.translation.generator import NORMAL, Translation

_REFLECT = dict(padding_mode='reflect')


@MODELS.register_module()
class ResNetGenerator(BaseModule):
    r"""Translate images by residual blocks at a quarter of their size.

    With the default arguments, the layers are c7s1-64, d128, d256, nine R256, u128, u64 and c7s1-3
    in the notation of the paper: d halves the size, u doubles it, R is a block of two convolutions
    whose input is added to their output. Instance norm without weights follows every convolution
    except the last, whose output goes through tanh. ReLU follows the norm, except at the end of a
    block. Convolutions of stride 1 pad by reflection. Citation: J.-Y. Zhu et al., "Unpaired
    Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (CycleGAN), ICCV 2017.

    Args:
        optical_bands: Number of optical bands of the images.
        width: Output channels of the first convolution.
        blocks: Number of residual blocks; the paper uses 9 for images of 256² or larger.
        depth_decoder: None, because this generator predicts no depth.
    """

    def __init__(
        self,
        optical_bands: int = 3,
        width: int = 64,
        blocks: int = 9,
        depth_decoder: None = None,
        init_cfg: dict | None = NORMAL,
    ) -> None:
        super().__init__(init_cfg)
        halve = dict(kernel_size=3, stride=2, padding=1)
        double = dict(halve, output_padding=1)
        self.layers = nn.Sequential(
            *_normed(nn.Conv2d(optical_bands, width, 7, padding=3, **_REFLECT)),
            *_normed(nn.Conv2d(width, 2 * width, **halve)),
            *_normed(nn.Conv2d(2 * width, 4 * width, **halve)),
            *(_ResidualBlock(4 * width) for _ in range(blocks)),
            *_normed(nn.ConvTranspose2d(4 * width, 2 * width, **double)),
            *_normed(nn.ConvTranspose2d(2 * width, width, **double)),
            nn.Conv2d(width, optical_bands, 7, padding=3, **_REFLECT),
        )

    def forward(self, images: Tensor, size: tuple[int, int], depth: bool = False) -> Translation:
        """Resize images (N, B, H, W) to ``size`` (height, width) and translate them."""
        if depth:
            raise UserError(
                'ResNetGenerator predicts no depth: set model.dsl_weight=0 and model.dccl_weight=0.'
            )
        if min(size) < 8 or any(side % 4 for side in size):
            raise UserError(
                'ResNetGenerator halves images twice, and pads by reflection, which is not '
                f'possible for {size[1]}×{size[0]}: use sides of 8 or more that are multiples of 4.'
            )
        return Translation(torch.tanh(self.layers(resized(images, size))), None)


class _ResidualBlock(nn.Module):
    """Add the output of two convolutions to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1, **_REFLECT) for _ in range(2))
        self.layers = nn.Sequential(*_normed(first), *_normed(second)[:-1])

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features)


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    """Return a convolution, its instance norm and ReLU."""
    return [convolution, nn.InstanceNorm2d(convolution.out_channels), nn.ReLU(inplace=True)]


@MODELS.register_module()
class PatchGANCritic(BaseModule):
    """Score overlapping patches of 70×70 pixels by 4×4 convolutions.

    With the default width, the layers are C64-C128-C256-C512 in the notation of the paper, and a
    last convolution to one score. The first three have stride 2, the others stride 1. Instance norm
    without weights follows all but the first and the last. ``PatchCritic`` with four entries in
    ``channels`` has convolutions of the same size, but four of stride 2, so its patches have 94×94
    pixels. Citation: P. Isola et al., "Image-to-Image Translation with Conditional Adversarial
    Networks", CVPR 2017.

    Args:
        optical_bands: Number of optical bands of the images.
        width: Output channels of the first convolution.
    """

    def __init__(
        self, optical_bands: int = 3, width: int = 64, init_cfg: dict | None = NORMAL
    ) -> None:
        super().__init__(init_cfg)
        layers: list[nn.Module] = []
        before = optical_bands
        for i, after in enumerate((width, 2 * width, 4 * width, 8 * width)):
            layers.append(nn.Conv2d(before, after, 4, stride=2 if i < 3 else 1, padding=1))
            layers += [nn.InstanceNorm2d(after)] if i else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            before = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, 1, 4, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        """Return scores (N, 1, h, w) of images (N, B, H, W)."""
        height, width = images.shape[2:]
        if min(height, width) < 24:
            raise UserError(
                'PatchGANCritic scores images of 24×24 or larger, but this one is '
                f'{width}×{height}: use larger images.'
            )
        return self.layers(images)
