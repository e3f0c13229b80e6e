"""Prepare ISPRS Potsdam and Vaihingen: cut orthophotos, labels and surface models into tiles."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from depthda.datasets.isprs_areas import CLASSES, PALETTE
from depthda.errors import UserError, many
from depthda.preparation.class_list import IGNORED, ClassList
from depthda.preparation.cut import DepthRows, ImageRows, LabelRows, Rows, cut_scene
from depthda.preparation.grids import check_aligned, place
from depthda.preparation.heights import Span, height_spans, whole_range
from depthda.preparation.isprs_files import LAYOUTS, Layout, find_areas, packed_twice
from depthda.preparation.manifest import PreparedAreas, identity
from depthda.preparation.scene import Cut, Piece, Progress, Range, Report, Scene, check_options
from depthda.preparation.sources import SourceFile, list_files
from depthda.workers import each_done, worker_pool

# Black is the boundary between objects, where the benchmark does not count.
_COLOURS = {tuple(colour): index for index, colour in enumerate(PALETTE)} | {(0, 0, 0): IGNORED}
LABELS = ClassList(CLASSES, _COLOURS, coloured=True)
# All 8-bit maps are read as (value + 1) / 256: 0 is the ground, and not "no depth".
_NDSM_RANGE = (-1.0, 255.0)


@dataclass(frozen=True)
class IsprsSettings:
    """What to make of a download."""

    dataset: str  # 'potsdam' or 'vaihingen'
    tile: int | None = None  # side of a tile; None: 896 for Potsdam, 512 for Vaihingen
    stride: int | None = None  # distance from one tile to the next; None: ``tile``
    bands: tuple[str, ...] = ('irrg',)  # orthophotos to cut, each into ``images_<bands>``
    labels: str | None = 'full'  # or 'no-boundary', where the borders of objects are ignored
    depth: tuple[str, ...] = ('dsm',)  # surface models to cut: 'dsm', 'ndsm'
    areas: tuple[str, ...] | None = None  # the areas to cut; None: all that have an orthophoto
    # Heights in metres that become 0 and 1; None: the lowest and highest of the whole download.
    dsm_range: Range | None = None
    nearest_colour: bool = False  # give a colour without a class that of the nearest colour


def prepare_isprs(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    settings: IsprsSettings,
    workers: int = 1,
    progress: Progress = lambda stage, done, total: None,
    replace: bool = False,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Cut what the zips and folders hold into tiles in ``out``, and return the manifest.

    Tiles of one place have one name, ``<area>_<left>_<top>_<right>_<bottom>``, in the folders
    ``images_<bands>``, ``labels``, ``dsm`` and ``ndsm``. An area is entered into the manifest when
    its last tile is written, and is not cut again while its files stay the same. So the next run
    finishes an interrupted one, and may add bands or a surface model. Tiles that were cut from
    other files are replaced only with ``replace``. For the other arguments see ``prepare_folder``.
    """
    layout = LAYOUTS[settings.dataset]
    tile = layout.tile if settings.tile is None else settings.tile
    stride = tile if settings.stride is None else settings.stride
    needs = (
        ('--dsm-range', settings.dsm_range, '--depth dsm', 'dsm' in settings.depth),
        ('--nearest-colour', settings.nearest_colour, '--labels full', settings.labels),
    )
    check_options(tile, stride, workers, {'--dsm-range': settings.dsm_range}, needs)
    _check(layout, settings)
    # Every zip is inspected before the first byte is written.
    files = list_files(sources)
    shown = str(sources[0]) + (f' (and {len(sources) - 1} more)' if sources[1:] else '')
    areas = _find_areas(layout, settings, files, shown)
    about = dict(dataset=settings.dataset, tile=tile, stride=stride, labels=settings.labels)
    about |= dict(classes=list(CLASSES), dsm_range=None)
    dataset = PreparedAreas(Path(out), about, layout.areas)
    remaining = dataset.plan(areas, replace)
    with worker_pool(workers) as pool:
        span = None
        if 'dsm' in settings.depth:
            dsms = [piece.file for piece in find_areas(layout, 'dsm', files, shown).values()]
            spans = partial(height_spans, pool=pool, progress=progress, report=report)
            found = _dsm_range(settings.dsm_range, dsms, dataset.content, spans)
            dataset.content['dsm_range'], span = found, found['metres']
        cut = Cut(tile, stride, nearest_colour=settings.nearest_colour, depth_range=span)
        work = partial(cut_scene, out=dataset.root, cut=cut, open_rows=_open_rows)
        with dataset.writing(report):
            for area, facts in each_done(work, remaining, pool, partial(progress, 'areas')):
                dataset.enter_scene(area, facts)
            dataset.finish()
    return dataset.content


