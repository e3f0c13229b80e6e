"""Turn a scene into a land-cover map: a Cloud-Optimized GeoTIFF and the files next to it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthda.console import warn
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.errors import UserError, check_range
from depthda.inference.areas import pixel_size, row_areas
from depthda.inference.map_file import (
    NO_DATA,
    class_table,
    colour,
    describe,
    write_class_table,
    write_cog,
)
from depthda.inference.map_options import MapOptions, identity_of, tags_of
from depthda.inference.model import LandCoverModel
from depthda.inference.predict_scene import Settings, Sources, scene_bands
from depthda.inference.scene import ModelBands, area_mask, open_depth, open_image
from depthda.inference.scene_depth import scene_depth
from depthda.inference.scratch import ScratchMap, check_space
from depthda.inference.suspicions import suspicious_map, suspicious_scene
from depthda.io.grids import Grid, check_aligned
from depthda.io.lock import own_folder
from depthda.io.rasters import limited_cache, open_raster

_MAX_FACTOR = 16  # largest factor by which --gsd may change the pixel size
STEPS = 250  # the stored value of probability 1 in the confidence and probabilities files
_ROWS = 64  # rows that are counted at a time


@dataclass(frozen=True)
class MapResult:
    """A finished map."""

    source: Path  # the scene
    files: list[Path]  # the written files, the map first
    pixels: dict[str, int]  # number of pixels of each class
    hectares: dict[str, float] | None  # area of each class; None without a CRS


def predict_map(
    model: LandCoverModel,
    source: str | Path,
    out: str | Path,
    options: MapOptions,
    estimator: DepthEstimator | None = None,
) -> MapResult:
    """Predict a scene and write its map, either completely or not at all.

    Until the map is complete, finished rows are in the folder ``.<name>.part`` next to it. The next
    run continues from there.

    Args:
        out: The path of the map, a ``.tif``.
        options: How the scene is read and predicted, and which layers are written.
        estimator: Estimates the depth that the model reads, if ``options`` names no depth file.
    """
    source, out = Path(source), Path(out)
    check_range('--depth-range', options.heights)
    _check_out(out, source)
    _check_depth(model, options, estimator)
    bands = ModelBands(model.bands, options.bands, options.stretch, model.dtype)
    folder = out.with_name(f'.{out.name}.part')
    layers = options.layers(len(model.classes))
    with limited_cache(), ExitStack() as stack:
        factor = _factor(source, options.gsd)
        for note in suspicious_scene(model, source, bands, options.gsd):
            warn(note)
        grid, image = stack.enter_context(open_image(source, bands, factor))
        check_space(folder, grid.height * grid.width * (2 * sum(layers.values()) + 4))
        stack.enter_context(own_folder(folder))
        identity = identity_of(model, source, options, estimator)
        scratch = ScratchMap(folder, layers, (grid.height, grid.width), identity)
        scratch.open()
        if scratch.rows < grid.height:
            depth = None
            if model.needs_depth and options.depth is not None:
                with open_raster(options.depth) as other, open_raster(source) as raster:
                    check_aligned(other, raster)
                opened = open_depth(options.depth, options.heights, factor)
                depth = stack.enter_context(opened)
            elif model.needs_depth:
                batch = options.settings.batch
                estimated = scene_depth(estimator, source, bands, folder, identity, batch, factor)
                depth = stack.enter_context(estimated)
            area = options.area and area_mask(grid, options.area)
            _fill(model, grid, (image, depth, area), options.settings, scratch)
        result = _write(model, source, out, options, scratch)
        scratch.remove()
    return result


def _fill(
    model: LandCoverModel, grid: Grid, sources: Sources, settings: Settings, scratch: ScratchMap
) -> None:
    """Compute and write the missing rows; one band is written while the next is computed."""
    writing: Future | None = None
    with ThreadPoolExecutor(1) as writer:
        for top, logits, valid in scene_bands(model, grid, sources, settings, scratch.rows):
            layers = _layers(logits, scratch.layers)
            if writing:
                writing.result()
            writing = writer.submit(_write_rows, scratch, top, layers, valid)
        if writing:
            writing.result()


def _write_rows(
    scratch: ScratchMap, top: int, layers: dict[str, Tensor], valid: np.ndarray
) -> None:
    rows = {name: np.where(valid, layer.cpu().numpy(), NO_DATA) for name, layer in layers.items()}
    scratch.write(top, rows)


def _layers(logits: Tensor, names: dict[str, int]) -> dict[str, Tensor]:
    """Return the rows of each layer from logits (K, n, W)."""
    # ``argmax`` takes five times as long on a CPU.
    layers = {'labels': logits.max(0).indices.to(torch.uint8)}
    if 'confidence' in names:
        # The largest softmax probability is 1 / sum(exp(logits - highest)).
        highest = logits.amax(0, keepdim=True)
        layers['confidence'] = _coded(1 / (logits - highest).exp().sum(0))
    if 'probabilities' in names:
        layers['probabilities'] = _coded(logits.softmax(0))
    return layers


def _coded(probabilities: Tensor) -> Tensor:
    return (probabilities * STEPS).round().to(torch.uint8)


def _write(
    model: LandCoverModel, source: Path, out: Path, options: MapOptions, scratch: ScratchMap
) -> MapResult:
    tags = tags_of(model, source, options)
    with open_raster(source) as raster:
        grid = Grid.of(raster)
    pixels, square_metres = _count(scratch, grid, len(model.classes))
    if not pixels.sum():
        scratch.remove()
        raise UserError(f'{source} has no pixels with data: check its no-data value and its mask.')
    hectares = None if square_metres is None else (square_metres / 10_000).tolist()
    files = [out]
    for name, bands in list(scratch.layers.items())[1:]:
        files.append(out.with_name(f'{out.stem}_{name}{out.suffix}'))
        names = model.classes if bands > 1 else [name]
        finish = partial(describe, names=names, tags=tags, scale=1 / STEPS)
        read = _reader(scratch, name, grid)
        write_cog(files[-1], scratch.folder, grid, bands, read, finish, 'average')
    finish = partial(colour, palette=model.palette, tags=tags)
    write_cog(out, scratch.folder, grid, 1, _reader(scratch, 'labels', grid), finish, 'mode')
    write_class_table(out, model.classes, model.palette, pixels.tolist(), hectares)
    files.insert(1, class_table(out))
    pixels_of = dict(zip(model.classes, pixels.tolist(), strict=True))
    hectares_of = hectares and dict(zip(model.classes, hectares, strict=True))
    for note in suspicious_map(source, pixels_of):
        warn(note)
    return MapResult(source, files, pixels_of, hectares_of)


def _factor(source: Path, gsd: float | None) -> float:
    """Return the factor by which each side of the scene is scaled: its pixel size / ``gsd``."""
    if gsd is None:
        return 1.0
    with open_raster(source) as raster:
        size = pixel_size(Grid.of(raster))
    if size is None:
        raise UserError(
            f'--gsd: {source} has no coordinate system, so its pixel size is unknown: leave out '
            '--gsd.'
        )
    if not 1 / _MAX_FACTOR <= size / gsd <= _MAX_FACTOR:
        raise UserError(
            f'--gsd {gsd:g} differs from the pixel size of {source} ({size:.3g} m) by a factor of '
            f'more than {_MAX_FACTOR}, so the model would not recognise anything: correct --gsd, '
            'or use a scene with pixels of about that size.'
        )
    return size / gsd


def _reader(scratch: ScratchMap, name: str, grid: Grid) -> Callable[[int, int], np.ndarray]:
    """Return a function that reads rows of a layer, resampled to ``grid`` by nearest pixel."""
    rows = ((np.arange(grid.height) + 0.5) * scratch.height / grid.height).astype(int)
    columns = ((np.arange(grid.width) + 0.5) * scratch.width / grid.width).astype(int)

    def read(top: int, bottom: int) -> np.ndarray:
        first, last = rows[top], rows[bottom - 1]
        values = scratch.read(name, first, last + 1)
        if (scratch.height, scratch.width) == (grid.height, grid.width):
            return values
        return values[:, rows[top:bottom] - first][:, :, columns]

    return read


def _count(scratch: ScratchMap, grid: Grid, classes: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the number of pixels of each class, and its area in square metres."""
    areas = row_areas(grid)
    pixels, metres = np.zeros(classes, np.int64), np.zeros(classes)
    read = _reader(scratch, 'labels', grid)
    for top in range(0, grid.height, _ROWS):
        labels = read(top, min(top + _ROWS, grid.height))[0]
        row_codes = labels + 256 * np.arange(len(labels))[:, None]
        counts = np.bincount(row_codes.ravel(), minlength=256 * len(labels)).reshape(-1, 256)
        pixels += counts[:, :classes].sum(0)
        metres += 0 if areas is None else areas[top : top + len(labels)] @ counts[:, :classes]
    return pixels, None if areas is None else metres


def _check_out(out: Path, source: Path) -> None:
    if out.suffix.lower() not in ('.tif', '.tiff'):
        raise UserError(f'--out {out}: the map is a GeoTIFF, so use a name that ends in .tif.')
    if out.exists() and out.resolve() == source.resolve():
        raise UserError(f'--out {out} is the scene itself: use another name.')
    if not source.is_file():
        raise UserError(f'there is no scene {source}: correct the path.')


def _check_depth(
    model: LandCoverModel, options: MapOptions, estimator: DepthEstimator | None
) -> None:
    if options.depth is not None and not model.needs_depth:
        warn(f'this model does not read depth at test time, so {options.depth} is not used')
    if model.needs_depth and options.depth is None and estimator is None:
        raise UserError(
            f'this model reads depth ({model.depth_source}): add --depth FILE with the depth map '
            'or the heights of the scene, or --depth-model MODEL to estimate relative depth.'
        )
    if options.depth is not None and not options.depth.is_file():
        raise UserError(f'there is no depth map {options.depth}: correct --depth.')
