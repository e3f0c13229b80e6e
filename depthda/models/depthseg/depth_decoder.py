"""DepthSeg's depth decoder: the dense prediction transformer of Depth Anything, to be trained."""

from collections.abc import Sequence
from typing import NamedTuple

from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.depth.monocular.depth_anything import load_depth_anything
from depthda.errors import UserError


class DepthPrediction(NamedTuple):
    """A depth map (N, 1, H, W), and the features it was made of: coarse to fine, thrice doubled."""

    depth: Tensor
    features: tuple[Tensor, Tensor, Tensor]


@MODELS.register_module()
class DepthDecoder(BaseModule):
    """Depth from the feature maps of a plain ViT, as Depth Anything does it.

    Neck and head are those of ``transformers``: four maps of one size are reassembled at 4, 2, 1
    and ½ of it and fused from coarse to fine; two convolutions make depth of the finest, at the
    size of the image. The three finest fused maps (2, 4 and 8 times the patch grid) go to the
    prompter. Depth ends in a ReLU; without ``weights`` its bias starts at .5, the middle of a
    teacher map, for a ReLU that starts at 0 everywhere learns nothing.

    Args:
        in_channels: Of the encoder.
        patch_size: Of the encoder; the depth map has that many pixels a patch.
        channels: Of the fused maps: 64, 128, 256 in Depth Anything's S, B, L.
        reassemble_channels: Of the four reassembled maps.
        head_channels: Of the last convolution before depth.
        scale: Factor on depth. Depth Anything predicts values far above 1, teacher maps end at 1.
        weights: Hub id or local folder of a Depth Anything checkpoint to start from; its encoder
            is not taken.
    """

    def __init__(
        self,
        in_channels: int,
        patch_size: int = 14,
        channels: int = 64,
        reassemble_channels: Sequence[int] = (48, 96, 192, 384),
        head_channels: int = 32,
        scale: float = 1.0,
        weights: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        # Here, for it takes a second: most models have no part of it.
        from transformers import DepthAnythingConfig
        from transformers.models.depth_anything.modeling_depth_anything import (
            DepthAnythingDepthEstimationHead,
            DepthAnythingNeck,
        )

        super().__init__(init_cfg)
        if len(reassemble_channels) != 4:
            raise UserError(
                f'DepthDecoder: reassemble_channels={tuple(reassemble_channels)}: give four.'
            )
        config = DepthAnythingConfig(
            patch_size=patch_size,
            reassemble_hidden_size=in_channels,
            reassemble_factors=[4, 2, 1, 0.5],
            neck_hidden_sizes=list(reassemble_channels),
            fusion_hidden_size=channels,
            head_hidden_size=head_channels,
        )
        self.neck = DepthAnythingNeck(config)
        self.head = DepthAnythingDepthEstimationHead(config)
        # It fuses nothing with the coarsest map, so this part would wait for a gradient in vain.
        self.neck.fusion_stage.layers[0].residual_layer1.requires_grad_(False)
        self.scale = scale
        self.weights = weights

    def init_weights(self) -> None:
        if self.is_init:
            return
        if self.weights is None:
            nn.init.constant_(self.head.conv3.bias, 0.5)
        else:
            self._load(self.weights)
        self.is_init = True

    def forward(self, features: Sequence[Tensor]) -> DepthPrediction:
        """Depth from four feature maps (N, C, h, w) of the encoder."""
        # As the neck does it, but for the class token, which is cut off already.
        maps = [
            convolution(layer(each))
            for layer, convolution, each in zip(
                self.neck.reassemble_stage.layers, self.neck.convs, features, strict=True
            )
        ]
        fused = self.neck.fusion_stage(maps)
        depth = self.head(fused, *features[0].shape[2:])
        return DepthPrediction(self.scale * depth.unsqueeze(1), tuple(fused[1:]))

    def _load(self, weights: str) -> None:
        """Copy neck and head, key by key, and say what was taken."""
        theirs = load_depth_anything(weights)
        for name in ('neck', 'head'):
            ours, source = getattr(self, name), getattr(theirs, name).state_dict()
            wanted = ours.state_dict()
            odd = [
                f'{name}.{key}'
                for key in wanted.keys() | source.keys()
                if key not in source or key not in wanted or source[key].shape != wanted[key].shape
            ]
            if odd:
                raise UserError(
                    f'The neck and head of {weights!r} are not those of this DepthDecoder '
                    f'({len(odd)} tensors differ, {min(odd)} among them): set channels, '
                    'reassemble_channels, head_channels and in_channels to those of the '
                    'checkpoint.'
                )
            ours.load_state_dict(source)
            print_log(f'DepthDecoder: {len(wanted)} tensors of {name} from {weights}', 'current')
        encoder = sum(1 for _ in theirs.backbone.parameters())
        print_log(f'DepthDecoder: {encoder} tensors of its encoder not taken', 'current')
