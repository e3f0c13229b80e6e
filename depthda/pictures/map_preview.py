"""A picture of a land-cover map, with a legend and a scale bar."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio
from matplotlib.patches import Rectangle
from rasterio.enums import Resampling

from depthda.io.plotting import plt, save_figure
from depthda.pictures.colours import class_patches, of_labels

_SIDE = 1400  # longest side of the drawn map, in pixels


def draw_map(
    source: str | Path,
    out: str | Path,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    shares: Mapping[str, float],
) -> None:
    """Draw a map (a GeoTIFF of class indices), read from its overviews to save memory.

    The legend has the classes that the map shows, with their ``shares`` in per cent.
    """
    with rasterio.open(source) as raster:
        factor = max(1.0, max(raster.shape) / _SIDE)
        shape = tuple(max(1, round(side / factor)) for side in raster.shape)
        labels = raster.read(1, out_shape=shape, resampling=Resampling.nearest)
        metres = _metres(raster) * raster.width / shape[1]
    width, height = max(4.0, shape[1] / 150), max(2.5, shape[0] / 150)
    figure, axis = plt.subplots(figsize=(width + 2.6, height + 0.6), layout='constrained')
    axis.imshow(of_labels(labels, palette), interpolation='nearest')
    axis.set(xticks=[], yticks=[])
    shown = [i for i, name in enumerate(classes) if shares.get(name)]
    names = [f'{classes[i]} ({shares[classes[i]]:.1f} %)' for i in shown]
    striped = 'no data' if (labels >= len(classes)).any() else ''
    handles = class_patches(names, [palette[i] for i in shown], striped)
    figure.legend(handles=handles, loc='outside right upper', frameon=False, fontsize=9)
    if metres:
        _scale_bar(axis, shape, metres)
    axis.set_title(Path(source).name, fontsize=10)
    save_figure(figure, out, 150)


def _metres(raster: rasterio.DatasetReader) -> float:
    """Return the width of a pixel on the ground, at the middle of the raster; 0 if unknown."""
    if raster.crs is None:
        return 0.0
    pixel = abs(raster.transform.a)
    if not raster.crs.is_geographic:
        return pixel * raster.crs.linear_units_factor[1]
    middle = raster.transform.f + raster.transform.e * raster.height / 2
    return pixel * 111_320 * math.cos(math.radians(middle))


def _scale_bar(axis, shape: tuple[int, int], metres: float) -> None:
    """Draw a scale bar of a round length, at most a fifth of the width of the map."""
    aim = shape[1] * metres / 5
    power = 10 ** math.floor(math.log10(aim))
    length = max(step * power for step in (1, 2, 5) if step * power <= aim)
    pixels, thick = length / metres, max(2, shape[0] / 150)
    left, top = 0.03 * shape[1], 0.95 * shape[0]
    box = dict(facecolor='white', alpha=0.8, edgecolor='none')
    around = (left - 2 * thick, top - 6 * thick), pixels + 4 * thick, 8 * thick
    axis.add_patch(Rectangle(*around, **box))
    axis.add_patch(Rectangle((left, top), pixels, thick, facecolor='black'))
    text = f'{length / 1000:g} km' if length >= 1000 else f'{length:g} m'
    axis.text(left + pixels / 2, top - thick, text, ha='center', va='bottom', fontsize=8)


def shares_of(pixels: Mapping[str, int]) -> dict[str, float]:
    """Return the share of each class in per cent."""
    total = max(1, int(np.sum(list(pixels.values()))))
    return {name: 100 * count / total for name, count in pixels.items()}
