"""DepthSeg's depth decoder, the dense prediction transformer of Depth Anything."""

from collections.abc import Sequence
from typing import NamedTuple

from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.depth.monocular.depth_anything import load_depth_anything
from depthda.errors import UserError


class DepthPrediction(NamedTuple):
    """A depth map (N, 1, H, W), and three feature maps, each twice the size of the previous one."""

    depth: Tensor
    features: tuple[Tensor, Tensor, Tensor]


@MODELS.register_module()
class DepthDecoder(BaseModule):
    """Predict depth from the feature maps of a plain ViT, as Depth Anything does.

    Neck and head are those of ``transformers``. Four maps of the same size are resampled to 4, 2, 1
    and ½ times that size and fused from coarse to fine. Convolutions turn the finest map into depth
    at the size of the image. The three finest fused maps (2, 4 and 8 times the patch grid) go to
    the prompter. The last layer is a ReLU. Without ``weights`` its bias starts at .5, the middle of
    the teacher's range, because a ReLU whose input starts below 0 everywhere learns nothing.

    Args:
        in_channels: Channels of the encoder.
        patch_size: Side in pixels of an encoder's patch, and of the area of the depth map that is
            predicted for it.
        channels: Channels of the fused maps (64, 128, 256 in Depth Anything S, B, L).
        reassemble_channels: Channels of the four resampled maps.
        head_channels: Channels of the last convolution before depth.
        scale: Factor for predicted depth. The teacher's maps are in [0, 1], but pretrained
            ``weights`` predict far larger values.
        weights: Hub id or local folder of a Depth Anything checkpoint for the initial weights; its
            encoder is not used.
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
        # Imported here because it takes a second and most models do not need it.
        from transformers import DepthAnythingConfig
        from transformers.models.depth_anything.modeling_depth_anything import (
            DepthAnythingDepthEstimationHead,
            DepthAnythingNeck,
        )

        super().__init__(init_cfg)
        if len(reassemble_channels) != 4:
            raise UserError(
                f'DepthDecoder needs four reassemble_channels, not {len(reassemble_channels)}.'
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
        # The first fusion layer has only one input, so this layer would never get a gradient.
        self.neck.fusion_stage.layers[0].residual_layer1.requires_grad_(False)
        self.scale = scale
        self.weights = weights

    def init_weights(self) -> None:
        """Read the pretrained weights, if any, or set the last bias."""
        if self.is_init:
            return
        if self.weights is None:
            nn.init.constant_(self.head.conv3.bias, 0.5)
        else:
            self._load(self.weights)
        self.is_init = True

    def forward(self, features: Sequence[Tensor]) -> DepthPrediction:
        """Predict depth from four feature maps (N, C, h, w) of the encoder."""
        fused = self._fuse(features)
        depth = self.head(fused, *features[0].shape[2:])
        return DepthPrediction(self.scale * depth.unsqueeze(1), tuple(fused[1:]))

    def prompt_features(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return only the features of the prediction, without computing the depth map."""
        return tuple(self._fuse(features)[1:])

    def _fuse(self, features: Sequence[Tensor]) -> list[Tensor]:
        # Like the forward of the neck, which would also remove a class token; there is none here.
        layers = zip(self.neck.reassemble_stage.layers, self.neck.convs, features, strict=True)
        maps = [convolution(layer(feature)) for layer, convolution, feature in layers]
        return self.neck.fusion_stage(maps)

    def _load(self, weights: str) -> None:
        """Copy neck and head key by key, and log how many tensors were copied."""
        pretrained = load_depth_anything(weights)
        for name in ('neck', 'head'):
            part, source = getattr(self, name), getattr(pretrained, name).state_dict()
            shapes = {(key, value.shape) for key, value in part.state_dict().items()}
            differing = dict(shapes ^ {(key, value.shape) for key, value in source.items()})
            if differing:
                raise UserError(
                    f'The neck and head of {weights!r} do not fit this DepthDecoder '
                    f'({len(differing)} tensors differ, for example {name}.{min(differing)}): set '
                    'channels, reassemble_channels, head_channels and in_channels to those of the '
                    'checkpoint.'
                )
            part.load_state_dict(source)
            print_log(f'DepthDecoder: {len(source)} tensors of {name} from {weights}', 'current')
        encoder = sum(1 for _ in pretrained.backbone.parameters())
        print_log(f'DepthDecoder: the {encoder} tensors of the encoder are not used', 'current')