def _open_rows(product: str, piece: Piece, raster, image, cut: Cut, opened) -> Rows:
    """Open an orthophoto, a label or a surface model for ``cut_scene``."""
    if product in ('dsm', 'ndsm'):
        if product == 'ndsm' and raster.dtypes[0] != 'uint8':
            raise UserError(f'{piece.file} is {raster.dtypes[0]}: an nDSM of ISPRS has 8 bits')
        span = cut.depth_range if product == 'dsm' else _NDSM_RANGE
        return _Heights(piece.file, place(raster, image), image.width, span)
    check_aligned(raster, image, by_size=True)
    if product == 'labels':
        return _Labels(piece.file, raster, LABELS, cut.nearest_colour)
    number, word = (4, 'four') if piece.kind == 'rgbir' else (3, 'three')
    if raster.count != number or raster.dtypes[0] != 'uint8':
        raise UserError(
            f'{piece.file} has {many(raster.count, "band")} of {raster.dtypes[0]}: an orthophoto '
            f'of {piece.kind.upper()} has {word} of 8 bits'
        )
    return ImageRows(piece.file, raster, piece.bands)


class _Labels(LabelRows):
    """Labels that are read at once: the manifest counts each pixel once, not those of tiles."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.whole = self(0, self.raster.height)

    def facts(self) -> dict[str, Any]:
        numbers = np.bincount(self.whole.ravel(), minlength=IGNORED + 1).tolist()
        pixels = dict(zip(CLASSES, numbers, strict=False)) | dict(ignored=numbers[IGNORED])
        return dict(recoloured=self.recoloured, pixels=pixels)


class _Heights(DepthRows):
    def facts(self) -> dict[str, Any]:
        size, first = (self.raster.width, self.raster.height), (self.placed.column, self.placed.row)
        return dict(size=[*size], first=[*first])


def _check(layout: Layout, settings: IsprsSettings) -> None:
    """Refuse settings that contradict each other, whatever the download holds."""
    absent = [band for band in settings.bands if band not in layout.bands]
    if absent or not settings.bands:
        raise UserError(
            f'{settings.dataset} has no bands {", ".join(absent) or "left"}: use '
            f'{" and ".join(layout.bands)}'
        )
    if unknown := [area for area in settings.areas or () if area not in layout.areas]:
        raise UserError(
            f'{settings.dataset} has no area {", ".join(unknown)}: it has {", ".join(layout.areas)}'
        )


def _find_areas(
    layout: Layout, settings: IsprsSettings, files: Sequence[SourceFile], sources: str
) -> list[Scene]:
    """Find every area with all that was asked for; a missing file is an error."""
    kinds = {f'images_{band}': band for band in settings.bands}
    kinds |= {'labels': settings.labels} if settings.labels else {}
    kinds |= {depth: depth for depth in settings.depth}
    found = {product: find_areas(layout, kind, files, sources) for product, kind in kinds.items()}
    photos = found[f'images_{settings.bands[0]}']
    names = list(photos if settings.areas is None else settings.areas)
    for product, by_area in found.items():
        if missing := [name for name in names if name not in by_area]:
            raise UserError(
                f'{len(missing)} of {many(len(names), "area")} have no '
                f'{layout.kinds[kinds[product]].title} in {sources} ({", ".join(missing)}): give '
                f'it too, or name the areas to cut with --areas{packed_twice(files)}'
            )
    pieces = {name: {product: found[product][name] for product in found} for name in names}
    return [Scene(name, pieces[name], photos[name].file) for name in names]


def _dsm_range(
    given: Range | None,
    dsms: Sequence[SourceFile],
    manifest: dict[str, Any],
    read_spans: Callable[..., dict[SourceFile, Span]],
) -> dict[str, Any]:
    """Return the one range of all heights: with one per area, equal heights would differ."""
    before = manifest['dsm_range']
    files = None if given else [identity(file) for file in dsms]
    if before and before['of'] == files and given in (None, tuple(before['metres'])):
        return before
    spans = read_spans(dsms, given, '--dsm-range')
    if empty := [file for file in dsms if file not in spans]:
        raise UserError(f'{empty[0]} holds no height at all: unpack it again')
    now = dict(metres=list(given or whole_range(spans)), of=files)
    is_cut = any('dsm' in entry['products'] for entry in manifest['areas'].values())
    if is_cut and before['metres'] != now['metres']:
        (low, high), (new_low, new_high) = before['metres'], now['metres']
        raise UserError(
            f'the DSM tiles there go from {low!r} to {high!r} m, and now it would be {new_low!r} '
            f'to {new_high!r} m: keep --dsm-range {low!r} {high!r}, or name another folder'
        )
    return now
