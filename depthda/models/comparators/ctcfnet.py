"""CTCFNet's two encoders: a pyramid transformer and a CNN, whose maps are merged at each stage."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmengine.model import BaseModule
from mmseg.models.backbones.twins import GSAEncoderLayer
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.models.comparators.layers import check_sides
from depthda.models.tensors import NORM, resized

_POOLS = (3, 5, 7)  # sides of the windows that are pooled, besides the whole map


class SeparableBlock(nn.Module):
    """Halve maps by separable 3 × 3 convolutions, and add the pooled input.

    Args:
        width, out: Channels of the input and of the output.
        count: Number of convolutions.
        norm_cfg: Norm after each convolution.
    """

    def __init__(self, width: int, out: int, count: int, norm_cfg: ConfigType) -> None:
        super().__init__()
        layers = dict(norm_cfg=norm_cfg, dw_act_cfg=None)
        self.convs = nn.Sequential(
            *(
                DepthwiseSeparableConvModule(
                    out if i else width, out, 3, stride=1 if i else 2, padding=1, **layers
                )
                for i in range(count)
            )
        )
        self.shortcut = nn.Sequential(
            nn.MaxPool2d(3, stride=2, padding=1),
            DepthwiseSeparableConvModule(
                width, out, 1, **layers, pw_norm_cfg=None, pw_act_cfg=None
            ),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return self.convs(maps) + self.shortcut(maps)


class FeatureAggregation(nn.Module):
    """Merge the maps c of the CNN and t of the transformer in one stage (FAM).

    Three branches are concatenated:

    1. c, with four pooled copies of it (its mean, and maxima over windows), which share a 1 × 1
       convolution;
    2. c and t together;
    3. t, with channels weighted by the maxima of the second branch.

    Args:
        cnn_channels: Channels of c.
        channels: Channels of t and of the result.
        norm_cfg: Norm of the convolutions.
    """

    def __init__(self, cnn_channels: int, channels: int, norm_cfg: ConfigType) -> None:
        super().__init__()
        layers = dict(padding=1, norm_cfg=norm_cfg, act_cfg=dict(type='GELU'))
        self.reduce = nn.Conv2d(cnn_channels, cnn_channels // 5, 1)
        self.local = nn.Conv2d(cnn_channels + 4 * (cnn_channels // 5), channels, 3, padding=1)
        self.mixed = ConvModule(cnn_channels + channels, channels, 3, **layers)
        self.gate = nn.Sequential(
            nn.AdaptiveMaxPool2d(1),
            nn.Conv2d(channels, channels // 4, 1),
            nn.GELU(),
            nn.Conv2d(channels // 4, channels, 1),
            nn.Sigmoid(),
        )
        self.merge = ConvModule(3 * channels, channels, 3, **layers)

    def forward(self, cnn: Tensor, transformer: Tensor) -> Tensor:
        size = cnn.shape[2:]
        pooled = [cnn.mean((2, 3), keepdim=True)]
        for side in _POOLS:  # a map smaller than a window is pooled as a whole
            pooled.append(F.max_pool2d(cnn, [min(side, length) for length in size]))
        copies = [
            F.interpolate(self.reduce(each), size, mode='bilinear', align_corners=True)
            for each in pooled
        ]
        local = self.local(torch.cat([*copies, cnn], 1))
        mixed = self.mixed(torch.cat([cnn, transformer], 1))
        return self.merge(torch.cat([local, mixed, self.gate(mixed) * transformer], 1))


class PyramidStage(nn.Module):
    """A stage of a pyramid vision transformer: patches, learned positions, blocks.

    Positions are interpolated for maps of another size than ``grid``.

    Args:
        width, channels: Channels of the input and of the output.
        patch: Side of a patch.
        grid: Side of the map for which positions are learned.
        depth: Number of blocks.
        num_heads: Number of attention heads.
        sr_ratio: Factor by which the keys and values of the attention are reduced.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        patch: int,
        grid: int,
        depth: int,
        num_heads: int,
        sr_ratio: int,
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(width, channels, patch, stride=patch)
        self.norm = nn.LayerNorm(channels)
        self.positions = nn.Parameter(torch.zeros(1, channels, grid, grid))
        nn.init.trunc_normal_(self.positions, std=0.09)
        self.blocks = nn.ModuleList(
            GSAEncoderLayer(channels, num_heads, 4 * channels, sr_ratio=sr_ratio)
            for _ in range(depth)
        )

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.patches(maps)
        size = maps.shape[2:]
        tokens = self.norm(maps.flatten(2).transpose(1, 2))
        tokens = tokens + resized(self.positions, size).flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens, size)
        return tokens.transpose(1, 2).unflatten(2, size)


@MODELS.register_module()
class CTCFNet(BaseModule):
    """Encode images by a pyramid transformer and a CNN that both read the merged maps.

    Feature aggregation (FAM) merges the maps of both at each of four stages, and each stage of
    either reads what was merged before. Sides of images must be multiples of 32. Citation: C. Lu
    et al., "CTCFNet: CNN-Transformer Complementary and Fusion Network for High-Resolution Remote
    Sensing Image Semantic Segmentation", TGRS 2024.

    Args:
        in_channels: Bands of the images.
        image_size: Side of the images for which positions are learned, a multiple of 32.
        embed_dims: Channels of the stages of the transformer, and of the merged maps.
        cnn_channels: Channels of the stages of the CNN.
        depths, num_heads, sr_ratios: Blocks of each stage of the transformer, their attention heads
            and the factor by which keys and values are reduced.
        norm_cfg: Norm of the convolutions.
    """

    def __init__(
        self,
        in_channels: int = 3,
        image_size: int = 256,
        embed_dims: Sequence[int] = (64, 128, 320, 512),
        cnn_channels: Sequence[int] = (128, 128, 256, 640),
        depths: Sequence[int] = (3, 3, 6, 3),
        num_heads: Sequence[int] = (1, 2, 5, 8),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        norm_cfg: ConfigType = NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.cnn, self.transformer, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        stages = zip(embed_dims, cnn_channels, depths, num_heads, sr_ratios, strict=True)
        before = in_channels
        for i, (dims, cnn, *blocks) in enumerate(stages):
            if i:
                block = SeparableBlock(before, cnn, 2 if i == 1 else 3, norm_cfg)
            else:
                block = nn.Sequential(
                    SeparableBlock(before, cnn // 2, 2, norm_cfg),
                    SeparableBlock(cnn // 2, cnn, 2, norm_cfg),
                )
            self.cnn.append(block)
            grid = image_size // (4 * 2**i)
            self.transformer.append(PyramidStage(before, dims, 2 if i else 4, grid, *blocks))
            self.merge.append(FeatureAggregation(cnn, dims, norm_cfg))
            before = dims

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the merged maps of the stages, at 1/4 to 1/32 of the size of the images."""
        check_sides('CTCFNet', images)
        maps, merged = images, []
        for cnn, transformer, merge in zip(self.cnn, self.transformer, self.merge, strict=True):
            maps = merge(cnn(maps), transformer(maps))
            merged.append(maps)
        return tuple(merged)
