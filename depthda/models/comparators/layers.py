"""Layers that ST-UNet needs, without compiled operators, and a check of image sizes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.tensors import at_least_float32

STRIDE = 32  # of the coarsest maps of both networks


def check_sides(network: str, images: Tensor) -> None:
    """Refuse images whose two encoders would have maps of different sizes."""
    height, width = images.shape[2:]
    if height % STRIDE or width % STRIDE:
        raise UserError(
            f'{network} halves images five times, which is not possible for {width}×{height}: use '
            f'sides that are multiples of {STRIDE} (data_preprocessor.size_divisor={STRIDE} and '
            f'test_cfg=dict(size_divisor={STRIDE}) pad them).'
        )


def soft_pool(maps: Tensor, window: tuple[int, int]) -> Tensor:
    r"""Pool each window of maps (N, C, H, W) to :math:`\sum_i e^{x_i} x_i / \sum_i e^{x_i}`.

    The windows do not overlap, and H and W are multiples of theirs.
    Citation: A. Stergiou et al., "Refining Activation Downsampling with SoftPool", ICCV 2021.
    """
    height, width = window
    windows = maps.unflatten(3, (-1, width)).unflatten(2, (-1, height))
    windows = windows.transpose(3, 4).flatten(4)
    return (windows * windows.softmax(-1)).sum(-1)


class DeformableConv(nn.Module):
    r"""Convolve 3 × 3 values that are read at learned positions, with learned strengths.

    .. math:: y(p) = \sum_{k=1}^9 w_k \, m_k(p) \, x(p + p_k + \Delta_k(p))

    where :math:`p_k` are the 3 × 3 neighbours. A convolution, which starts at 0, predicts the
    offsets Δ and the strengths m (through a sigmoid). Values between pixels are bilinear, values
    outside the map are 0. Citation: X. Zhu et al., "Deformable ConvNets v2", CVPR 2019.

    Args:
        in_channels, out_channels: Channels before and after the convolution.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, bias=False)
        self.guide = nn.Conv2d(in_channels, 27, 3, padding=1)
        nn.init.zeros_(self.guide.weight)
        nn.init.zeros_(self.guide.bias)

    def forward(self, maps: Tensor) -> Tensor:
        height, width = maps.shape[2:]
        guide = at_least_float32(self.guide(maps))
        down, right, strength = guide.split(9, 1)
        steps = torch.arange(-1, 2, device=maps.device)
        rows = torch.arange(height, device=maps.device)[:, None] + down
        columns = torch.arange(width, device=maps.device) + right
        rows = rows + steps.repeat_interleave(3)[:, None, None]
        columns = columns + steps.repeat(3)[:, None, None]
        # grid_sample counts from -1 to 1, from edge to edge of the map.
        grid = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)
        found = F.grid_sample(maps.to(grid.dtype), grid.flatten(1, 2), align_corners=False)
        found = found.unflatten(2, (9, height)) * strength.sigmoid()[:, None]
        return F.conv2d(found.flatten(1, 2), self.conv.weight.flatten(1)[..., None, None])
