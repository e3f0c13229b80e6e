"""ISPRS Potsdam and Vaihingen: orthophotos, label pictures and surface models made into tiles."""

import functools
import json
import math
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

import depthda
from depthda.datasets.isprs import CLASSES
from depthda.datasets.preparation.isprs_area import Area, Range, cut_area, height_range
from depthda.datasets.preparation.isprs_files import LAYOUTS, Layout, find_areas, list_files
from depthda.errors import UserError
from depthda.files import write_json

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
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
    source: str | os.PathLike,
    out: str | os.PathLike,
    settings: Settings,
    workers: int = 1,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Cut the download below ``source`` into tiles below ``out``; gives ``manifest.json``.

    Tiles of one place have one name, ``<area>_<left>_<top>_<right>_<bottom>``, in the folders
    ``images_<bands>``, ``labels``, ``dsm`` and ``ndsm``. An area is entered into the manifest when
    its last tile is written, and is not cut again while its files stay as they are; so a run that
    was interrupted is ended by the next one, which may also add bands or a surface model.
    ``progress`` is called with the stage, and how many of how many steps are done.
    """
    layout = _check(settings, workers)
    source, out = Path(source), Path(out)
    files = list_files(source)
    found = _find(layout, settings, files, source)
    manifest = _begin(layout, settings, source, out)
    with _pool(workers) as pool:
        if 'dsm' in settings.depth:
            dsms = find_areas(layout, 'dsm', files, source)
            manifest['dsm_range'] = _dsm_range(settings, dsms, manifest, pool, progress)
        areas = _left_to_do(out, found, manifest)
        write_json(out / 'manifest.json', manifest)
        cut = functools.partial(
            cut_area,
            out=out,
            tile=manifest['tile'],
            stride=manifest['stride'],
            dsm_range=manifest['dsm_range'] and manifest['dsm_range']['metres'],
            nearest_colour=settings.nearest_colour,
        )
        progress('areas', 0, len(areas))
        for done, (area, entry) in enumerate(_map(cut, areas, pool), 1):
            _enter(manifest, area, entry)
            write_json(out / 'manifest.json', manifest)
            progress('areas', done, len(areas))
    return manifest


def _enter(manifest: dict[str, Any], area: Area, entry: dict[str, Any]) -> None:
    """Say in the manifest what was cut of ``area``, beside what it says of it already."""
    known = manifest['areas'].setdefault(area.name, {'products': {}})
    known['size'], known['tiles'] = entry['size'], entry['tiles']
    for product, facts in entry['products'].items():
        known['products'][product] = _identity(area.files[area.products[product]]) | facts


def _check(settings: Settings, workers: int) -> Layout:
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


def _find(layout: Layout, settings: Settings, files: list[Path], source: Path) -> list[Area]:
    """Every area to be had with all that was asked for; what is missing is an error."""
    products = {f'images_{band}': band for band in settings.bands}
    if settings.labels is not None:
        products['labels'] = settings.labels
    products |= {depth: depth for depth in settings.depth}
    found = {kind: find_areas(layout, kind, files, source) for kind in products.values()}
    photos = found[settings.bands[0]]
    names = list(photos) if settings.areas is None else list(settings.areas)
    for kind, by_area in found.items():
        missing = [name for name in names if name not in by_area]
        if missing:
            raise UserError(
                f'{len(missing)} of {len(names)} areas have no {layout.kinds[kind].title} below '
                f'{source} ({", ".join(missing)}): unpack it, or name the areas to cut by --areas'
            )
    return [
        Area(name, products, {kind: found[kind][name] for kind in found}, photos[name])
        for name in names
    ]


def _begin(layout: Layout, settings: Settings, source: Path, out: Path) -> dict[str, Any]:
    """The manifest that is there, or a new one; refuses a folder of other tiles."""
    tile = settings.tile or layout.tile
    fixed = dict(dataset=settings.dataset, tile=tile, stride=settings.stride or tile)
    path = out / 'manifest.json'
    if path.is_file():
        manifest = json.loads(path.read_text())
        has_labels = any('labels' in entry['products'] for entry in manifest['areas'].values())
        if has_labels and settings.labels is not None:
            fixed['labels'] = settings.labels
        for key, value in fixed.items():
            if manifest[key] != value:
                raise UserError(
                    f'{out} holds tiles with {key} {manifest[key]}, and {value} is asked for: '
                    'name another folder, or remove this one'
                )
    elif out.is_file() or out.is_dir() and any(out.iterdir()):
        raise UserError(f'{out} holds something else already: name another folder')
    else:
        manifest = dict(fixed, labels=None, classes=list(CLASSES), dsm_range=None, areas={})
    manifest['source'], manifest['version'] = str(source.absolute()), depthda.__version__
    manifest['labels'] = settings.labels or manifest['labels']
    return manifest


def _dsm_range(
    settings: Settings,
    dsms: dict[str, Path],
    manifest: dict[str, Any],
    pool: Executor | None,
    progress: Progress,
) -> dict[str, Any]:
    """The one range of all heights: with one for each area, equal heights would differ."""
    before = manifest['dsm_range']
    if settings.dsm_range is not None:
        now = dict(metres=list(settings.dsm_range), of=None)
    else:
        files = [_identity(path) for path in dsms.values()]
        if before and before['of'] == files:
            return before
        progress('heights', 0, len(dsms))
        ranges = []
        for done, (_, span) in enumerate(_map(height_range, list(dsms.values()), pool), 1):
            ranges.append(span)
            progress('heights', done, len(dsms))
        metres = [min(low for low, _ in ranges), max(high for _, high in ranges)]
        now = dict(metres=metres, of=files)
    written = any('dsm' in entry['products'] for entry in manifest['areas'].values())
    if written and before['metres'] != now['metres']:
        (low, high), (new_low, new_high) = before['metres'], now['metres']
        raise UserError(
            f'the DSM tiles there go from {low!r} to {high!r} m, and now it would be {new_low!r} '
            f'to {new_high!r} m: keep to --dsm-range {low!r} {high!r}, or name another folder'
        )
    return now


def _left_to_do(out: Path, areas: list[Area], manifest: dict[str, Any]) -> list[Area]:
    """The areas with what is not written yet, was from other files, or has been removed since."""
    left = []
    on_disk = {product: _tiles_on_disk(out / product) for product in areas[0].products}
    for area in areas:
        entry = manifest['areas'].get(area.name, {'products': {}, 'tiles': 0})
        products = {}
        for product, kind in area.products.items():
            facts = entry['products'].get(product, {})
            known = {key: facts.get(key) for key in ('file', 'bytes')}
            whole = on_disk[product][area.name] == entry['tiles']
            if not whole or known != _identity(area.files[kind]):
                products[product] = kind
        if products:
            left.append(replace(area, products=products))
    return left


def _tiles_on_disk(folder: Path) -> Counter:
    """Tiles by area; hidden files are what an interrupted run left."""
    names = os.listdir(folder) if folder.is_dir() else []
    return Counter(name.rsplit('_', 4)[0] for name in names if not name.startswith('.'))


def _identity(path: Path) -> dict[str, Any]:
    return dict(file=path.name, bytes=path.stat().st_size)


@contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    """Processes for all that is to do; None: one worker is this process."""
    if workers == 1:
        yield None
        return
    # Spawned, not forked: a forked child may hang in a lock of a library's thread pool.
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread)
    try:
        yield pool
    finally:
        # After a mistake in one file nobody wants to wait for all the others.
        pool.shutdown(cancel_futures=True)


def _map(function: Callable, items: list, pool: Executor | None) -> Iterator[tuple[Any, Any]]:
    """``(item, function(item))`` of all, as they are ready."""
    if pool is None:
        for item in items:
            yield item, function(item)
        return
    futures = {pool.submit(function, item): item for item in items}
    for future in as_completed(futures):
        yield futures[future], future.result()


def _one_thread() -> None:
    # The processes are the parallelism.
    cv2.setNumThreads(1)
