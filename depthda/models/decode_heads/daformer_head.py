"""The decoder of DAFormer: all stages in one map, then an ASPP of separable convolutions."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class DAFormerHead(BaseDecodeHead):
    """Embed each stage, and fuse all at the finest resolution by parallel dilated convolutions.

    A 1 × 1 convolution projects each stage to ``embed_channels``, and the result is resized to the
    finest stage. The concatenated stages go through one branch per dilation (a 1 × 1 convolution
    for a dilation of 1, else a depthwise-separable 3 × 3 one). A 3 × 3 convolution joins the
    branches. Citation: L. Hoyer et al., "DAFormer", CVPR 2022.

    Args:
        embed_channels: Channels of each embedded stage.
        dilations: Dilations of the branches.
        **kwargs: Passed to mmseg's ``BaseDecodeHead``.
    """

    def __init__(
        self, embed_channels: int = 256, dilations: Sequence[int] = (1, 6, 12, 18), **kwargs
    ) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        self.embeddings = nn.ModuleList(
            nn.Conv2d(channels, embed_channels, 1) for channels in self.in_channels
        )
        fused = embed_channels * len(self.in_channels)
        layers = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        self.branches = nn.ModuleList(
            ConvModule(fused, self.channels, 1, **layers)
            if dilation == 1
            else DepthwiseSeparableConvModule(
                fused, self.channels, 3, dilation=dilation, padding=dilation, **layers
            )
            for dilation in dilations
        )
        joined = len(dilations) * self.channels
        self.bottleneck = ConvModule(joined, self.channels, 3, padding=1, **layers)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        maps = self._transform_inputs(inputs)
        size = maps[0].shape[2:]
        embedded = [
            resize(embed(x), size, mode='bilinear', align_corners=self.align_corners)
            for embed, x in zip(self.embeddings, maps, strict=True)
        ]
        fused = torch.cat(embedded, 1)
        branches = torch.cat([branch(fused) for branch in self.branches], 1)
        return self.cls_seg(self.bottleneck(branches))
