"""Colour transfer: the mean and deviation of each band of a target image."""

import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.target_style import TargetStyle


@TRANSFORMS.register_module()
class ColourTransfer(TargetStyle):
    r"""Give each band the mean and standard deviation of that of a random target image.

    .. math:: x' = (x - \mu_s) \frac{\sigma_t}{\sigma_s} + \mu_t

    After E. Reinhard et al., "Color Transfer between Images", IEEE CG&A 2001, who apply it in the
    colour space lαβ; here it is applied to the bands, of which there may be any number.
    """

    def restyle(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        # Summed in single precision, the mean of a large image is wrong.
        (mean, spread), (target_mean, target_spread) = (
            (x.mean((0, 1), np.float64), x.std((0, 1), np.float64)) for x in (source, target)
        )
        # An image of one colour has no deviation that could be scaled.
        factor = target_spread / np.where(spread > 0, spread, 1)
        return (source - mean) * factor + target_mean
