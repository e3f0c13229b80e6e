"""Augment the preprocessed images of the student: jitter colours, blur, or remove depth."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.draws import Draw, draw_or_default

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of red, green and blue


@MODELS.register_module()
class StrongAugmentation(nn.Module):
    """Jitter the colours and blur, each with its own probability; depth does not change.

    Jitter multiplies brightness, contrast and saturation by a factor in [1 − strength, 1 +
    strength] each, and rotates the hue by up to ± strength × 360°. Saturation and hue need three
    bands. Blur is Gaussian with σ from ``blur_px``. The images are normalised: they are augmented
    at the original scale of the bands, and then normalised again.

    Args:
        jitter, blur: Probabilities of each. The defaults are those of DAFormer's released code: it
            jitters if a random number exceeds 0.2, which has a probability of 0.8.
        strength: Strength of the jitter, from 0 to 1.
        blur_px: Range of σ in pixels.
    """

    def __init__(
        self,
        jitter: float = 0.8,
        blur: float = 0.5,
        strength: float = 0.2,
        blur_px: tuple[float, float] = (0.15, 1.15),
    ) -> None:
        super().__init__()
        if not (0 <= jitter <= 1 and 0 <= blur <= 1 and 0 <= strength <= 1):
            raise UserError(
                f'StrongAugmentation: jitter={jitter}, blur={blur} and strength={strength} must be '
                'from 0 to 1.'
            )
        if not 0 < blur_px[0] <= blur_px[1]:
            raise UserError(
                f'blur_px={tuple(blur_px)} of StrongAugmentation must be the smallest and the '
                'largest σ, both above 0; set blur=0 for no blur.'
            )
        self.jitter = jitter
        self.blur = blur
        self.strength = strength
        self.blur_px = blur_px

    def forward(
        self, images: Tensor, mean: Tensor, std: Tensor, draw: Draw | None = None
    ) -> Tensor:
        """Augment images (N, C, H, W), whose first ``len(mean)`` channels are optical."""
        bands = len(mean)
        drawn = draw_or_default(draw, len(images))(7)
        optical = [
            self._augment(image[:bands] * std + mean, draw)
            for image, draw in zip(images, drawn, strict=True)
        ]
        changed = (torch.stack(optical) - mean) / std
        return torch.cat([changed, images[:, bands:]], 1)

    def _augment(self, image: Tensor, drawn: Tensor) -> Tensor:
        """Augment one image (B, H, W) with seven numbers from [0, 1)."""
        jitter, blur, *factors, angle, sigma = drawn.tolist()
        if jitter < self.jitter:
            scales = [1 + self.strength * (2 * factor - 1) for factor in factors]
            image = jittered(image, *scales, self.strength * (2 * angle - 1) * 2 * torch.pi)
        if blur < self.blur:
            low, high = self.blur_px
            image = blurred(image, low + (high - low) * sigma)
        return image


def jittered(
    image: Tensor, brightness: float, contrast: float, saturation: float, angle: float
) -> Tensor:
    """Change the colours of an image (B, H, W); ``angle`` of the hue is in radians."""
    image = image * brightness
    image = (image - image.mean()) * contrast + image.mean()
    if len(image) < 3:
        return image
    colours = image[:3]
    luma = colours.new_tensor(_LUMA)
    grey = torch.einsum('c,chw->hw', luma, colours)
    # Rotate around the grey axis, then remove the change of luma.
    chroma = (colours - grey) * saturation
    rotated = torch.einsum('cd,dhw->chw', _rotation(angle).to(chroma), chroma)
    rotated = rotated - torch.einsum('c,chw->hw', luma, rotated)
    return torch.cat([grey + rotated, image[3:]])


def _rotation(angle: float) -> Tensor:
    """Return the 3 × 3 rotation of R, G, B by ``angle`` radians around the grey axis."""
    turn = torch.tensor(angle)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
    along = torch.full((3, 3), 1 / 3)
    return turn.cos() * torch.eye(3) + (1 - turn.cos()) * along + turn.sin() * cross


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Blur an image (B, H, W) with a Gaussian of ``sigma`` pixels, cut off at 3 σ.

    Images not larger than 3 σ do not change, because they are too small for reflect padding.
    """
    reach = max(1, round(3 * sigma))
    if min(image.shape[1:]) <= reach:
        return image
    offsets = torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(len(image), 1, 1, -1)
    padded = F.pad(image[None], [reach] * 4, mode='reflect')
    rows = F.conv2d(padded, kernel, groups=len(image))
    return F.conv2d(rows, kernel.transpose(2, 3), groups=len(image))[0]


@MODELS.register_module()
class DepthDropout(nn.Module):
    """Set all depth of some images, chosen at random, to NaN (missing); colours do not change.

    An ``augmentation`` only applies to the student. So the teacher labels with depth, while the
    student learns not to depend on it.

    Args:
        prob: Probability for each image.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__()
        if not 0 <= prob <= 1:
            raise UserError(f'prob={prob} of DepthDropout must be from 0 to 1.')
        self.prob = prob

    def forward(
        self, images: Tensor, mean: Tensor, std: Tensor, draw: Draw | None = None
    ) -> Tensor:
        """Augment images (N, C, H, W), whose channels after the first ``len(mean)`` are depth."""
        bands = len(mean)
        hidden = draw_or_default(draw, len(images))(1, 1, 1) < self.prob
        depth = images[:, bands:].masked_fill(
            hidden.to(images.device, non_blocking=True), torch.nan
        )
        return torch.cat([images[:, :bands], depth], 1)
