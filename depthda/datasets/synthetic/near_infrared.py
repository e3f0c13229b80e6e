"""A near-infrared band for the synthetic world, computed from its finished tiles.

The generator of the three other bands is frozen, so that its images never change. As in real near
infrared, vegetation is bright, water is dark, and buildings and bare ground look the same. Shadows
and texture are those of the three bands.
"""

import numpy as np
from numpy.random import Generator

# By LoveDA's codes: no data, background, building, road, water, barren, forest, agriculture.
_REFLECTANCE = np.array([0.35, 0.35, 0.35, 0.35, 0.06, 0.35, 0.75, 0.75], np.float32)
_NOISE = 0.03


def near_infrared(image: np.ndarray, mask: np.ndarray, rng: Generator) -> np.ndarray:
    """Return the band, uint8 H×W, for an RGB ``image`` H×W×3 and its ``mask`` of raw codes."""
    light = 0.6 + 0.8 * image.mean(-1, dtype=np.float32) / 255
    reflected = _REFLECTANCE[mask] * light + _NOISE * rng.standard_normal(mask.shape, np.float32)
    return np.rint(reflected.clip(0, 1) * 255).astype(np.uint8)
