"""The pair preprocessor of a translation, which treats both domains alike."""

from mmseg.registry import MODELS
from torch import Tensor

from depthda.models.pair_preprocessor import PairPreprocessor


@MODELS.register_module()
class DomainPairPreprocessor(PairPreprocessor):
    """Apply a ``TranslationPreprocessor``, with its arguments, to the images of each domain."""

    def __init__(
        self, optical_bands: int = 3, bgr_to_rgb: bool = False, non_blocking: bool = True
    ) -> None:
        shared = dict(type='TranslationPreprocessor', optical_bands=optical_bands)
        super().__init__(shared | dict(bgr_to_rgb=bgr_to_rgb, non_blocking=non_blocking))
        self.optical_bands = optical_bands

    def restore(self, images: Tensor) -> Tensor:
        """Return optical bands as clamped uint8 values, in their original order."""
        return self.source.restore(images)
