"""ISPRS Potsdam and Vaihingen: orthophotos, label pictures and surface models made into tiles."""

import functools
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthda.errors import UserError, many
from depthda.io.lock import own_folder
from depthda.io.manifest import write_manifest
from depthda.preparation import isprs_manifest
from depthda.preparation.folder_heights import height_spans
from depthda.preparation.isprs_area import Area, Range, cut_area
from depthda.preparation.isprs_files import (
    LAYOUTS,
    Layout,
    every_area,
    find_areas,
    packed_twice,
)
from depthda.preparation.sources import SourceFile, list_files
from depthda.workers import each_done, worker_pool

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class IsprsSettings:
    """What to make of a download.

    Args:
        dataset: ``'potsdam'`` or ``'vaihingen'``.
        tile: Side of a tile; None: 896 for Potsdam, 512 for Vaihingen.
        stride: From one tile to the next; None: ``tile``.
        bands: Orthophotos to cut, each into ``images_<bands>``.
        labels: ``'full'``; ``'no-boundary'``, where the borders of objects are ignored; None.
        depth: Surface models to cut: ``'dsm'``, ``'ndsm'``.
        areas: Cut these areas alone; None: every one that has an orthophoto.
        dsm_range: Heights in metres that become 0 and 1, what is outside is clipped; None: lowest
            and highest of all DSMs there are.
        nearest_colour: Give a label of no class colour the nearest one's class.
    """

    dataset: str
    tile: int | None = None
    stride: int | None = None
    bands: tuple[str, ...] = ('irrg',)
    labels: str | None = 'full'
    depth: tuple[str, ...] = ('dsm',)
    areas: tuple[str, ...] | None = None
    dsm_range: Range | None = None
    nearest_colour: bool = False


