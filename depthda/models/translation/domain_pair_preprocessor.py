"""The data preprocessor of translation models: the same settings for both domains."""

from mmseg.registry import MODELS
from torch import Tensor

from depthda.models.pair_preprocessor import PairPreprocessor


@MODELS.register_module()
class DomainPairPreprocessor(PairPreprocessor):
    """Apply one ``TranslationPreprocessor`` to both domains; the arguments are passed to it."""

    def __init__(
        self, optical_bands: int = 3, bgr_to_rgb: bool = False, non_blocking: bool = True
    ) -> None:
        shared = dict(type='TranslationPreprocessor', optical_bands=optical_bands)
        super().__init__(shared | dict(bgr_to_rgb=bgr_to_rgb, non_blocking=non_blocking))
        self.optical_bands = optical_bands

    def restore(self, images: Tensor) -> Tensor:
        """Convert optical bands back to uint8 values, clamped and in their original order."""
        return self.source.restore(images)
