"""The decoder of ST-UNet, which is that of a U-Net."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class STUNetHead(BaseDecodeHead):
    """Decode from coarse to fine by transposed convolutions that double the size.

    A 3 × 3 convolution processes the coarsest map. Each step doubles the size, halves the channels,
    concatenates the next finer map and applies two 3 × 3 convolutions. The last two steps have no
    map to concatenate; the logits have the size of the image. Citation: X. He et al., "Swin
    Transformer Embedding UNet for Remote Sensing Image Semantic Segmentation", TGRS 2022.

    Args:
        in_channels: Channels of the maps, fine to coarse.
        channels: Channels before the classifier, a 3 × 3 convolution.
        **kwargs: Passed to mmseg's ``BaseDecodeHead``.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 16, **kwargs) -> None:
        kwargs = dict(in_index=tuple(range(len(in_channels))), dropout_ratio=0.0) | kwargs
        kwargs = dict(input_transform='multiple_select', init_cfg=None) | kwargs
        super().__init__(in_channels=in_channels, channels=channels, **kwargs)
        finest, *_, coarsest = self.in_channels
        self.enter = self._convolve(coarsest, coarsest)
        self.ups, self.merges = nn.ModuleList(), nn.ModuleList()
        width = coarsest
        for skip in reversed(self.in_channels[:-1]):
            self.ups.append(nn.ConvTranspose2d(width, width // 2, 2, stride=2))
            merged = self._convolve(width // 2 + skip, skip), self._convolve(skip, skip)
            self.merges.append(nn.Sequential(*merged))
            width = skip
        self.leave = nn.Sequential(
            nn.ConvTranspose2d(finest, finest // 2, 2, stride=2),
            self._convolve(finest // 2, finest // 2),
            self._convolve(finest // 2, finest // 2),
            nn.ConvTranspose2d(finest // 2, channels, 2, stride=2),
        )
        self.conv_seg = nn.Conv2d(channels, self.out_channels, 3, padding=1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        *skips, maps = self._transform_inputs(inputs)
        maps = self.enter(maps)
        for up, merge, skip in zip(self.ups, self.merges, reversed(skips), strict=True):
            maps = merge(torch.cat([up(maps), skip], 1))
        return self.cls_seg(self.leave(maps))

    def _convolve(self, width: int, out: int) -> ConvModule:
        return ConvModule(width, out, 3, padding=1, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
