"""Fourier domain adaptation: the low frequencies of a target image."""

from dataclasses import dataclass

import numpy as np
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.target_style import TargetStyle, resized
from depthda.errors import UserError


@TRANSFORMS.register_module()
@dataclass(eq=False)
class FourierTransfer(TargetStyle):
    r"""Replace the amplitudes of the lowest frequencies by those of a random target image.

    .. math:: x' = F^{-1}\left(M_\beta \circ |F(x_t)| + (1 - M_\beta) \circ |F(x_s)|,
        \angle F(x_s)\right)

    :math:`M_\beta` is 1 for frequencies of up to β H along the height and β W along the width, in
    cycles per image, and 0 elsewhere. Citation: Y. Yang and S. Soatto, "FDA: Fourier Domain
    Adaptation for Semantic Segmentation", CVPR 2020. A target image of another size is resized.
    """

    # Highest replaced frequency / image side, from 0 to .5. The paper trains with .01, .05 and .09.
    beta: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 0.5:
            raise UserError(f'FourierTransfer: beta={self.beta}: take a number from 0 to 0.5.')

    def restyle(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        height, width = source.shape[:2]
        spectrum = np.fft.fft2(source, axes=(0, 1))
        amplitude, phase = np.abs(spectrum), np.angle(spectrum)
        other = np.abs(np.fft.fft2(resized(target, height, width), axes=(0, 1)))
        # Cycles per image: 0, 1, …, -2, -1.
        rows, columns = (np.abs(np.fft.fftfreq(side, 1 / side)) for side in (height, width))
        low = np.logical_and.outer(
            rows <= np.floor(self.beta * height), columns <= np.floor(self.beta * width)
        )
        amplitude[low] = other[low]
        mixed = np.fft.ifft2(amplitude * np.exp(1j * phase), axes=(0, 1))
        return mixed.real.astype(np.float32)
