"""Contrast between the features of both encoders at every scale, around any fusion."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from depthda.errors import UserError
from depthda.models.features import GuidedFeatures, PairedFeatures
from depthda.models.losses.info_nce import info_nce
from depthda.models.necks.places import norm_places, pool_places

_NORM = dict(type='SyncBN', requires_grad=True)  # plain BN where one process trains


@MODELS.register_module()
class MultiScaleContrastiveNeck(BaseModule):
    r"""A fusion that also pulls optical and depth features of one place together in training.

    At scale s both are averaged over ``pool`` × ``pool`` positions and projected to ``channels``
    (1×1 convolution and norm), r and d. The loss is a weighted mean of InfoNCE over the scales,
    :math:`L = \frac 1 S \sum_s \lambda_s L_s`, with

    - ``pair='enhanced-rgb'``: L_s of the enhanced features (1 − w) r + w d against r at the same
      place, w = sigmoid(v_s), v_s learned;
    - ``pair='depth-rgb'``: the mean of d against r and r against d.

    A place counts where at least half of its pixels have both a label and depth; features of other
    positions do not enter the average, and other places do not enter the statistics of the norm.
    At test the neck is its fusion, at no cost.

    Args:
        fusion: Config of the fusion, whose channels are those of the encoders.
        scale_weights: λ, one a scale.
        pair: ``'enhanced-rgb'`` (released) or ``'depth-rgb'`` (plain cross-modal).
        pool: Side of the averages.
        channels: Of the projections.
        temperature, num_negatives: As :func:`info_nce` has them.
        depth_share: w at the start.
        norm_cfg: Norm of the projections: a batch norm, synchronised or not, or None.
    """

    def __init__(
        self,
        fusion: ConfigType,
        scale_weights: Sequence[float] = (0.02, 0.02, 0.03, 0.03),
        pair: str = 'enhanced-rgb',
        pool: int = 4,
        channels: int = 128,
        temperature: float = 0.07,
        num_negatives: int = 128,
        depth_share: float = 0.3,
        norm_cfg: ConfigType = _NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.fusion = MODELS.build(fusion)
        scales = len(self.fusion.rgb_channels)
        if len(scale_weights) != scales:
            raise UserError(
                f'MultiScaleContrastiveNeck has {len(scale_weights)} scale_weights for the '
                f'{scales} scales of its fusion: give one each.'
            )
        if pair not in ('enhanced-rgb', 'depth-rgb'):
            raise UserError(f"pair={pair!r}: use 'enhanced-rgb' or 'depth-rgb'.")
        if not 0 < depth_share < 1:
            raise UserError(f'depth_share={depth_share}: must lie between 0 and 1.')
        self.out_channels = self.fusion.out_channels
        self.scale_weights = tuple(scale_weights)
        self.pair = pair
        self.pool = pool
        self.temperature = temperature
        self.num_negatives = num_negatives
        project = dict(kernel_size=1, norm_cfg=norm_cfg, act_cfg=None)
        self.rgb_projections = nn.ModuleList(
            ConvModule(width, channels, **project) for width in self.fusion.rgb_channels
        )
        self.depth_projections = nn.ModuleList(
            ConvModule(width, channels, **project) for width in self.fusion.depth_channels
        )
        norm = self.rgb_projections[0].norm
        if not isinstance(norm, _BatchNorm | None):
            raise UserError(
                f'MultiScaleContrastiveNeck: norm_cfg builds {type(norm).__name__}, which cannot '
                "leave places out of its statistics: use dict(type='SyncBN') or dict(type='BN')."
            )
        if pair == 'enhanced-rgb':
            start = math.log(depth_share / (1 - depth_share))
            self.mix = nn.Parameter(torch.full((scales,), start))

    def forward(self, features: PairedFeatures) -> GuidedFeatures:
        return self.fusion(features)

    def loss(self, features: PairedFeatures, valid: Tensor) -> dict[str, Tensor]:
        """The contrast of a batch.

        Args:
            features: Of both encoders, before fusion.
            valid: (N, H, W) bool, the pixels that have a label and depth.
        """
        terms, said = [], {}
        for scale, (rgb, depth) in enumerate(zip(*features, strict=True)):
            rgb, depth, places = self._pool(rgb, depth, valid)
            # A norm of one value is not defined, and one place has no negatives.
            if places[0].numel() > 1:
                term = self._contrast(
                    scale,
                    _project(self.rgb_projections[scale], rgb, places),
                    _project(self.depth_projections[scale], depth, places),
                    places.flatten(1),
                )
                terms.append(self.scale_weights[scale] * term)
                said[f'scale_{scale}'] = term.detach()
            else:
                # Distributed training waits for the gradient of every parameter.
                unused = self.rgb_projections[scale], self.depth_projections[scale]
                terms.append(sum(0 * p.sum() for each in unused for p in each.parameters()))
        if self.pair == 'enhanced-rgb':
            said |= {f'depth_share_{s}': w for s, w in enumerate(self.mix.detach().sigmoid())}
        total = sum(terms) / len(self.scale_weights)
        # mmengine sums whatever has "loss" in its name; the rest is for the log.
        return {'loss_contrast': total, **said}

    def _contrast(self, scale: int, rgb: Tensor, depth: Tensor, places: Tensor) -> Tensor:
        rest = places, self.temperature, self.num_negatives
        if self.pair == 'depth-rgb':
            return (info_nce(depth, rgb, *rest) + info_nce(rgb, depth, *rest)) / 2
        share = self.mix[scale].sigmoid()
        return info_nce(torch.lerp(rgb, depth, share.to(rgb.dtype)), rgb, *rest)

    def _pool(self, rgb: Tensor, depth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means of the valid positions, and which places count: (N, C, h, w) twice, (N, h, w)."""
        share = F.adaptive_avg_pool2d(valid.unsqueeze(1).float(), rgb.shape[2:])
        inside = (share >= 0.5).to(rgb.dtype)
        count = F.avg_pool2d(share, self.pool, ceil_mode=True, count_include_pad=False) >= 0.5
        rgb, depth = (pool_places(each, inside, self.pool) for each in (rgb, depth))
        return rgb, depth, count.squeeze(1)


def _project(projection: ConvModule, features: Tensor, places: Tensor) -> Tensor:
    """Project the places (N, C, h, w) to rows (N, h · w, D)."""
    projected = projection.conv(features)
    if projection.with_norm:
        projected = norm_places(projected, places, projection.norm)
    return projected.flatten(2).mT
