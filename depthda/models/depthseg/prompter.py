"""DepthSeg's adapter on top of the frozen encoder, and its prompter, which reads depth features."""

from collections.abc import Sequence
from functools import partial

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.models.tensors import NORM


@MODELS.register_module()
class LightweightAdapter(BaseModule):
    """Apply a 1×1 convolution, batch norm and ReLU to each feature map; shapes do not change.

    Args:
        channels: Channels of each feature map of the encoder.
        norm_cfg: Norm after each convolution.
    """

    def __init__(
        self, channels: Sequence[int], norm_cfg: ConfigType = NORM, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.blocks = nn.ModuleList(
            ConvModule(width, width, kernel_size=1, norm_cfg=norm_cfg) for width in channels
        )

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(block(maps) for block, maps in zip(self.blocks, features, strict=True))


@MODELS.register_module()
class DepthPrompter(BaseModule):
    """Compute four prompts by a shallow block and four deep blocks, which return one prompt each.

    The depth features have 2, 4 and 8 times the size of the patch grid. The shallow block halves
    the finest feature. Each deep block adds the result of two convolutions to its input; the sum is
    a prompt and the input of the next block. The first two deep blocks also read the depth feature
    of their output's size. The prompts have 4, 2, 1 and ½ times the size of the grid.

    Args:
        in_channels: Channels of the depth features.
        channels: Channels of the prompts.
        norm_cfg: Norm of the blocks.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        norm_cfg: ConfigType = NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.shallow = ConvModule(in_channels, channels, 3, stride=2, padding=1, norm_cfg=norm_cfg)
        self.deep = nn.ModuleList(
            _DeepBlock(channels, stride, skipped, norm_cfg)
            for stride, skipped in ((1, in_channels), (2, in_channels), (2, 0), (2, 0))
        )

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return prompts, fine to coarse, for three depth features (N, C, h, w), coarse to fine."""
        double, fourfold, finest = features
        prompt, prompts = self.shallow(finest), []
        for block, skipped in zip(self.deep, (fourfold, double, None, None), strict=True):
            prompt = block(prompt, skipped)
            prompts.append(prompt)
        return tuple(prompts)


class _DeepBlock(BaseModule):
    """Add the result of two convolutions, over the prompt and a depth feature, to the prompt."""

    def __init__(self, channels: int, stride: int, skipped: int, norm_cfg: ConfigType) -> None:
        super().__init__()
        convolve = partial(ConvModule, channels, channels, 3, padding=1, norm_cfg=norm_cfg)
        self.halve = stride == 2
        self.passed = convolve(stride=stride)
        # A skipped feature already has the size of this block's output.
        self.skipped = ConvModule(skipped, channels, 1, norm_cfg=norm_cfg) if skipped else None
        self.second = convolve(act_cfg=None)
        self.activate = nn.ReLU(inplace=True)

    def forward(self, prompt: Tensor, skipped: Tensor | None) -> Tensor:
        encoded = self.passed(prompt)
        if self.skipped is not None:
            encoded = encoded + self.skipped(skipped)
        if self.halve:
            prompt = _halved(prompt)
        return self.activate(prompt + self.second(encoded))


def _halved(maps: Tensor) -> Tensor:
    """Halve maps (N, C, H, W) by averages; sizes round up, as in a convolution of stride 2."""
    if not torch.compiler.is_exporting():
        return nn.functional.avg_pool2d(maps, 2, ceil_mode=True)
    # With ceil_mode torch compares sizes, which a program exported for all sizes cannot do.
    # Repeating the last row or column of an odd side gives the same averages.
    for dim in (2, 3):
        side = maps.shape[dim]
        indices = torch.arange(2 * ((side - 1) // 2 + 1), device=maps.device)
        maps = maps.index_select(dim, indices.clamp(max=side - 1))
    return nn.functional.avg_pool2d(maps, 2)
