"""Prepare a folder of images, with or without labels and heights, for training."""

import json
import os
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from depthda.datasets.class_list import IGNORED
from depthda.datasets.pairing import Source, pair_by_stem
from depthda.depth.maps import clipping_warning, read_depth
from depthda.depth.surface.spans import height_spans
from depthda.errors import UserError
from depthda.io.grids import Placed, check_aligned, place, warp
from depthda.io.headers import MAX_BANDS, check_upright, file_format, is_complete, misnamed
from depthda.io.manifest import read_manifest
from depthda.io.polygons import is_polygon_file
from depthda.preparation.cut import LABELS_IN_JPEG, DepthRows, ImageRows, LabelRows, Rows, cut_scene
from depthda.preparation.heights import with_range
from depthda.preparation.manifest import PreparedScenes
from depthda.preparation.polygon_rows import PolygonRows
from depthda.preparation.scene import (
    Cut,
    ProductFile,
    Progress,
    Report,
    Scene,
    check_options,
    find_tiles,
    output_suffix,
    scene_name,
)
from depthda.preparation.splits import Splits, split_counts, split_tiles
from depthda.workers import each_done, worker_pool

_KINDS = {'image': 'images', 'label': 'labels', 'depth map': 'depth'}
_FEW_LEVELS = 16  # of 256; an image with fewer levels than this shows hardly anything


@dataclass(frozen=True)
class FolderSettings:
    """The files of a dataset and how they are prepared."""

    images: Path  # folder of the images; sub-folders become part of their names
    labels: Path | None = None  # folder of label maps, or a file of polygons; None: no labels
    depth: Path | None = None  # folder of depth maps or heights; None: no depth
    # Endings of file names, such as ``_RGB.tif``. Files pair up if the rest of their names is the
    # same. None: the suffix of any picture.
    image_suffix: str | None = None
    label_suffix: str | None = None
    depth_suffix: str | None = None
    cut: Cut = field(default_factory=Cut)
    splits: Splits | None = None  # None: the dataset is not split
    domain: str | None = None  # recorded in the manifest, so that scores are given per domain


