"""Paste half of the classes of a source image onto a target image."""

from typing import NamedTuple

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.models.adaptation.draws import Draw, draw_or_default


class LabelledImages(NamedTuple):
    """Preprocessed images (N, C, H, W) with labels and weights of their pixels (N, H, W)."""

    images: Tensor
    labels: Tensor
    weights: Tensor


@MODELS.register_module()
class ClassMix(nn.Module):
    """Paste the pixels of half of the classes (rounded up) of a source image over a target image.

    A pasted pixel brings all its channels, its label and its weight; if its depth is missing, the
    NaN is pasted too. Ignored pixels of the source are never pasted. Citation: V. Olsson et al.,
    "ClassMix", WACV 2021; W. Tranheden et al., "DACS", WACV 2021.

    Args:
        match_depth: Give source depth the median and the interquartile range of the target's depth
            before pasting. Relative depth has no common scale, so pasted pixels would otherwise be
            easy to recognise. Use False for depth in metres.
    """

    def __init__(self, match_depth: bool = False) -> None:
        super().__init__()
        self.match_depth = match_depth

    def forward(
        self,
        source: LabelledImages,
        target: LabelledImages,
        bands: int,
        num_classes: int,
        draw: Draw | None = None,
    ) -> LabelledImages:
        """Return the mixed images; the first ``bands`` channels are optical, the next is depth."""
        keys = draw_or_default(draw, len(source.labels))(num_classes)
        pasted = chosen_classes(source.labels, keys)
        images = source.images
        if self.match_depth and images.shape[1] > bands:
            depth = match_depth(images[:, bands], target.images[:, bands])
            images = torch.cat([images[:, :bands], depth[:, None]], 1)
        return LabelledImages(
            torch.where(pasted[:, None], images, target.images),
            torch.where(pasted, source.labels, target.labels),
            torch.where(pasted, source.weights, target.weights),
        )


def chosen_classes(labels: Tensor, keys: Tensor) -> Tensor:
    """Mark the pixels (N, H, W) of half of the classes of each label map, rounded up.

    Of the classes that an image shows, those with the smallest ``keys`` (N, K) are chosen.
    """
    keys = F.pad(keys.to(labels.device, non_blocking=True), (0, 1))
    pixels = labels.clamp(max=keys.shape[1] - 1).flatten(1)
    present = torch.zeros_like(keys, dtype=torch.bool).scatter(1, pixels, True)
    present[:, -1] = False  # ignored pixels
    ranks = keys.masked_fill(~present, 2.0).argsort(1).argsort(1)
    chosen = present & (ranks < (present.sum(1, keepdim=True) + 1) // 2)
    return chosen.gather(1, pixels).view_as(labels)


# The largest factor between two interquartile ranges. Without a limit, mostly flat ground, whose
# range is near 0, would give huge factors.
_MAX_RATIO = 10.0


def match_depth(depth: Tensor, other: Tensor) -> Tensor:
    """Give maps of ``depth`` (N, H, W) the median and interquartile range of those in ``other``.

    Missing values (NaN) stay missing. If the map in ``other`` has no values, the depth map does not
    change.
    """
    low, middle, high = _quartiles(depth)
    other_low, other_middle, other_high = _quartiles(other)
    ratio = (other_high - other_low) / (high - low).clamp(min=torch.finfo(depth.dtype).tiny)
    matched = (depth - middle) * ratio.clamp(1 / _MAX_RATIO, _MAX_RATIO) + other_middle
    return torch.where((middle + other_middle).isfinite(), matched, depth)


def _quartiles(depth: Tensor) -> Tensor:
    """Return the three quartiles of each map (N, H, W) as (3, N, 1, 1); NaN without values."""
    values = depth.where(depth.isfinite(), torch.nan).flatten(1)
    shares = torch.linspace(0.25, 0.75, 3, dtype=depth.dtype, device=depth.device)
    return values.nanquantile(shares, dim=1)[..., None, None]
