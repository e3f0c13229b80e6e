"""DepthSeg's semantic decoder: depth prompts and image features, coupled layer by layer."""

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
    """Input layer, three intermediate layers, output layer, from coarse to fine.

    The four feature maps of a plain ViT have one size; they are reassembled at 4, 2, 1 and ½ of
    it, as a dense prediction transformer does. The input layer couples the coarsest with its
    prompt; each intermediate layer couples what it was passed, the next finer features and their
    prompt; the output layer doubles the size once more and makes logits.

    Args:
        in_channels: Of the four feature maps.
        channels: Of all layers.
        prompt_channels: Of the prompts; 0: there are none, and nothing is built for them.
        **kwargs: As every decode head of mmseg has them.
    """

    def __init__(
        self, in_channels: Sequence[int], channels: int, prompt_channels: int = 0, **kwargs
    ) -> None:
        kwargs = dict(in_index=(0, 1, 2, 3), input_transform='multiple_select') | kwargs
        super().__init__(in_channels=in_channels, channels=channels, **kwargs)
        if len(self.in_channels) != 4:
            raise UserError(f'DepthSegHead takes four feature maps, not {len(self.in_channels)}.')
        self.prompt_channels = prompt_channels
        self.reassemble = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, channels, 1), resample)
            for width, resample in zip(
                self.in_channels,
                (
                    nn.ConvTranspose2d(channels, channels, 4, stride=4),
                    nn.ConvTranspose2d(channels, channels, 2, stride=2),
                    nn.Identity(),
                    nn.Conv2d(channels, channels, 3, stride=2, padding=1),
                ),
                strict=True,
            )
        )
        self.input_layer = self._couple(channels + prompt_channels)
        self.intermediate_layers = nn.ModuleList(
            self._couple(2 * channels + prompt_channels) for _ in range(3)
        )
        self.output_layer = self._convolve(channels)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits at eight times the patch grid."""
        features = self._transform_inputs(inputs)
        features = [layer(each) for layer, each in zip(self.reassemble, features, strict=True)]
        prompts = [(), (), (), ()]
        if self.prompt_channels:
            if not isinstance(inputs, GuidedFeatures):
                raise UserError(
                    f'DepthSegHead has prompt_channels={self.prompt_channels} but got no prompts: '
                    'give the model a depth_decoder and a prompter, or drop prompt_channels.'
                )
            prompts = [(prompt,) for prompt in inputs.depth]
        passed = self.input_layer(torch.cat([features[3], *prompts[3]], dim=1))
        for layer, scale in zip(self.intermediate_layers, (2, 1, 0), strict=True):
            passed = self._resize(passed, features[scale].shape[2:])
            passed = layer(torch.cat([passed, features[scale], *prompts[scale]], dim=1))
        height, width = passed.shape[2:]
        return self.cls_seg(self.output_layer(self._resize(passed, (2 * height, 2 * width))))

    def _resize(self, features: Tensor, size: Sequence[int]) -> Tensor:
        return resize(features, size, mode='bilinear', align_corners=self.align_corners)

    def _couple(self, width: int) -> nn.Sequential:
        return nn.Sequential(self._convolve(width, kernel_size=1), self._convolve(self.channels))

    def _convolve(self, width: int, kernel_size: int = 3) -> ConvModule:
        return ConvModule(
            width,
            self.channels,
            kernel_size,
            padding=kernel_size // 2,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