def prepare_isprs(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    settings: IsprsSettings,
    workers: int = 1,
    progress: Progress = lambda stage, done, total: None,
    replace: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Cut what the zips and folders hold into tiles below ``out``; gives ``manifest.json``.

    Tiles of one place have one name, ``<area>_<left>_<top>_<right>_<bottom>``, in the folders
    ``images_<bands>``, ``labels``, ``dsm`` and ``ndsm``. An area is entered into the manifest when
    its last tile is written, and is not cut again while its files stay as they are; so a run that
    was interrupted is ended by the next one, which may also add bands or a surface model.
    ``progress`` is called with the stage, and how many of how many steps are done. Tiles that were
    cut from other files are replaced only with ``replace``; ``report`` is called with what goes.
    """
    layout = _check(settings, workers)
    out = Path(out)
    # Every zip is looked at before the first byte is written.
    files = list_files(sources)
    shown = _shown(sources)
    found = _find(layout, settings, files, shown)
    tile = settings.tile or layout.tile
    fixed = dict(dataset=settings.dataset, tile=tile, stride=settings.stride or tile)
    manifest = isprs_manifest.read(out, fixed, settings.labels)
    areas = isprs_manifest.left_to_do(out, found, manifest)
    obsolete = isprs_manifest.find_obsolete(out, areas, manifest, replace)
    with own_folder(out), worker_pool(workers) as pool:
        isprs_manifest.remove_leftovers(out)
        try:
            if 'dsm' in settings.depth:
                pieces = find_areas(layout, 'dsm', files, shown)
                dsms = [piece.file for piece in pieces.values()]
                manifest['dsm_range'] = _dsm_range(
                    settings.dsm_range, dsms, manifest, pool, progress, report
                )
            write_manifest(out, manifest, complete=False)
            obsolete.remove()
            if obsolete:
                report(f'removed from {out}: {obsolete}')
            _cut_areas(areas, out, settings, manifest, pool, progress)
        except BaseException:
            isprs_manifest.abandon(out, manifest)
            raise
        write_manifest(out, manifest, complete=True)
    return manifest


def _cut_areas(
    areas: Sequence[Area],
    out: Path,
    settings: IsprsSettings,
    manifest: dict[str, Any],
    pool: Executor | None,
    progress: Progress,
) -> None:
    """Cut areas, and enter each into the manifest when its last tile is written."""
    cut = functools.partial(
        _cut_area,
        out=out,
        tile=manifest['tile'],
        stride=manifest['stride'],
        dsm_range=manifest['dsm_range'] and manifest['dsm_range']['metres'],
        nearest_colour=settings.nearest_colour,
    )
    progress('areas', 0, len(areas))
    for done, (area, entry) in enumerate(each_done(cut, areas, pool), 1):
        isprs_manifest.enter(manifest, area, entry)
        write_manifest(out, manifest, complete=False)
        progress('areas', done, len(areas))


def _cut_area(area: Area, out: Path, **settings) -> dict[str, Any]:
    try:
        return cut_area(area, out, **settings)
    except BaseException:
        # No manifest knows of them yet.
        for product in area.pieces:
            for path in (out / product).glob(f'{area.name}_*_*_*_*.png'):
                path.unlink()
        raise


def _shown(sources: Sequence[str | os.PathLike]) -> str:
    more = len(sources) - 1
    return f'{sources[0]}' + (f' (and {more} more)' if more else '')


def _check(settings: IsprsSettings, workers: int) -> Layout:
    """Refuse what no download could make true; gives the layout of the data set."""
    layout = LAYOUTS[settings.dataset]
    absent = [band for band in settings.bands if band not in layout.bands]
    if absent or not settings.bands:
        raise UserError(
            f'{settings.dataset} has no bands {", ".join(absent) or "left"}: use '
            f'{" and ".join(layout.bands)}'
        )
    tile = layout.tile if settings.tile is None else settings.tile
    stride = tile if settings.stride is None else settings.stride
    if tile < 1 or not 1 <= stride <= tile:
        raise UserError(
            f'tiles of {tile} every {stride} pixels: the stride has to be between 1 and the tile, '
            'or places would be left out'
        )
    odd = [area for area in settings.areas or () if area not in layout.dataset.SPLITS['all']]
    if odd:
        raise UserError(
            f'{settings.dataset} has no area {", ".join(odd)}: name them as '
            f'{layout.dataset.SPLITS["all"][0]}'
        )
    if settings.dsm_range is not None:
        low, high = settings.dsm_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UserError(f'the DSM range {low:g} to {high:g} is none: give LOW HIGH in metres')
        if 'dsm' not in settings.depth:
            raise UserError('a DSM range is given and no DSM asked for: add dsm to --depth')
    if settings.nearest_colour and settings.labels is None:
        raise UserError('--nearest-colour is about labels, and --labels is none: leave one out')
    if workers < 1:
        raise UserError(f'{workers} workers cannot cut anything: take 1 or more')
    return layout


def _find(
    layout: Layout, settings: IsprsSettings, files: Sequence[SourceFile], sources: str
) -> list[Area]:
    """Every area to be had with all that was asked for; what is missing is an error."""
    kinds = {f'images_{band}': band for band in settings.bands}
    if settings.labels is not None:
        kinds['labels'] = settings.labels
    kinds |= {depth: depth for depth in settings.depth}
    _refuse_unknown(layout, settings.bands, files)
    found = {product: find_areas(layout, kind, files, sources) for product, kind in kinds.items()}
    photos = found[f'images_{settings.bands[0]}']
    names = list(photos) if settings.areas is None else list(settings.areas)
    for product, by_area in found.items():
        missing = [name for name in names if name not in by_area]
        if missing:
            raise UserError(
                f'{len(missing)} of {many(len(names), "area")} without '
                f'{layout.kinds[kinds[product]].title} in {sources} ({", ".join(missing)}): give '
                f'it too, or name the areas to cut by --areas{packed_twice(files)}'
            )
    return [
        Area(name, {product: found[product][name] for product in found}, photos[name].file)
        for name in names
    ]


def _refuse_unknown(layout: Layout, bands: Sequence[str], files: Sequence[SourceFile]) -> None:
    """Refuse an orthophoto of an area that the dataset does not have: it would be left out."""
    every = layout.dataset.SPLITS['all']
    kinds = {kind for band in bands for kind in (band, *layout.also_in.get(band, ())[:1])}
    for kind in sorted(kinds):
        for area, file in every_area(layout, kind, files).items():
            if area not in every:
                raise UserError(
                    f'{file} is of the unknown area {area}: {layout.dataset.__name__} has '
                    f'{", ".join(every)}; correct its name or take it out'
                )


def _dsm_range(
    given: Range | None,
    dsms: Sequence[SourceFile],
    manifest: dict[str, Any],
    pool: Executor | None,
    progress: Progress,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """The one range of all heights: with one for each area, equal heights would differ."""
    before = manifest['dsm_range']
    files = None if given else [isprs_manifest.identity(file) for file in dsms]
    if before and before['of'] == files and given in (None, tuple(before['metres'])):
        return before
    spans = height_spans(dsms, given, '--dsm-range', pool, progress, report)
    if empty := [file for file in dsms if file not in spans]:
        raise UserError(f'{empty[0]} holds no height at all: unpack it again')
    every = spans.values()
    metres = given or (min(span.low for span in every), max(span.high for span in every))
    now = dict(metres=list(metres), of=files)
    written = any('dsm' in entry['products'] for entry in manifest['areas'].values())
    if written and before['metres'] != now['metres']:
        (low, high), (new_low, new_high) = before['metres'], now['metres']
        raise UserError(
            f'the DSM tiles there go from {low!r} to {high!r} m, and now it would be {new_low!r} '
            f'to {new_high!r} m: keep to --dsm-range {low!r} {high!r}, or name another folder'
        )
    return now
