"""Hide depth from the student, so that it learns to do without."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.adaptation.draws import Draw, or_any


@MODELS.register_module()
class DepthDropout(nn.Module):
    """Make the depth of whole images missing (NaN) with a probability; colours do not change.

    As an ``augmentation`` it reaches the student alone: the teacher labels with depth, and the
    student must not lean on it.

    Args:
        prob: Probability for each image.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__()
        if not 0 <= prob <= 1:
            raise UserError(f'DepthDropout: prob={prob}: take a number from 0 to 1.')
        self.prob = prob

    def forward(
        self, images: Tensor, mean: Tensor, std: Tensor, draw: Draw | None = None
    ) -> Tensor:
        """Return the images (N, C, H, W), whose channels after ``len(mean)`` bands are depth."""
        bands = len(mean)
        hidden = or_any(draw, len(images))(1, 1, 1) < self.prob
        depth = images[:, bands:].masked_fill(hidden.to(images.device), torch.nan)
        return torch.cat([images[:, :bands], depth], 1)
