"""Average features over the valid positions of cells; apply batch norm over valid cells."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.dist import is_distributed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from depthda.models.tensors import at_least_float32


def pool_cells(maps: Sequence[Tensor], valid: Tensor, side: int) -> list[Tensor]:
    """Average maps (N, C, H, W) over the valid positions of cells of ``side`` × ``side`` positions.

    If ``side`` does not divide the size, cells at the lower and right edge are smaller. Cells
    without valid positions are 0. The mask ``valid`` (N, 1, H, W), of the dtype of the maps, is
    1 at valid positions and 0 elsewhere.
    """
    shared = valid, valid == 0, _mean(valid, side).clamp(min=1e-6), side
    return [_CellPooling.apply(features, *shared) for features in maps]


class _CellPooling(torch.autograd.Function):
    """Autograd would keep a masked copy of each feature map; this function does not."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, valid: Tensor, invalid: Tensor, share: Tensor, side: int
    ) -> Tensor:
        ctx.save_for_backward(valid)
        ctx.side = side
        # Multiplication by 0 would keep NaN at invalid positions.
        return _mean(features.masked_fill(invalid, 0), side) / share

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (valid,) = ctx.saved_tensors
        side, (rows, columns) = ctx.side, valid.shape[2:]
        blocks = F.pad(valid, (0, -columns % side, 0, -rows % side))
        blocks = blocks.unflatten(3, (-1, side)).unflatten(2, (-1, side))
        share = grad.contiguous() / blocks.sum((3, 5)).clamp(min=1)
        spread = (share[:, :, :, None, :, None] * blocks).flatten(4).flatten(2, 3)
        return spread[:, :, :rows, :columns], None, None, None, None


def _mean(features: Tensor, side: int) -> Tensor:
    return F.avg_pool2d(features, side, ceil_mode=True, count_include_pad=False)


def norm_cells(features: Tensor, cells: Tensor, norm: _BatchNorm) -> Tensor:
    """Apply batch norm with the statistics of valid cells.

    ``cells`` (N, h, w), bool, marks the valid cells of the features (N, C, h, w), which must be
    finite everywhere. If all cells are valid, the result is ``norm(features)``. ``norm`` supplies
    the parameters, the running statistics and, if it is synchronised, the group of processes.
    Indexing features with the mask would be simpler but makes the CPU wait for the GPU.
    """
    if not norm.training:
        return norm(features)
    wide = at_least_float32(features)
    weight = cells.unsqueeze(1).to(wide.dtype)
    count = _total(weight, norm)
    mean = _total(wide * weight, norm) / count.clamp(min=1)
    centred = (wide - mean.view(-1, 1, 1)) * weight
    variance = _total(centred.square(), norm) / count.clamp(min=1)
    if norm.track_running_stats:
        _update_running_statistics(norm, count, mean.detach(), variance.detach())
    scale = (variance + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight
    normed = centred * scale.view(-1, 1, 1)
    if norm.affine:
        normed = normed + norm.bias.view(-1, 1, 1)
    return normed.to(features.dtype)


def _total(values: Tensor, norm: _BatchNorm) -> Tensor:
    """Sum each channel over the batch and over the processes that ``norm`` synchronises."""
    sums = values.sum((0, 2, 3))
    if not (isinstance(norm, nn.SyncBatchNorm) and is_distributed()):
        return sums
    from torch.distributed.nn.functional import all_reduce  # missing in some builds of PyTorch

    return all_reduce(sums, group=norm.process_group)


@torch.no_grad()
def _update_running_statistics(
    norm: _BatchNorm, count: Tensor, mean: Tensor, variance: Tensor
) -> None:
    norm.num_batches_tracked.add_(1)
    # A momentum of None means that running statistics average all batches so far.
    momentum = 1 / norm.num_batches_tracked if norm.momentum is None else norm.momentum
    rate = momentum * (count > 1)  # a single cell has no variance
    norm.running_mean.lerp_(mean.to(norm.running_mean), rate.to(norm.running_mean))
    unbiased = variance * count / (count - 1).clamp(min=1)
    norm.running_var.lerp_(unbiased.to(norm.running_var), rate.to(norm.running_var))
