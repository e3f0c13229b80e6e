"""The colours of labels and depth, the same in every picture of the project."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.patches import Patch

IGNORED = 255
# Stripes of two greys mark pixels without a value; no class and no depth looks like them.
LIGHT, DARK = (226, 230, 233), (150, 156, 162)


def palette_of(metainfo: Mapping[str, Any]) -> list[list[int]]:
    """Return the colours of a dataset's classes; greys if it defines none."""
    if palette := metainfo.get('palette'):
        return [list(colour) for colour in palette]
    count = len(metainfo['classes'])
    return [[(i + 1) * 255 // (count + 1)] * 3 for i in range(count)]


def stripes(shape: Sequence[int]) -> np.ndarray:
    """Return diagonal stripes ``[H, W]``: 1 on dark stripes (a third of the pixels), else 0."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    period = max(6, max(shape[:2]) // 40)
    return ((rows + columns) % period < period // 3).astype(int)


def striped(colours: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return ``colours [H, W, 3]`` as 8-bit values, with stripes wherever ``valid`` is false."""
    greys = np.array([LIGHT, DARK])[stripes(valid.shape)]
    return np.where(valid[..., None], colours, greys).astype(np.uint8)


def of_depth(depth: np.ndarray, scale: tuple[float, float] | None = None) -> np.ndarray:
    """Colour depth ``[H, W]`` from dark (far, low) to bright (near, high); no-data is striped.

    No-data is 0. ``scale`` holds the depths of the darkest and the brightest colour; by default,
    the lowest and the highest depth of the map.
    """
    valid = depth > 0
    if scale is None:
        scale = (depth[valid].min(), depth[valid].max()) if valid.any() else (0, 1)
    low, high = map(float, scale)
    relative = (depth - low) / (high - low) if high > low else np.full(depth.shape, 0.5)
    return striped(matplotlib.colormaps['magma'](relative, bytes=True)[..., :3], valid)


def of_labels(
    labels: np.ndarray, palette: Sequence[Sequence[int]], over: np.ndarray | None = None
) -> np.ndarray:
    """Colour class indices ``[H, W]`` with ``palette`` (RGB); pixels of other values are striped.

    An RGB image ``over [H, W, 3]`` shows through the colours in grey.
    """
    valid = labels < len(palette)
    colours = np.array(palette, float)[np.where(valid, labels, 0)]
    if over is not None:
        colours = 0.65 * colours + 0.35 * over.mean(-1, keepdims=True)
    return striped(colours, valid)


def class_patches(
    classes: Sequence[str], palette: Sequence[Sequence[int]], striped_label: str = ''
) -> list[Patch]:
    """Return legend entries for the classes, and for the stripes if they have a label."""
    patches = [
        Patch(facecolor=np.divide(colour, 255), edgecolor='grey', label=name)
        for name, colour in zip(classes, palette, strict=True)
    ]
    if striped_label:
        light, dark = (np.divide(grey, 255) for grey in (LIGHT, DARK))
        patches.append(Patch(facecolor=light, edgecolor=dark, hatch='/////', label=striped_label))
    return patches
