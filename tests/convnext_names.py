"""A small ConvNeXt, implemented from the paper, with the parameter names of mmpretrain."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def forward(self, inputs: Tensor) -> Tensor:
        last = inputs.movedim(1, -1)
        return layer_norm(last, self.normalized_shape, self.weight, self.bias, 1e-6).movedim(-1, 1)


class Block(nn.Module):
    """A residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise_conv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = ChannelNorm(width)
        self.pointwise_conv1 = nn.Linear(width, 4 * width)
        self.pointwise_conv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 0.7))

    def forward(self, inputs: Tensor) -> Tensor:
        inner = self.norm(self.depthwise_conv(inputs)).movedim(1, -1)
        inner = self.pointwise_conv2(gelu(self.pointwise_conv1(inner)))
        return inputs + (inner * self.gamma).movedim(-1, 1)


class SmallConvNeXt(BaseModule):
    """A ConvNeXt with four normalised feature maps of strides 4 to 32."""

    def __init__(self, widths=(8, 16, 24, 32), depths=(1, 2, 1, 1), bands: int = 3) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(bands, widths[0], 4, 4), ChannelNorm(widths[0]))
        steps = [
            nn.Sequential(ChannelNorm(before), nn.Conv2d(before, width, 2, 2))
            for before, width in zip(widths, widths[1:], strict=False)
        ]
        self.downsample_layers = nn.ModuleList([stem, *steps])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for width, depth in zip(widths, depths, strict=True)
        )
        for stage, width in enumerate(widths):
            self.add_module(f'norm{stage}', ChannelNorm(width))

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        features = []
        for stage, blocks in enumerate(self.stages):
            inputs = blocks(self.downsample_layers[stage](inputs))
            features.append(getattr(self, f'norm{stage}')(inputs))
        return tuple(features)