def prepare_folder(
    out: str | os.PathLike,
    settings: FolderSettings,
    workers: int = 1,
    progress: Progress = lambda stage, done, total: None,
    replace: bool = False,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Write ``images``, ``labels`` and depth of a dataset to ``out``, and return its manifest.

    Tiles of the same position have the same name in all folders:
    ``<image>_<left>_<top>_<right>_<bottom>``. ``<split>.txt`` lists the tiles of a split. An image
    is entered into the manifest when its last tile is written, and is not cut again while its files
    stay the same. So the next run finishes an interrupted one.

    Args:
        progress: Called with the stage, the number of steps done, and the number of all steps.
        replace: Remove files of an earlier run that this run would not write: tiles of other images
            or settings, and depth maps made from them. Without it, a folder with such files is
            refused.
        report: Called with a sentence about removed files, or a warning about values or heights.
    """
    out = Path(out)
    _check_settings(out, settings, workers)
    scenes = _find_scenes(settings)
    with worker_pool(workers) as pool:
        sources = [source for scene in scenes for source in scene.files.values()]
        depths = [source.file for source in sources if source.kind == 'depth']
        spans = partial(height_spans, pool=pool, progress=progress, report=report)
        cut = with_range(settings.cut, depths, spans, report)
        for n, scene in enumerate(scenes):
            _check_files(scene)
            scenes[n] = find_tiles(scene, cut)
            progress('headers', n + 1, len(scenes))
        if cut.stretch is not None:
            _refuse_8_bits(scenes)
        splits = split_tiles(scenes, settings.splits)
        counts = split_counts(scenes, splits)
        for n, scene in enumerate(scenes):
            written = [tile for tile in scene.boxes if splits.get(tile) is not None]
            scenes[n] = scene._replace(boxes={tile: scene.boxes[tile] for tile in written})
        names = settings.splits.names if settings.splits else []
        about = _describe_dataset(settings, cut, output_suffix(scenes, cut))
        _check_domains(out, settings.domain, about['classes'])
        dataset = PreparedScenes(out, about)
        remaining = dataset.plan(scenes, names, replace)
        with dataset.writing(report):
            work = partial(cut_scene, out=out, cut=cut, open_rows=_open_rows)
            clipped, levels = np.zeros(2, np.int64), set()
            for scene, facts in each_done(work, remaining, pool, partial(progress, 'images')):
                clipped += facts['products']['images'].pop('clipped', 0)
                levels |= facts['products']['images'].pop('levels', {0, 255})
                dataset.enter_scene(scene, facts)
            for line in _stretch_warnings(cut, clipped, levels):
                report(line)
            dataset.finish_splits(splits, names, counts)
    return dataset.content


def _stretch_warnings(cut: Cut, clipped: np.ndarray, levels: set[int]) -> list[str]:
    """Return a warning if a stretch clips most values or uses few of the 256 levels."""
    low, high = min(levels, default=0), max(levels, default=255)
    if clipped[0] or high - low >= _FEW_LEVELS:
        return clipping_warning(*clipped, 'values of the images', '--stretch')
    span = ' '.join(f'{end:g}' for end in cut.stretch)
    return [
        f'warning: with --stretch {span}, the images only use the levels {low} to {high} of 0 to '
        '255: choose LOW and HIGH near the lowest and highest values of the images'
    ]


def _open_rows(product, source: ProductFile, raster, image, cut: Cut, opened) -> Rows:
    """Open an image, a label, a depth map (PNG) or a file of heights (TIFF) for ``cut_scene``."""
    if source.kind == 'images':
        return ImageRows(source.file, raster, source.bands, cut.stretch)
    if source.kind == 'polygons':
        return PolygonRows(source.file, image, cut.classes, cut.class_field)
    if source.kind == 'labels':
        check_aligned(raster, image)
        return LabelRows(source.file, raster, cut.classes, cut.nearest_colour)
    if source.file.suffix.lower() == '.png':
        check_aligned(raster, image, by_size=True)
        depth = DepthRows(source.file, Placed(raster, 0, 0), image.width, None)
        depth.all_rows = read_depth(source.file)
        return depth
    if cut.warp:
        placed = opened.enter_context(warp(raster, image))
    else:
        placed = place(raster, image, ', or use --warp-depth')
    return DepthRows(source.file, placed, image.width, cut.depth_range)


def _check_settings(out: Path, settings: FolderSettings, workers: int) -> None:
    """Refuse settings that contradict each other, before any file is read."""
    cut, labels, depth = settings.cut, settings.labels, settings.depth
    ranges = {'--depth-range': cut.depth_range, '--stretch': cut.stretch}
    has_colours = labels and cut.classes and cut.classes.coloured
    polygons = labels and is_polygon_file(labels)
    needs = (
        ('--labels', labels, '--classes', cut.classes),
        ('--label-suffix', settings.label_suffix, '--labels', labels),
        ('--class-field', cut.class_field, '--labels FILE.gpkg', polygons),
        ('--labels with polygons', polygons, '--class-field', cut.class_field),
        ('--nearest-colour', cut.nearest_colour, '--labels with colours', has_colours),
        ('--stride', cut.stride, '--tile', cut.tile is not None),
        ('--depth-range', cut.depth_range, '--depth', depth),
        ('--warp-depth', cut.warp, '--depth', depth),
        ('--depth-suffix', settings.depth_suffix, '--depth', depth),
        ('--depth-name', cut.depth_name != Cut.depth_name, '--depth', depth),
    )
    check_options(cut.tile, cut.stride, workers, ranges, needs)
    if cut.bands and not (min(cut.bands) >= 1 and len(cut.bands) <= MAX_BANDS):
        raise UserError(f'--bands needs 1 to {MAX_BANDS} band numbers, each of them 1 or more')
    if cut.stretch and cut.keep_values:
        raise UserError('--stretch reduces values to 8 bits, but --keep-values keeps 16: use one')
    first, *_ = cut.depth_name.split('/')
    if os.path.isabs(cut.depth_name) or first in ('', '.', '..', 'images', 'labels'):
        raise UserError(
            f'--depth-name {cut.depth_name!r} cannot be a folder next to images: use a relative '
            'path that does not begin with images, labels or dots'
        )
    for source in filter(None, (settings.images, labels, depth)):
        source_path, out_path = source.resolve(), out.resolve()
        if source_path.is_relative_to(out_path) or out_path.is_relative_to(source_path):
            raise UserError(
                f'{source} and {out} overlap, so the next run would mistake tiles for images: '
                'choose another output folder'
            )


def _find_scenes(settings: FolderSettings) -> list[Scene]:
    """Find every image and the files that belong to it; a missing file is an error."""
    image = Source('image', str(settings.images), settings.image_suffix)
    polygons = settings.labels if settings.labels and is_polygon_file(settings.labels) else None
    folder = None if polygons else settings.labels
    label = folder and Source('label', str(folder), settings.label_suffix)
    depth = settings.depth and Source('depth map', str(settings.depth), settings.depth_suffix)
    folders = _KINDS | {'depth map': settings.cut.depth_name}
    scenes: dict[str, Scene] = {}
    for pair in pair_by_stem(image, label, depth, check='names'):
        name = scene_name(os.path.relpath(pair['image'], settings.images), settings.image_suffix)
        if name in scenes:
            raise UserError(f'two images would both be called {name}: rename one of them')
        files = {folders[kind]: ProductFile(Path(pair[kind]), kind=_KINDS[kind]) for kind in pair}
        if polygons:
            files['labels'] = ProductFile(polygons, kind='polygons')
        scenes[name] = Scene(name, files, files['images'].file)
    return [*scenes.values()]


def _check_files(scene: Scene) -> None:
    """Refuse files with a wrong suffix, incomplete files, and files with an orientation tag."""
    for path, _, kind in scene.files.values():
        if kind == 'polygons':
            continue
        if not is_complete(path):
            fault = f'is {misnamed(path) or "truncated, or not an image: export it again"}'
            is_jpeg_label = kind == 'labels' and file_format(path) == 'JPEG'
            raise UserError(f'{path} {LABELS_IN_JPEG if is_jpeg_label else fault}')
        check_upright(path)


def _refuse_8_bits(scenes: list[Scene]) -> None:
    """Refuse 8-bit images, which a stretch meant for more bits would make nearly black."""
    with_8_bits = [scene.reference for scene in scenes if scene.dtype == 'uint8']
    others = [scene for scene in scenes if scene.dtype != 'uint8']
    if with_8_bits:
        fault = f'{with_8_bits[0]} has 8-bit values, which --stretch would darken'
        fix = 'leave out --stretch'
        if others:
            fault += f', but {others[0].reference} has {others[0].dtype}'
            fix = f'prepare them as two datasets, and {fix} for the 8-bit images'
        raise UserError(f'{fault}: {fix}')


def _describe_dataset(settings: FolderSettings, cut: Cut, suffix: str) -> dict[str, Any]:
    """Describe the dataset for the manifest, without paths, because datasets are moved."""
    classes = cut.classes
    options = asdict(cut) | dict(splits=settings.splits and asdict(settings.splits))
    options['classes'] = classes and [
        ['ignore' if index == IGNORED else classes.names[index], key]
        for key, index in classes.values.items()
    ]
    return dict(
        domain=settings.domain,
        classes=classes and list(classes.names),
        palette=classes and classes.palette,
        labels=settings.labels is not None,
        depth=cut.depth_name if settings.depth else None,
        image_suffix=suffix,
        settings=json.loads(json.dumps(options)),  # turns tuples into lists, as in a read manifest
    )


def _check_domains(out: Path, domain: str | None, classes: list[str] | None) -> None:
    """Refuse a domain whose classes differ from those of other domains in the parent folder."""
    manifests = out.absolute().parent.glob('*/manifest*.json') if domain and classes else ()
    for folder in sorted({path.parent for path in manifests} - {out.absolute()}):
        other = read_manifest(folder) or {}
        if other.get('domain') and other.get('classes') and other['classes'] != classes:
            raise UserError(
                f'the domain {other["domain"]} in {folder} has the classes '
                f'{", ".join(other["classes"])}: all domains of a dataset need the same classes in '
                'the same order'
            )
