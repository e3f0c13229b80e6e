"""Turn a scene into a land-cover map: a Cloud-Optimized GeoTIFF with what belongs to it."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthda.console import warn
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.errors import UserError, check_range
from depthda.inference.areas import row_areas
from depthda.inference.map_file import (
    NO_DATA,
    class_table,
    coloured,
    described,
    write_class_table,
    write_cog,
)
from depthda.inference.predict_scene import Settings, Sources, scene_bands
from depthda.inference.scene import Bands, Grid, Range, area_mask, open_depth, open_image
from depthda.inference.scene_depth import scene_depth
from depthda.inference.scratch import ScratchMap, check_space
from depthda.inference.trained_model import TrainedModel
from depthda.io.lock import own_folder
from depthda.version import __version__

_STEPS = 250  # a probability of 1 in the files of confidence and probabilities


@dataclass(frozen=True)
class MapOptions:
    """What is read of a scene and what is written beside the map.

    Attributes:
        settings: Windows and batches.
        bands: Bands of the image, counted from 1.
        stretch: Values of the image that become 0 and 255.
        depth: Depth map or heights of the scene, on its grid.
        heights: Heights that become 0 and 1; None: the lowest and the highest.
        area: Polygons; windows outside them are not computed.
        confidence: Write the highest probability of each pixel, too.
        probabilities: Write the probability of each class, too.
    """

    settings: Settings
    bands: tuple[int, ...] | None = None
    stretch: Range | None = None
    depth: Path | None = None
    heights: Range | None = None
    area: Path | None = None
    confidence: bool = False
    probabilities: bool = False

    def layers(self, classes: int) -> dict[str, int]:
        """Return the number of bands of each layer that is computed."""
        extra = {'confidence': self.confidence, 'probabilities': self.probabilities}
        bands = {'confidence': 1, 'probabilities': classes}
        return {'labels': 1} | {name: bands[name] for name, written in extra.items() if written}


@dataclass(frozen=True)
class MapResult:
    """A finished map.

    Attributes:
        files: What was written, the map first.
        pixels: Number of pixels of each class.
        hectares: Area of each class; None without a georeference.
        notes: What is suspicious about the scene or the map.
    """

    files: list[Path]
    pixels: dict[str, int]
    hectares: dict[str, float] | None
    notes: list[str] = field(default_factory=list)


def predict_map(
    model: TrainedModel,
    source: str | Path,
    out: str | Path,
    options: MapOptions,
    estimator: DepthEstimator | None = None,
) -> MapResult:
    """Predict a scene and write its map, whole or not at all; a stopped run goes on.

    Until the map is complete, finished rows are in the folder ``.<name>.part`` next to it.

    Args:
        model: The model.
        source: The scene.
        out: The map, a ``.tif``.
        options: What is read and written.
        estimator: Makes the depth that the model reads, if ``options`` has no file of it.
    """
    source, out = Path(source), Path(out)
    check_range('--depth-range', options.heights)
    _check_out(out, source)
    _check_depth(model, options, estimator)
    bands = Bands(model.bands, options.bands, options.stretch, model.dtype)
    folder = out.with_name(f'.{out.name}.part')
    layers = options.layers(len(model.classes))
    with ExitStack() as stack:
        grid, image = stack.enter_context(open_image(source, bands))
        check_space(folder, grid.height * grid.width * (2 * sum(layers.values()) + 4))
        stack.enter_context(own_folder(folder))
        identity = _identity(model, source, options, estimator)
        scratch = ScratchMap(folder, layers, (grid.height, grid.width), identity)
        scratch.open()
        if scratch.rows < grid.height:
            depth = None
            if model.needs_depth and options.depth is not None:
                other, depth = stack.enter_context(open_depth(options.depth, options.heights))
                if fault := grid.fault(other):
                    raise UserError(f'{options.depth} is not on the grid of {source}: {fault}.')
            elif model.needs_depth:
                batch = options.settings.batch
                making = scene_depth(estimator, source, bands, folder, identity, batch)
                _, depth = stack.enter_context(making)
            area = options.area and area_mask(grid, options.area)
            _fill(model, grid, (image, depth, area), options.settings, scratch)
        result = _write(model, source, out, grid, options, scratch)
        scratch.remove()
    return result


def _fill(
    model: TrainedModel,
    grid: Grid,
    sources: Sources,
    settings: Settings,
    scratch: ScratchMap,
) -> None:
    for top, logits, valid in scene_bands(model, grid, sources, settings, scratch.rows):
        scratch.write(top, _layers(logits, valid, scratch.layers))


def _layers(logits: Tensor, valid: np.ndarray, names: dict[str, int]) -> dict[str, np.ndarray]:
    """Return the rows of each layer from logits (K, n, W)."""
    found = {'labels': logits.argmax(0).to(torch.uint8)}
    if 'confidence' in names:
        # The largest probability: 1 over the sum of the others' ratios to it.
        highest = logits.amax(0, keepdim=True)
        found['confidence'] = _coded(1 / (logits - highest).exp().sum(0))
    if 'probabilities' in names:
        found['probabilities'] = _coded(logits.softmax(0))
    return {name: np.where(valid, rows.cpu().numpy(), NO_DATA) for name, rows in found.items()}


def _coded(probabilities: Tensor) -> Tensor:
    return (probabilities * _STEPS).round().to(torch.uint8)


def _write(
    model: TrainedModel,
    source: Path,
    out: Path,
    grid: Grid,
    options: MapOptions,
    scratch: ScratchMap,
) -> MapResult:
    tags = _tags(model, source, options)
    pixels, square_metres = _count(scratch, grid, len(model.classes))
    if not pixels.sum():
        scratch.remove()
        raise UserError(f'{source} has no pixel with data: check its no-data value and its mask.')
    hectares = None if square_metres is None else (square_metres / 10_000).tolist()
    files = [out]
    for name, bands in list(scratch.layers.items())[1:]:
        files.append(out.with_name(f'{out.stem}_{name}{out.suffix}'))
        names = model.classes if bands > 1 else [name]
        finish = described(names, tags, scale=1 / _STEPS)
        write_cog(files[-1], grid, bands, _reader(scratch, name), finish, 'average')
    finish = coloured(model.palette, tags)
    write_cog(out, grid, 1, _reader(scratch, 'labels'), finish, 'mode')
    write_class_table(out, model.classes, model.palette, pixels.tolist(), hectares)
    files.insert(1, class_table(out))
    named = dict(zip(model.classes, pixels.tolist(), strict=True))
    areas = hectares and dict(zip(model.classes, hectares, strict=True))
    return MapResult(files, named, areas, _notes(source, grid, named))


def _reader(scratch: ScratchMap, name: str):
    return lambda top, bottom: scratch.read(name, top, bottom)


def _count(scratch: ScratchMap, grid: Grid, classes: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the pixels of each class and their area in square metres."""
    areas = row_areas(grid)
    pixels, metres = np.zeros(classes, np.int64), np.zeros(classes)
    for row in range(grid.height):
        found = np.bincount(scratch.read('labels', row, row + 1).ravel(), minlength=256)[:classes]
        pixels += found
        metres += 0 if areas is None else found * areas[row]
    return pixels, None if areas is None else metres


