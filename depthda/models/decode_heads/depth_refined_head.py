"""Refine the logits of any head with the first-stage features of the depth encoder."""

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList, add_prefix
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.features import GuidedFeatures
from depthda.models.tensors import NORM, weighted


@MODELS.register_module()
class DepthRefinedHead(BaseModule):
    r"""Correct the logits z of a decode head by d, the first-stage features of the depth encoder.

    .. math:: z' = z + \sigma(p) \, C_1(C_3[\phi(z), \psi(d)])

    φ, ψ and C₃ are 3×3 convolutions with norm and ReLU, C₁ is a plain 1×1 convolution to the
    classes, and p is learned. The smaller of z and d is resized to the size of the larger. The
    losses of the head are computed on both z and z'; inference uses z'.

    Args:
        head: Config of any decode head that returns logits.
        depth_channels: Channels of d.
        channels: Output channels of φ, ψ and C₃.
        step: Initial value of p.
        raw_weight, refined_weight: Weights of the losses on z and on z'.
        norm_cfg: Norm in φ, ψ and C₃.
        init_cfg: Initialisation. The released code uses
            ``dict(type='Kaiming', override=dict(name='residual'))``, with which the weights of C₁
            start about seven times larger than with PyTorch's default.
    """

    def __init__(
        self,
        head: ConfigType,
        depth_channels: int,
        channels: int = 64,
        step: float = 0.3,
        raw_weight: float = 1.0,
        refined_weight: float = 1.0,
        norm_cfg: ConfigType = NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.head = MODELS.build(head)
        # The segmentor reads these from its decode head.
        for name in ('num_classes', 'out_channels', 'align_corners', 'threshold', 'ignore_index'):
            setattr(self, name, getattr(self.head, name))
        self.depth_channels = depth_channels
        self.raw_weight = raw_weight
        self.refined_weight = refined_weight
        branch = dict(kernel_size=3, padding=1, norm_cfg=norm_cfg)
        self.logits_branch = ConvModule(self.out_channels, channels, **branch)
        self.depth_branch = ConvModule(depth_channels, channels, **branch)
        self.merge = ConvModule(2 * channels, channels, **branch)
        self.residual = nn.Conv2d(channels, self.out_channels, 1)
        self.step = nn.Parameter(torch.tensor(float(step)))

    def forward(self, inputs: GuidedFeatures) -> Tensor:
        return self.refine(self._raw(inputs), inputs)

    def refine(self, logits: Tensor, inputs: GuidedFeatures) -> Tensor:
        """Correct the head's logits (N, K, h, w) with the depth features of ``inputs``."""
        depth = inputs.depth[0]
        if depth.shape[1] != self.depth_channels:
            raise UserError(
                f'DepthRefinedHead has depth_channels={self.depth_channels}, but the first stage '
                f'of the depth backbone has {depth.shape[1]} channels: set depth_channels to '
                f'{depth.shape[1]}.'
            )
        size = max(logits.shape[2:], depth.shape[2:])
        logits, depth = (
            resize(maps, size, mode='bilinear', align_corners=self.align_corners)
            for maps in (logits, depth)
        )
        branches = torch.cat([self.logits_branch(logits), self.depth_branch(depth)], dim=1)
        return logits + self.step.sigmoid() * self.residual(self.merge(branches))

    def loss(
        self, inputs: GuidedFeatures, batch_data_samples: SampleList, train_cfg: ConfigType
    ) -> dict[str, Tensor]:
        """Compute the head's losses on raw logits and, prefixed ``refined.``, on refined logits."""
        raw = self._raw(inputs)
        refined = self.refine(raw, inputs)
        losses = weighted(self.head.loss_by_feat(raw, batch_data_samples), self.raw_weight)
        after = weighted(self.head.loss_by_feat(refined, batch_data_samples), self.refined_weight)
        return losses | add_prefix(after, 'refined') | {'step': self.step.detach().sigmoid()}

    def predict(
        self, inputs: GuidedFeatures, batch_img_metas: list[dict], test_cfg: ConfigType
    ) -> Tensor:
        return self.head.predict_by_feat(self.forward(inputs), batch_img_metas)

    def _raw(self, inputs: GuidedFeatures) -> Tensor:
        if not isinstance(inputs, GuidedFeatures):
            raise UserError(
                'DepthRefinedHead needs the depth features of DualBackbone and a fusion neck, but '
                f'got {type(inputs).__name__}: use both in the model.'
            )
        logits = self.head(inputs)
        if not isinstance(logits, Tensor):
            name = type(self.head).__name__
            raise UserError(
                f'{name} does not return a single tensor of logits, so DepthRefinedHead cannot '
                'refine it: use another decode head.'
            )
        return logits
