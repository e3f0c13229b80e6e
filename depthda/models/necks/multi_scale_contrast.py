"""A neck that adds a contrast loss between the features of both encoders to any fusion."""

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
from depthda.models.necks.cells import norm_cells, pool_cells
from depthda.models.renamed import accept_moved
from depthda.models.tensors import NORM

_INFO_NCE = dict(type='InfoNCELoss', temperature=0.07, num_negatives=128)


@MODELS.register_module()
class MultiScaleContrastiveNeck(BaseModule):
    r"""Fuse features and, in training, pull optical and depth features of the same cell together.

    At scale s the optical and depth features are averaged over cells of ``pool`` × ``pool``
    positions and projected to ``channels`` (1×1 convolution and norm); the results are r and d. The
    loss is a weighted mean over the S scales, :math:`L = \frac 1 S \sum_s \lambda_s L_s`, with

    - ``pair='enhanced-rgb'``: L_s contrasts the enhanced features (1 − w) r + w d with r, where
      w = sigmoid(v_s) and v_s is learned;
    - ``pair='depth-rgb'``: L_s is the mean of the contrasts of d with r and of r with d.

    A cell or a position is valid if at least half of its pixels have both a label and depth. Only
    valid positions enter the average of a cell, and only valid cells enter the statistics of the
    norm. At test the neck only fuses, so the contrast costs nothing.

    Args:
        fusion: Config of the fusion.
        scale_weights: Weights λ, one per scale.
        pair: ``'enhanced-rgb'``, as in the released code of the depth-guided framework, or
            ``'depth-rgb'``, the plain cross-modal contrast of its paper.
        pool: Side of a cell in positions.
        channels: Output channels of the projections.
        contrast_loss: Config of the loss of one scale, called with anchors and keys (N, L, D) and
            the mask (N, L) of valid cells.
        depth_share: Initial value of w.
        norm_cfg: Norm of the projections: a batch norm, synchronised or not, or None.
    """

    @accept_moved
    def __init__(
        self,
        fusion: ConfigType,
        scale_weights: Sequence[float] = (0.02, 0.02, 0.03, 0.03),
        pair: str = 'enhanced-rgb',
        pool: int = 4,
        channels: int = 128,
        contrast_loss: ConfigType = _INFO_NCE,
        depth_share: float = 0.3,
        norm_cfg: ConfigType = NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.fusion = MODELS.build(fusion)
        scales = len(self.fusion.rgb_channels)
        if len(scale_weights) != scales:
            raise UserError(
                f'MultiScaleContrastiveNeck has {len(scale_weights)} scale_weights, but its fusion '
                f'has {scales} scales: set one weight per scale.'
            )
        if pair not in ('enhanced-rgb', 'depth-rgb'):
            raise UserError(f"pair={pair!r} must be 'enhanced-rgb' or 'depth-rgb'.")
        if not 0 < depth_share < 1:
            raise UserError(f'depth_share={depth_share} must be between 0 and 1.')
        self.out_channels = self.fusion.out_channels
        self.scale_weights = tuple(scale_weights)
        self.pair = pair
        self.pool = pool
        self.contrast_loss = MODELS.build(contrast_loss)
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
                "exclude cells from its statistics: use dict(type='SyncBN') or dict(type='BN')."
            )
        if pair == 'enhanced-rgb':
            start = math.log(depth_share / (1 - depth_share))
            self.mix = nn.Parameter(torch.full((scales,), start))

    def forward(self, features: PairedFeatures) -> GuidedFeatures:
        return self.fusion(features)

    def loss(self, features: PairedFeatures, valid: Tensor) -> dict[str, Tensor]:
        """Compute the contrast loss of a batch.

        Args:
            features: Features of both encoders, before fusion.
            valid: Mask (N, H, W), bool, of the pixels that have a label and depth.
        """
        terms, logged = [], {}
        for scale, (rgb, depth) in enumerate(zip(*features, strict=True)):
            rgb, depth, cells = self._pool(rgb, depth, valid)
            # With a single cell, the norm is not defined and there are no negatives.
            if cells[0].numel() > 1:
                term = self._contrast(
                    scale,
                    _project(self.rgb_projections[scale], rgb, cells),
                    _project(self.depth_projections[scale], depth, cells),
                    cells.flatten(1),
                )
                terms.append(self.scale_weights[scale] * term)
                logged[f'scale_{scale}'] = term.detach()
            else:
                # Give unused parameters a gradient of 0, because distributed training waits for it.
                unused = self.rgb_projections[scale], self.depth_projections[scale]
                terms.append(sum(0 * p.sum() for module in unused for p in module.parameters()))
        if self.pair == 'enhanced-rgb':
            logged |= {f'depth_share_{s}': w for s, w in enumerate(self.mix.detach().sigmoid())}
        # mmengine adds up the values with "loss" in their key and only logs the others.
        return {'loss_contrast': sum(terms) / len(self.scale_weights), **logged}

    def _contrast(self, scale: int, rgb: Tensor, depth: Tensor, cells: Tensor) -> Tensor:
        loss = self.contrast_loss
        if self.pair == 'depth-rgb':
            return (loss(depth, rgb, cells) + loss(rgb, depth, cells)) / 2
        share = self.mix[scale].sigmoid()
        return loss(torch.lerp(rgb, depth, share.to(rgb.dtype)), rgb, cells)

    def _pool(self, rgb: Tensor, depth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Average features (N, C, H, W) over cells, and mark the valid cells (N, h, w)."""
        share = F.adaptive_avg_pool2d(valid.unsqueeze(1).float(), rgb.shape[2:])
        inside = (share >= 0.5).to(rgb.dtype)
        cells = F.avg_pool2d(share, self.pool, ceil_mode=True, count_include_pad=False) >= 0.5
        rgb, depth = pool_cells((rgb, depth), inside, self.pool)
        return rgb, depth, cells.squeeze(1)


def _project(projection: ConvModule, features: Tensor, cells: Tensor) -> Tensor:
    """Project the features (N, C, h, w) of all cells; return them as rows (N, h · w, D)."""
    projected = projection.conv(features)
    if projection.with_norm:
        projected = norm_cells(projected, cells, projection.norm)
    return projected.flatten(2).mT
