"""The pair preprocessor of a translation, which treats both domains alike."""

from mmseg.registry import MODELS
from torch import Tensor

from depthda.models.pair_preprocessor import PairPreprocessor


@MODELS.register_module()
class DomainPairPreprocessor(PairPreprocessor):
    """Apply a ``TranslationPreprocessor`` to the images of each domain.

    Args:
        optical_bands: Number of optical bands of an image.
        bgr_to_rgb: Reverse the first three channels.
        non_blocking: Do not wait for the transfer to the device.
    """

    def __init__(
        self, optical_bands: int = 3, bgr_to_rgb: bool = False, non_blocking: bool = True
    ) -> None:
        settings = dict(
            optical_bands=optical_bands, bgr_to_rgb=bgr_to_rgb, non_blocking=non_blocking
        )
        super().__init__(dict(type='TranslationPreprocessor', **settings))
        self.optical_bands = optical_bands

    def restore(self, images: Tensor) -> Tensor:
        """Return optical bands as clamped uint8 values, in their original order."""
        return self.source.restore(images)
