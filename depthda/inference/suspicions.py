"""Find suspicious properties of a scene or its map; each is reported in one sentence."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from depthda.inference.areas import pixel_size
from depthda.inference.model import LandCoverModel
from depthda.inference.scene import ModelBands, explained, opened
from depthda.io.grids import Grid

_SIDE = 512  # side of the reduced scene whose values are compared with those of training
# A band is suspicious if its mean is more than 2 deviations from the mean in training, or if its
# deviation is less than a fifth of that in training. A pixel size is suspicious if it is more than
# 1.5 times larger or smaller than that in training.
_FAR_MEAN, _FAR_SPREAD = 2.0, 5.0
_FAR_SIZE = 1.5


def suspicious_scene(
    model: LandCoverModel, source: Path, bands: ModelBands, gsd: float | None
) -> list[str]:
    """Return a sentence for each way in which a scene differs from the training images."""
    with opened(source) as raster:
        grid = Grid.of(raster)
        chosen = bands.of(raster)
        sides = tuple(min(side, _SIDE) for side in raster.shape)
        with explained(raster):
            small = raster.read(chosen, out_shape=(len(chosen), *sides), masked=True)
    notes = []
    if grid.crs is None:
        notes.append(
            f'{source} has no coordinate system, so the map has none either, and no areas in '
            f'hectares'
        )
    size, trained = gsd or pixel_size(grid), model.about.get('gsd')
    if size and trained and not 1 / _FAR_SIZE <= size / trained <= _FAR_SIZE:
        notes.append(
            f'{source} has pixels of {size:.3g} m, but the model was trained on pixels of '
            f'{trained:g} m: add --gsd {trained:g} to predict at that size'
        )
    return notes + _far_values(model, source, bands, chosen, small)


def _far_values(
    model: LandCoverModel,
    source: Path,
    bands: ModelBands,
    chosen: tuple[int, ...],
    small: np.ma.MaskedArray,
) -> list[str]:
    known = ~np.ma.getmaskarray(small).any(0)
    values = bands.scaled(small.data)[:, known].astype(np.float64)
    values = values[:, np.isfinite(values).all(0)]
    if values.shape[1] < 2:
        return []
    # The statistics of depth come last and are not compared.
    expected = zip(*model.statistics, strict=True)
    for number, band, (mean, deviation) in zip(chosen, values, expected, strict=False):
        far = abs(band.mean() - mean) > _FAR_MEAN * deviation
        if far or band.std() * _FAR_SPREAD < deviation:
            return [
                f'band {number} of {source} has a mean of {band.mean():.4g} and a standard '
                f'deviation of {band.std():.3g}, but the model expects about {mean:.4g} and '
                f'{deviation:.3g}: check --bands and --stretch'
            ]
    return []


def suspicious_map(source: Path, pixels: Mapping[str, int]) -> list[str]:
    """Return a note if all pixels of the map have the same class."""
    present = [name for name, count in pixels.items() if count]
    if len(present) != 1:
        return []
    return [
        f'all pixels of the map are {present[0]}: check --bands, --stretch and the pixel size of '
        f'{source}'
    ]
