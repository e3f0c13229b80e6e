"""Any folder of images, with labels and heights or without, made into a set that is trained on."""

import functools
import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from depthda.datasets.pairing import Source, pair_by_stem
from depthda.depth.maps import clipping_warning
from depthda.errors import UserError
from depthda.io.headers import MAX_BANDS, check_upright, file_format, is_whole, misnamed
from depthda.io.lock import own_folder
from depthda.preparation import splits as parting
from depthda.preparation.class_list import IGNORED
from depthda.preparation.folder_heights import with_range
from depthda.preparation.folder_manifest import FolderManifest
from depthda.preparation.folder_rows import BLENDED, Cut
from depthda.preparation.folder_scene import (
    Scene,
    SceneGrid,
    cut_scene,
    find_grid,
    image_suffix,
    scene_name,
)
from depthda.preparation.folder_splits import (
    Splits,
    on_map,
    part_tiles,
    refuse_copies,
)
from depthda.workers import each_done, worker_pool

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FolderSettings:
    """What to make of a folder.

    Args:
        images: Folder of images; sub-folders belong to the names.
        labels, depth: Folders of the files that go with them; None: there are none.
        image_suffix, label_suffix, depth_suffix: Ends of the file names, the rest is what pairs
            them (``_RGB.tif``); None: any picture's.
        cut: How each is cut.
        splits: None: the set is not parted.
        domain: Written into the manifest, for figures per domain.
    """

    images: Path
    labels: Path | None = None
    depth: Path | None = None
    image_suffix: str | None = None
    label_suffix: str | None = None
    depth_suffix: str | None = None
    cut: Cut = field(default_factory=Cut)
    splits: Splits | None = None
    domain: str | None = None


