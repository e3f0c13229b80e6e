"""Average over the valid positions of a place; apply batch norm over the places that count."""

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.dist import is_distributed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from depthda.models.tensors import at_least_float32


def pool_places(features: Tensor, inside: Tensor, side: int) -> Tensor:
    """Average (N, C, H, W) over the valid positions of each place of ``side`` × ``side`` positions.

    If ``side`` does not divide the size, places at the lower and right edge are smaller. The
    average of a place without a valid position is 0. The mask ``inside`` (N, 1, H, W), of the dtype
    of ``features``, is 1 at valid positions and 0 elsewhere.
    """
    return _PlacePooling.apply(features, inside, side)


class _PlacePooling(torch.autograd.Function):
    """Pool without what autograd would keep: a masked copy of each full-size feature map."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, inside: Tensor, side: int) -> Tensor:
        ctx.save_for_backward(inside)
        ctx.side = side
        # A product would keep NaN at positions that are left out.
        kept = features.masked_fill(inside == 0, 0)
        return _mean(kept, side) / _mean(inside, side).clamp(min=1e-6)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        side, (rows, columns) = ctx.side, inside.shape[2:]
        cells = F.pad(inside, (0, -columns % side, 0, -rows % side))
        cells = cells.unflatten(3, (-1, side)).unflatten(2, (-1, side))
        share = grad.contiguous() / cells.sum((3, 5)).clamp(min=1)
        spread = (share[:, :, :, None, :, None] * cells).flatten(4).flatten(2, 3)
        return spread[:, :, :rows, :columns], None, None


def _mean(features: Tensor, side: int) -> Tensor:
    return F.avg_pool2d(features, side, ceil_mode=True, count_include_pad=False)


def norm_places(features: Tensor, places: Tensor, norm: _BatchNorm) -> Tensor:
    """Apply batch norm with statistics of only the places that count.

    ``places`` (N, h, w), bool, marks them among the features (N, C, h, w), finite everywhere. If
    all places count, the result is ``norm(features)``. The parameters, the running statistics and,
    for synchronised batch norm, the group of processes are those of ``norm``. Unlike a selection of
    the places, this does not wait for the device.
    """
    if not norm.training:
        return norm(features)
    wide = at_least_float32(features)
    weight = places.unsqueeze(1).to(wide.dtype)
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
    from torch.distributed.nn.functional import all_reduce  # not in every build of PyTorch

    return all_reduce(sums, group=norm.process_group)


@torch.no_grad()
def _update_running_statistics(
    norm: _BatchNorm, count: Tensor, mean: Tensor, variance: Tensor
) -> None:
    norm.num_batches_tracked.add_(1)
    # A momentum of None means the average over all batches so far.
    momentum = 1 / norm.num_batches_tracked if norm.momentum is None else norm.momentum
    rate = momentum * (count > 1)  # a single place has no variance
    norm.running_mean.lerp_(mean.to(norm.running_mean), rate.to(norm.running_mean))
    unbiased = variance * count / (count - 1).clamp(min=1)
    norm.running_var.lerp_(unbiased.to(norm.running_var), rate.to(norm.running_var))
