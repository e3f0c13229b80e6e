"""DepthSeg's semantic decoder, which combines depth prompts and image features layer by layer."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.features import GuidedFeatures


@MODELS.register_module()
class DepthSegHead(BaseDecodeHead):
    """Decode from coarse to fine: an input layer, three intermediate layers and an output layer.

    The four feature maps of a plain ViT have the same size. They are resampled to 4, 2, 1 and ½
    times that size, as in a dense prediction transformer. The input layer combines the coarsest map
    with its prompt. Each intermediate layer combines the output of the previous layer, the next
    finer map and its prompt. The output layer doubles the size once more and computes logits.

    Args:
        in_channels: Channels of the four feature maps.
        channels: Channels of all layers.
        prompt_channels: Channels of the prompts; 0 means no prompts.
        **kwargs: Further arguments of mmseg's decode heads.
    """

    def __init__(
        self, in_channels: Sequence[int], channels: int, prompt_channels: int = 0, **kwargs
    ) -> None:
        kwargs = dict(in_index=(0, 1, 2, 3), input_transform='multiple_select') | kwargs
        super().__init__(in_channels=in_channels, channels=channels, **kwargs)
        if len(self.in_channels) != 4:
            raise UserError(f'DepthSegHead needs four feature maps, not {len(self.in_channels)}.')
        self.prompt_channels = prompt_channels
        resamplers = (
            nn.ConvTranspose2d(channels, channels, 4, stride=4),
            nn.ConvTranspose2d(channels, channels, 2, stride=2),
            nn.Identity(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        )
        self.reassemble = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, channels, 1), resample)
            for width, resample in zip(self.in_channels, resamplers, strict=True)
        )
        self.input_layer = self._combine(channels + prompt_channels)
        self.intermediate_layers = nn.ModuleList(
            self._combine(2 * channels + prompt_channels) for _ in range(3)
        )
        self.output_layer = self._convolve(channels)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return logits at eight times the size of the patch grid."""
        features = self._transform_inputs(inputs)
        features = [layer(maps) for layer, maps in zip(self.reassemble, features, strict=True)]
        prompts = [(), (), (), ()]
        if self.prompt_channels:
            if not isinstance(inputs, GuidedFeatures):
                raise UserError(
                    f'DepthSegHead has prompt_channels={self.prompt_channels} but got no prompts: '
                    'set depth_decoder and prompter of the model, or remove prompt_channels.'
                )
            prompts = [(prompt,) for prompt in inputs.depth]
        decoded = self.input_layer(torch.cat([features[3], *prompts[3]], dim=1))
        for layer, index in zip(self.intermediate_layers, (2, 1, 0), strict=True):
            decoded = self._resize(decoded, features[index].shape[2:])
            decoded = layer(torch.cat([decoded, features[index], *prompts[index]], dim=1))
        height, width = decoded.shape[2:]
        return self.cls_seg(self.output_layer(self._resize(decoded, (2 * height, 2 * width))))

    def _resize(self, features: Tensor, size: Sequence[int]) -> Tensor:
        return resize(features, size, mode='bilinear', align_corners=self.align_corners)

    def _combine(self, width: int) -> nn.Sequential:
        return nn.Sequential(self._convolve(width, kernel_size=1), self._convolve(self.channels))

    def _convolve(self, width: int, kernel_size: int = 3) -> ConvModule:
        layers = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        return ConvModule(width, self.channels, kernel_size, padding=kernel_size // 2, **layers)
