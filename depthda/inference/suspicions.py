"""What is suspicious about a scene or its map, in one sentence each."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from depthda.inference.areas import pixel_size
from depthda.inference.model import LandCoverModel
from depthda.inference.scene import Grid, ModelBands, explained, opened

_SIDE = 512  # of the reduced scene whose values are compared with those of the training
_FAR_MEAN, _FAR_SPREAD = 2.0, 5.0  # in deviations that the model expects; as a ratio to them
_FAR_SIZE = 1.5  # ratio of pixel sizes


def suspicious_scene(
    model: LandCoverModel, source: Path, bands: ModelBands, gsd: float | None
) -> list[str]:
    """Return how a scene differs from what the model was trained on."""
    with opened(source) as raster:
        grid = Grid.of(raster)
        chosen = bands.of(raster)
        sides = tuple(min(side, _SIDE) for side in raster.shape)
        with explained(raster):
            small = raster.read(chosen, out_shape=(len(chosen), *sides), masked=True)
    notes = []
    if grid.crs is None:
        notes.append(f'{source} has no coordinate system, so the map has none, and no areas')
    size, trained = gsd or pixel_size(grid), model.about.get('gsd')
    if size and trained and not 1 / _FAR_SIZE <= size / trained <= _FAR_SIZE:
        notes.append(
            f'{source} has pixels of {size:.3g} m, and the model was trained on {trained:g} m: '
            f'--gsd {trained:g} predicts at that size'
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
    expected = zip(*model.statistics, strict=True)  # of the bands, and of depth
    for number, own, (mean, deviation) in zip(chosen, values, expected, strict=False):
        far = abs(own.mean() - mean) > _FAR_MEAN * deviation
        if far or own.std() * _FAR_SPREAD < deviation:
            return [
                f'band {number} of {source} has a mean of {own.mean():.4g} and a deviation of '
                f'{own.std():.3g}, and the model expects about {mean:.4g} and {deviation:.3g}: '
                'check --bands and --stretch'
            ]
    return []


def suspicious_map(source: Path, pixels: Mapping[str, int]) -> list[str]:
    """Return a note if the whole map is of one class."""
    present = [name for name, count in pixels.items() if count]
    if len(present) != 1:
        return []
    return [f'the whole map is {present[0]}: check bands, --stretch and the pixel size of {source}']
