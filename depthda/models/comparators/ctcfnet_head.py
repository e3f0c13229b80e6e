"""CTCFNet's decoder, which sums its maps in both directions, with its boundary loss."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.models.losses.boundary import boundary_losses


@MODELS.register_module()
class CTCFNetHead(BaseDecodeHead):
    """Decode maps that were summed from coarse to fine and from fine to coarse.

    From coarse to fine, all maps are resized to the finest one, and a 1 × 1 convolution of each sum
    is added to the next map. From fine to coarse, a pooled sum takes the place of the resized one.
    The sums of both directions are concatenated at the finest size; 3 × 3 convolutions compute
    logits at twice that size. In training, a 1 × 1 convolution of the second map predicts the
    boundaries between classes. Citation: C. Lu et al., "CTCFNet", TGRS 2024.

    Args:
        in_channels: Channels of the maps, fine to coarse.
        channels: Channels before the classifier.
        **kwargs: Passed to mmseg's ``BaseDecodeHead``.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 64, **kwargs) -> None:
        kwargs = dict(in_index=tuple(range(len(in_channels))), dropout_ratio=0.0) | kwargs
        kwargs = dict(input_transform='multiple_select', init_cfg=None) | kwargs
        super().__init__(in_channels=in_channels, channels=channels, **kwargs)
        self.down = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(self.in_channels))
        self.up = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairwise(self.in_channels))
        total = sum(self.in_channels)
        self.fuse = self._convolve(2 * total, total, total // 2, total // 4)
        self.refine = self._convolve(total // 4, 2 * channels, channels)
        self.boundary = nn.Conv2d(self.in_channels[1], 1, 1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return logits at half the size of the image."""
        maps = self._transform_inputs(inputs)
        size = maps[0].shape[2:]
        *finer, coarsest = [self._resize(each, size) for each in maps]
        fine = [coarsest]
        for conv, each in zip(reversed(self.down), reversed(finer), strict=True):
            fine.append(conv(fine[-1]) + each)
        coarse = [maps[0]]
        for conv, each in zip(self.up, maps[1:], strict=True):
            coarse.append(conv(F.max_pool2d(coarse[-1], 3, stride=2, padding=1)) + each)
        both = fine[::-1] + [self._resize(each, size) for each in coarse]
        fused = self.fuse(torch.cat(both, 1))
        return self.cls_seg(self.refine(self._resize(fused, [2 * side for side in size])))

    def loss(
        self, inputs: Sequence[Tensor], batch_data_samples: SampleList, train_cfg: ConfigType
    ) -> dict[str, Tensor]:
        """Compute the losses of the classes and of their boundaries."""
        losses = super().loss(inputs, batch_data_samples, train_cfg)
        labels = self._stack_batch_gt(batch_data_samples)[:, 0]
        logits = self.boundary(self._transform_inputs(inputs)[1])
        logits = self._resize(logits, labels.shape[1:])
        return losses | boundary_losses(logits, labels, self.ignore_index)

    def _resize(self, maps: Tensor, size: Sequence[int]) -> Tensor:
        return resize(maps, size, mode='bilinear', align_corners=self.align_corners)

    def _convolve(self, *widths: int) -> nn.Sequential:
        layers = dict(padding=1, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        return nn.Sequential(*(ConvModule(a, b, 3, **layers) for a, b in pairwise(widths)))
