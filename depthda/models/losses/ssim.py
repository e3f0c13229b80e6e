"""1 − SSIM between two depth maps, over windows in which all depth is valid."""

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.tensors import at_least_float32


def ssim_loss(
    predicted: Tensor,
    teacher: Tensor,
    valid: Tensor | None = None,
    window: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:
    r"""Compute 1 − SSIM (Wang et al., "Image quality assessment", IEEE TIP 2004) of maps in [0, 1].

    With means :math:`\mu`, variances :math:`\sigma^2` and the covariance :math:`\sigma_{xy}` under
    a Gaussian window, :math:`C_1 = k_1^2` and :math:`C_2 = k_2^2` (the range of the data is 1),

    .. math:: L = 1 - \frac 1 {|W|} \sum_{w \in W}
        \frac {2 \mu_x \mu_y + C_1} {\mu_x^2 + \mu_y^2 + C_1} \cdot
        \frac {2 \sigma_{xy} + C_2} {\sigma_x^2 + \sigma_y^2 + C_2},

    where W are the windows of all images of the batch that are inside an image and have only valid
    pixels. Other pixels have no influence, even if they are NaN. The loss is 0 if there is no such
    window. It is computed at least in single precision.

    Args:
        predicted, teacher: Maps (N, H, W); the loss is symmetric in the two.
        valid: Mask (N, H, W), bool, of the pixels where both maps have depth; None means all.
        window: Side of the window in pixels.
        sigma: Standard deviation of the Gaussian in pixels.
        k1, k2: Square roots of the constants C₁ and C₂.
    """
    _check_shapes([predicted, teacher] if valid is None else [predicted, teacher, valid], window)
    with torch.autocast(predicted.device.type, enabled=False):
        predicted = at_least_float32(predicted)
        # Variances are small differences of squares, and lose less precision if maps are centred.
        x, level_x = _centred(predicted, valid)
        y, level_y = _centred(teacher.to(predicted.dtype), valid)
        # The variance of x − y is σx² + σy² − 2 σxy. With it, four moments are enough, and a loss
        # near 0 is not lost in rounding.
        moments = torch.stack([x, y, x.square() + y.square(), (x - y).square()], 1)
        mean_x, mean_y, squares, difference = _blur(moments, window, sigma).unbind(1)
        # Rounding can make variances negative, which must not reach the divisor or the loss.
        variances = (squares - mean_x.square() - mean_y.square()).clamp(min=0)
        difference = (difference - (mean_x - mean_y).square()).clamp(min=0)
        gap = (mean_x - mean_y + (level_x - level_y)).square()
        luminance = gap / ((mean_x + level_x).square() + (mean_y + level_y).square() + k1**2)
        structure = difference / (variances + k2**2)
        # 1 − (1 − luminance) (1 − structure)
        loss = luminance + structure - luminance * structure
        if valid is None:
            return loss.mean()
        windows = _valid_windows(valid, window)
        return loss.masked_fill(~windows, 0).sum() / windows.sum().clamp(min=1)


def _check_shapes(maps: list[Tensor], window: int) -> None:
    if maps[0].ndim != 3 or any(m.shape != maps[0].shape for m in maps):
        shapes = ', '.join(str(tuple(m.shape)) for m in maps)
        raise UserError(f'SSIM needs maps of the same shape (N, H, W), but got {shapes}.')
    height, width = maps[0].shape[1:]
    if min(height, width) < window:
        raise UserError(
            f'a map of {width}×{height} is smaller than the {window}×{window} window of SSIM: '
            'use larger images or a smaller window.'
        )


@MODELS.register_module()
class SSIMLoss(nn.Module):
    """:func:`ssim_loss` times ``loss_weight``, for use in a config."""

    def __init__(self, window: int = 11, sigma: float = 1.5, loss_weight: float = 1.0) -> None:
        super().__init__()
        if window < 1 or sigma <= 0:
            raise UserError(f'window={window} and sigma={sigma} of SSIMLoss must be above 0.')
        self.window = window
        self.sigma = sigma
        self.loss_weight = loss_weight

    def forward(self, predicted: Tensor, teacher: Tensor, valid: Tensor | None = None) -> Tensor:
        return self.loss_weight * ssim_loss(predicted, teacher, valid, self.window, self.sigma)


def _centred(maps: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Centre maps on the mean of their valid pixels, set the others to 0; also return means."""
    if valid is None:
        level = maps.detach().mean((1, 2), keepdim=True)
        return maps - level, level
    total = maps.detach().masked_fill(~valid, 0).sum((1, 2), keepdim=True)
    level = total / valid.sum((1, 2), keepdim=True).clamp(min=1)
    return (maps - level).masked_fill(~valid, 0), level


def _blur(maps: Tensor, window: int, sigma: float) -> Tensor:
    """Average maps (N, C, H, W) under a Gaussian, wherever its window is inside the map."""
    offsets = torch.arange(window, device=maps.device, dtype=maps.dtype) - (window - 1) / 2
    weights = (-offsets.square() / (2 * sigma**2)).softmax(0)
    channels = maps.shape[1]
    # With one group per channel, a GPU runs PyTorch's own kernel; cuDNN's might round to TF32.
    for shape in ((window, 1), (1, window)):
        kernel = weights.view(1, 1, *shape).expand(channels, 1, *shape)
        maps = F.conv2d(maps, kernel.contiguous(), groups=channels)
    return maps


def _valid_windows(valid: Tensor, window: int) -> Tensor:
    """Mark the windows without invalid pixels, as (N, H − window + 1, W − window + 1)."""
    invalid = (~valid).float()
    for shape in ((window, 1), (1, window)):
        invalid = F.max_pool2d(invalid, shape, stride=1)
    return invalid == 0
