"""ST-UNet's two encoders: a CNN, and a Swin transformer that informs it at each stage."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmseg.models.backbones.swin import SwinBlock
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.models.comparators.layers import check_sides
from depthda.models.comparators.st_unet_modules import (
    FeatureCompression,
    RelationalAggregation,
    SpatialInteraction,
)
from depthda.models.tensors import NORM


class StandardizedConv(nn.Conv2d):
    """A convolution whose weights have mean 0 and variance 1 for each output channel.

    Citation: S. Qiao et al., "Weight Standardization", 2019.
    """

    def forward(self, maps: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, (1, 2, 3), correction=0, keepdim=True)
        return self._conv_forward(maps, (self.weight - mean) / (variance + 1e-5).sqrt(), self.bias)


def _convolve(width: int, out: int, size: int, stride: int = 1, groups: int = 32) -> nn.Sequential:
    padding = size // 2
    conv = StandardizedConv(width, out, size, stride=stride, padding=padding, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(min(groups, out), out, eps=1e-6))


class StandardizedBottleneck(nn.Module):
    """The bottleneck of a ResNet-50 with standardised weights and group norm.

    Args:
        width: Channels of the input.
        out: Channels of the output, four times those within.
        stride: Stride of the 3 × 3 convolution.
    """

    def __init__(self, width: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _convolve(width, out // 4, 1),
            nn.ReLU(),
            _convolve(out // 4, out // 4, 3, stride),
            nn.ReLU(),
            _convolve(out // 4, out, 1),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or width != out:
            self.shortcut = _convolve(width, out, 1, stride, groups=out)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.branch(maps) + self.shortcut(maps))


class _SwinBlock(SwinBlock):
    """mmseg's block, which does not shift the windows of a map that is a single window."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.shift = self.attn.shift_size

    def forward(self, tokens: Tensor, size: Sequence[int]) -> Tensor:
        self.attn.shift_size = self.shift if min(size) > self.attn.window_size else 0
        return super().forward(tokens, size)


class InteractingSwinStage(nn.Module):
    """A stage of a Swin transformer that adds spatial interaction to each pair of blocks.

    The pairs share one module for it, as in the released code.

    Args:
        channels: Channels of the maps.
        num_heads: Number of attention heads.
        window_size: Side of the windows.
        drop_path_rates: Rate of drop-path of each block.
        norm_cfg: Norm of the spatial interaction.
    """

    def __init__(
        self,
        channels: int,
        num_heads: int,
        window_size: int,
        drop_path_rates: Sequence[float],
        norm_cfg: ConfigType,
    ) -> None:
        super().__init__()
        self.interact = SpatialInteraction(channels, norm_cfg)
        settings = dict(
            embed_dims=channels,
            num_heads=num_heads,
            feedforward_channels=4 * channels,
            window_size=window_size,
        )
        self.blocks = nn.ModuleList(
            _SwinBlock(**settings, shift=bool(i % 2), drop_path_rate=rate)
            for i, rate in enumerate(drop_path_rates)
        )

    def forward(self, maps: Tensor) -> Tensor:
        size = maps.shape[2:]
        for i in range(0, len(self.blocks), 2):
            spatial = self.interact(maps)
            tokens = maps.flatten(2).transpose(1, 2)
            for block in self.blocks[i : i + 2]:
                tokens = block(tokens, size)
            maps = tokens.transpose(1, 2).unflatten(2, size) + spatial
        return maps


@MODELS.register_module()
class STUNet(BaseModule):
    """Encode images by a CNN that takes in the maps of a Swin transformer at each of four stages.

    The CNN is a ResNet-50 of half the width with standardised weights and group norm. The
    transformer is a Swin-T with spatial interaction (SIM) in its blocks and feature compression
    (FCM) between its stages. Relational aggregation (RAM) joins both; its result goes to the
    decoder and to the next stage of the CNN. Sides of images must be multiples of 32.
    Citation: X. He et al., "Swin Transformer Embedding UNet for Remote Sensing Image Semantic
    Segmentation", TGRS 2022.

    Args:
        in_channels: Bands of the images.
        width: Channels of the CNN before its stages, which have 4, 8, 16 and 32 times as many.
        units: Bottlenecks of each stage of the CNN.
        embed_dims: Channels of the first stage of the transformer; each stage doubles them.
        depths: Blocks of each stage of the transformer.
        num_heads: Attention heads of each stage of the transformer.
        window_size: Side of the windows of the transformer.
        drop_path_rate: Rate of drop-path of the last block; it rises from 0.
        norm_cfg: Norm of SIM, FCM and RAM.
    """

    def __init__(
        self,
        in_channels: int = 3,
        width: int = 32,
        units: Sequence[int] = (3, 4, 6, 3),
        embed_dims: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 8,
        drop_path_rate: float = 0.1,
        norm_cfg: ConfigType = NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.stem = nn.Sequential(
            StandardizedConv(in_channels, width, 7, stride=2, padding=3, bias=False),
            nn.GroupNorm(min(32, width), width, eps=1e-6),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.patches = nn.Conv2d(in_channels, embed_dims, 8, stride=4, padding=2)
        self.patch_norm = nn.LayerNorm(embed_dims)
        last = max(sum(depths) - 1, 1)
        rates = iter([drop_path_rate * i / last for i in range(sum(depths))])
        self.cnn, self.swin, self.join = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.compress = nn.ModuleList()
        for i, (count, depth, heads) in enumerate(zip(units, depths, num_heads, strict=True)):
            channels, dims = 2 ** (i + 2) * width, 2**i * embed_dims
            before = channels // 2 if i else width
            bottlenecks = [StandardizedBottleneck(before, channels, 2 if i else 1)]
            bottlenecks += [StandardizedBottleneck(channels, channels) for _ in range(count - 1)]
            self.cnn.append(nn.Sequential(*bottlenecks))
            if i:
                self.compress.append(FeatureCompression(dims // 2, norm_cfg))
            own = [next(rates) for _ in range(depth)]
            self.swin.append(InteractingSwinStage(dims, heads, window_size, own, norm_cfg))
            self.join.append(RelationalAggregation(channels, dims, norm_cfg))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the joined maps of the stages, at 1/4 to 1/32 of the size of the images."""
        check_sides('STUNet', images)
        maps, swin = self.stem(images), self.patches(images)
        swin = self.patch_norm(swin.movedim(1, -1)).movedim(-1, 1)
        joined = []
        for i, (stage, swin_stage, join) in enumerate(
            zip(self.cnn, self.swin, self.join, strict=True)
        ):
            if i:
                swin = self.compress[i - 1](swin)
            swin = swin_stage(swin)
            maps = join(stage(maps), swin)
            joined.append(maps)
        return tuple(joined)