def prepare_folder(
    out: str | os.PathLike,
    settings: FolderSettings,
    workers: int = 1,
    progress: Progress = lambda stage, done, total: None,
    replace: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write ``images``, ``labels`` and depth of a set below ``out``; gives ``manifest.json``.

    Tiles of one place have one name, ``<image>_<left>_<top>_<right>_<bottom>``, in all folders;
    ``<split>.txt`` lists those of a split. An image is entered into the manifest when its last tile
    is written, and is not cut again while its files stay as they are; so a run that was interrupted
    is ended by the next one.

    Args:
        out: The folder of the dataset.
        settings: What to make of which images.
        workers: Processes that cut.
        progress: Called with the stage, and how many of how many steps are done.
        replace: Remove what an earlier run left and this one would not write: tiles of other images
            or settings, and depth maps made of them. Without it such a folder is refused.
        report: Called with a sentence on what was removed, or a warning about the heights.
    """
    out = Path(out)
    _check(out, settings, workers)
    scenes = _find(settings)
    if out.exists() and not out.is_dir():
        raise UserError(f'{out} is a file: name a folder')
    with worker_pool(workers) as pool:
        depths = [scene.depth for scene in scenes if scene.depth]
        cut = with_range(settings.cut, depths, pool, progress, report)
        grids = _look(scenes, cut, progress)
        splits = part_tiles(grids, settings.splits)
        refuse_copies(scenes, grids, splits)
        jobs = [(scene, _boxes(grids[scene.name], splits)) for scene in scenes]
        names = settings.splits.names if settings.splits else []
        manifest = FolderManifest(out, _about(settings, cut, image_suffix(grids)))
        obsolete = manifest.compare(jobs, names, replace)
        with own_folder(out):
            manifest.begin(obsolete)
            if obsolete:
                report(f'removed from {out}: {obsolete}')
            try:
                left = [job for job in jobs if job[1] and not manifest.is_done(*job)]
                progress('images', 0, len(left))
                work = functools.partial(_cut, out=out, cut=cut)
                clipped = np.zeros(2, np.int64)
                for done, ((scene, _), facts) in enumerate(each_done(work, left, pool), 1):
                    clipped += facts.pop('clipped')
                    manifest.enter(scene, facts)
                    progress('images', done, len(left))
                for line in clipping_warning(*clipped, 'values of the images', '--stretch'):
                    report(line)
                manifest.finish(splits, names, _about_splits(grids, splits))
            except BaseException:
                manifest.abandon()
                raise
    return manifest.content


def _cut(job: tuple[Scene, dict[str, tuple]], out: Path, cut: Cut) -> dict[str, Any]:
    scene, boxes = job
    try:
        return cut_scene(scene, out, cut, boxes)
    except BaseException:
        # No manifest knows of them yet.
        for tile, product in itertools.product(boxes, ('images', 'labels', cut.depth_name)):
            for suffix in ('.png', '.tif'):
                (out / product / f'{tile}{suffix}').unlink(missing_ok=True)
        raise


def _check(out: Path, settings: FolderSettings, workers: int) -> None:
    """Refuse what no folder could make true."""
    cut = settings.cut
    if settings.labels is not None and cut.classes is None:
        raise UserError('--labels needs --classes FILE, the list that says what they mean')
    if cut.tile is not None and cut.tile < 1:
        raise UserError(f'--tile {cut.tile}: a tile has a side of 1 pixel or more')
    if cut.tile is not None and not 1 <= cut.stride <= cut.tile:
        raise UserError(
            f'tiles of {cut.tile} every {cut.stride} pixels: the stride has to be between 1 and '
            'the tile, or places would be left out'
        )
    if cut.tile is None and cut.stride is not None:
        raise UserError('--stride is about tiles: add --tile')
    for option, span in (('--depth-range', cut.depth_range), ('--stretch', cut.stretch)):
        if span is not None and not (all(map(math.isfinite, span)) and span[0] < span[1]):
            raise UserError(f'{option} {span[0]:g} {span[1]:g} is no range: give LOW HIGH')
    if settings.depth is None and (cut.depth_range or cut.warp):
        raise UserError('--depth-range and --warp-depth are about heights: add --depth')
    if settings.depth is None and (settings.depth_suffix or cut.depth_name != Cut.depth_name):
        raise UserError('--depth-name and --depth-suffix are about depth maps: add --depth')
    if settings.labels is None and settings.label_suffix:
        raise UserError('--label-suffix is about labels: add --labels')
    if cut.nearest_colour and not (settings.labels and cut.classes.coloured):
        raise UserError('--nearest-colour is about labels in colours, and there are none')
    if cut.bands and not (min(cut.bands) >= 1 and len(cut.bands) <= MAX_BANDS):
        raise UserError(f'--bands takes 1 to {MAX_BANDS} bands, counted from 1')
    if cut.stretch and cut.keep_values:
        raise UserError('--stretch makes 8 bits of the values that --keep-values keeps: drop one')
    if Path(cut.depth_name).is_absolute() or cut.depth_name.split('/')[0] in (
        '', '.', '..', 'images', 'labels'
    ):  # fmt: skip
        raise UserError(f'--depth-name {cut.depth_name!r} cannot be a folder beside images')
    splits = settings.splits
    if splits is not None and splits.shares is not None:
        parting.check_shares(splits.shares)
    for given in filter(None, (settings.images, settings.labels, settings.depth)):
        one, other = given.resolve(), out.resolve()
        if one == other or one in other.parents or other in one.parents:
            raise UserError(
                f'{given} and {out} lie in each other, so the next run would take tiles for '
                'images: name another folder'
            )
    if workers < 1:
        raise UserError(f'{workers} workers cannot cut anything: take 1 or more')


def _find(settings: FolderSettings) -> list[Scene]:
    """Every image with all that was asked for; what is missing is an error."""
    kinds = {'label': settings.labels, 'depth map': settings.depth}
    suffixes = {'label': settings.label_suffix, 'depth map': settings.depth_suffix}
    image = Source('image', str(settings.images), settings.image_suffix)
    others = [
        None if folder is None else Source(kind, str(folder), suffixes[kind])
        for kind, folder in kinds.items()
    ]
    scenes = []
    for pair in pair_by_stem(image, *others, check='names'):
        scenes.append(
            Scene(
                scene_name(os.path.relpath(pair['image'], settings.images), settings.image_suffix),
                *(Path(pair[kind]) if kind in pair else None for kind in ('image', *kinds)),
            )
        )
    names = [scene.name for scene in scenes]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UserError(f'two images would both be called {twice[0]}: rename one of them')
    return scenes


def _look(scenes: Sequence[Scene], cut: Cut, progress: Progress) -> dict[str, SceneGrid]:
    grids = {}
    for done, scene in enumerate(scenes, 1):
        _check_files(scene)
        grids[scene.name] = find_grid(scene, cut)
        progress('headers', done, len(scenes))
    return grids


def _check_files(scene: Scene) -> None:
    """Refuse what cannot be read as what its name says, or may lie either way."""
    for product, path in scene.files.items():
        if not is_whole(path):
            if product == 'labels' and file_format(path) == 'JPEG':
                raise UserError(f'{path} {BLENDED}')
            fault = misnamed(path) or 'cut short, or no picture at all: write it again'
            raise UserError(f'{path} is {fault}')
        check_upright(path)


def _about_splits(
    grids: Mapping[str, SceneGrid], splits: Mapping[str, str | None]
) -> dict[str, int]:
    return dict(
        crossing=sum(split is None for split in splits.values()),
        unlisted=sum(splits.keys().isdisjoint(grid.boxes) for grid in grids.values()),
        shared=parting.shared_ground(on_map(grids), splits),
    )


def _about(settings: FolderSettings, cut: Cut, suffix: str) -> dict[str, Any]:
    """What the manifest says of the whole; folders are left out, for data sets are moved."""
    classes = cut.classes
    plain = asdict(cut) | dict(splits=settings.splits and asdict(settings.splits))
    plain['classes'] = classes and [
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
        settings=_as_json(plain),
    )


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, (list, tuple)) else value


def _boxes(grid: SceneGrid, splits: Mapping[str, str | None]) -> dict[str, tuple]:
    return {tile: box for tile, box in grid.boxes.items() if splits.get(tile) is not None}