def _notes(source: Path, grid: Grid, pixels: dict[str, int]) -> list[str]:
    notes = []
    if grid.crs is None:
        notes.append(f'{source} has no coordinate system, so the map has none, and no areas')
    present = [name for name, count in pixels.items() if count]
    if len(present) == 1:
        notes.append(
            f'the whole map is {present[0]}: check bands, --stretch and the pixel size of {source}'
        )
    return notes


def _identity(
    model: TrainedModel, source: Path, options: MapOptions, estimator: DepthEstimator | None
) -> dict[str, Any]:
    """Return everything that decides the rows of a map; the size of a batch does not."""
    settings = options.settings
    files = {'image': source, 'depth': options.depth, 'area': options.area}
    stats = {name: path and path.stat() for name, path in files.items()}
    return {
        'version': __version__,
        'model': model.about.get('sha256'),
        'depth_model': estimator and estimator.fingerprint,
        'files': {
            name: stat and [str(files[name].resolve()), stat.st_size, stat.st_mtime_ns]
            for name, stat in stats.items()
        },
        'settings': [settings.window, settings.overlap, settings.amp, settings.tta],
        'values': [options.bands, options.stretch, options.heights],
    }


def _tags(model: TrainedModel, source: Path, options: MapOptions) -> dict[str, str]:
    """Return what a map says of its origin; no time and no machine, so that runs are comparable."""
    settings = options.settings
    tags = {
        'SOFTWARE': f'depthda {__version__}',
        'SOURCE': source.name,
        'MODEL': model.about.get('file'),
        'MODEL_SHA256': model.about.get('sha256'),
        'MODEL_EXPERIMENT': model.about.get('experiment'),
        'CHECKPOINT_CHOSEN_BY': (model.about.get('selection') or {}).get('rule'),
        'DEPTH': options.depth.name if options.depth and model.needs_depth else None,
        'CLASSES': ', '.join(model.classes),
        'WINDOW': f'{settings.window}, overlap {settings.overlap}',
        'TEST_TIME_AUGMENTATION': settings.tta,
    }
    return {f'DEPTHDA_{key}': str(value) for key, value in tags.items() if value}


def _check_out(out: Path, source: Path) -> None:
    if out.suffix.lower() not in ('.tif', '.tiff'):
        raise UserError(f'--out {out}: a map is a GeoTIFF: give a name that ends in .tif.')
    if out.exists() and out.resolve() == source.resolve():
        raise UserError(f'--out {out} is the scene itself: give another name.')
    if not source.is_file():
        raise UserError(f'there is no scene {source}: give the path of an image.')


def _check_depth(
    model: TrainedModel, options: MapOptions, estimator: DepthEstimator | None
) -> None:
    if options.depth is not None and not model.needs_depth:
        warn(f'this model reads no depth at test time: {options.depth} is not used')
    if model.needs_depth and options.depth is None and estimator is None:
        raise UserError(
            f'this model reads depth ({model.depth_source}): add --depth FILE, the depth map or '
            'the heights of the scene, or --depth-model, which makes relative depth.'
        )
    if options.depth is not None and not options.depth.is_file():
        raise UserError(f'there is no depth map {options.depth}: correct --depth.')
