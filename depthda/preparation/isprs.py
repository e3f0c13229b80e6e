"""Prepare ISPRS Potsdam and Vaihingen: cut orthophotos, labels and surface models into tiles."""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from depthda.datasets.class_list import IGNORED, ClassList
from depthda.datasets.isprs_areas import CLASSES, PALETTE, POTSDAM, VAIHINGEN
from depthda.depth.surface.spans import Range, combined_range, height_spans
from depthda.errors import UserError, many
from depthda.io.grids import check_aligned, place
from depthda.io.sources import SourceFile, list_files
from depthda.preparation.cut import DepthRows, ImageRows, LabelRows, Rows, cut_scene
from depthda.preparation.manifest import PreparedAreas, identity
from depthda.preparation.scene import Cut, ProductFile, Progress, Report, Scene, check_options
from depthda.workers import each_done, worker_pool

# Black marks the boundaries between objects. The benchmark does not count these pixels.
_COLOURS = {tuple(colour): index for index, colour in enumerate(PALETTE)} | {(0, 0, 0): IGNORED}
LABELS = ClassList(CLASSES, _COLOURS, coloured=True)
# A value v of an 8-bit nDSM is read as depth (v + 1) / 256, because 0 is the ground, not no-data.
_NDSM_RANGE = (-1.0, 255.0)
_RGB = (1, 2, 3)
# The bands of an RGBIR orthophoto (counted from 1) that make up an IRRG or an RGB orthophoto.
_IN_RGBIR = {'irrg': (4, 1, 2), 'rgb': _RGB}


class Kind(NamedTuple):
    """A kind of file, and how to find its files."""

    title: str  # for messages
    name: str  # file name, with ``*`` for the numbers of the area
    # True: only in a folder called ``top``; False: only outside such folders; None: anywhere.
    in_top: bool | None = None


class Layout(NamedTuple):
    """The areas and files in a download of one dataset."""

    areas: tuple[str, ...]
    tile: int  # default side of a tile
    prefix: str  # text before the numbers in the name of an area
    kinds: dict[str, Kind]

    @property
    def bands(self) -> list[str]:
        return [kind for kind in self.kinds if kind in _IN_RGBIR]


_POTSDAM = {
    'irrg': Kind('IRRG orthophoto', 'top_potsdam_*_*_IRRG.tif'),
    'rgb': Kind('RGB orthophoto', 'top_potsdam_*_*_RGB.tif'),
    'rgbir': Kind('RGBIR orthophoto', 'top_potsdam_*_*_RGBIR.tif'),
    'full': Kind('label', 'top_potsdam_*_*_label.tif'),
    'no-boundary': Kind('label', 'top_potsdam_*_*_label_noBoundary.tif'),
    'dsm': Kind('DSM', 'dsm_potsdam_*_*.tif'),
    'ndsm': Kind('nDSM', 'dsm_potsdam_*_*_normalized_lastools.jpg'),
}
_VAIHINGEN = {
    # Labels and orthophotos have the same file names, in different folders.
    'irrg': Kind('orthophoto', 'top_mosaic_09cm_area*.tif', in_top=True),
    'full': Kind('label', 'top_mosaic_09cm_area*.tif', in_top=False),
    'no-boundary': Kind('label', 'top_mosaic_09cm_area*_noBoundary.tif'),
    'dsm': Kind('DSM', 'dsm_09cm_matching_area*.tif'),
    'ndsm': Kind('nDSM', 'dsm_09cm_matching_area*_normalized.jpg'),
}
# Tiles of 896² and 512² have about the same side on the ground: 44.8 m and 46.1 m.
LAYOUTS = {
    'potsdam': Layout(POTSDAM['all'], 896, '', _POTSDAM),
    'vaihingen': Layout(VAIHINGEN['all'], 512, 'area', _VAIHINGEN),
}


@dataclass(frozen=True)
class IsprsSettings:
    """How a download is prepared."""

    dataset: str  # 'potsdam' or 'vaihingen'
    tile: int | None = None  # side of a tile; None: 896 for Potsdam, 512 for Vaihingen
    stride: int | None = None  # distance from one tile to the next; None: ``tile``
    bands: tuple[str, ...] = ('irrg',)  # orthophotos to cut, each into ``images_<bands>``
    labels: str | None = 'full'  # or 'no-boundary', where the borders of objects are ignored
    depth: tuple[str, ...] = ('dsm',)  # surface models to cut: 'dsm', 'ndsm'
    areas: tuple[str, ...] | None = None  # the areas to cut; None: all that have an orthophoto
    # Heights in metres that become 0 and 1; None: the lowest and highest of the complete download.
    dsm_range: Range | None = None
    nearest_colour: bool = False  # an unlisted colour gets the class of the nearest colour


def prepare_isprs(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    settings: IsprsSettings,
    workers: int = 1,
    progress: Progress = lambda stage, done, total: None,
    replace: bool = False,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Cut the areas of a download (zips or folders) into tiles in ``out``; return the manifest.

    Tiles of the same position have the same name, ``<area>_<left>_<top>_<right>_<bottom>``, in the
    folders ``images_<bands>``, ``labels``, ``dsm`` and ``ndsm``. The next run finishes an
    interrupted one, and may also add bands or a surface model. Tiles that were cut from other files
    are replaced only with ``replace``. For the other arguments, see ``prepare_folder``.
    """
    layout = LAYOUTS[settings.dataset]
    tile = layout.tile if settings.tile is None else settings.tile
    stride = tile if settings.stride is None else settings.stride
    needs = (
        ('--dsm-range', settings.dsm_range, '--depth dsm', 'dsm' in settings.depth),
        ('--nearest-colour', settings.nearest_colour, '--labels full', settings.labels),
    )
    check_options(tile, stride, workers, {'--dsm-range': settings.dsm_range}, needs)
    _check_settings(layout, settings)
    # Every zip is inspected before the first byte is written.
    download = Download(settings.dataset, sources)
    areas = download.scenes(settings)
    about = dict(dataset=settings.dataset, tile=tile, stride=stride, labels=settings.labels)
    about |= dict(classes=list(CLASSES), dsm_range=None)
    dataset = PreparedAreas(Path(out), about, layout.areas)
    remaining = dataset.plan(areas, replace)
    with worker_pool(workers) as pool:
        span = None
        if 'dsm' in settings.depth:
            dsms = [dsm.file for dsm in download.find('dsm').values()]
            spans = partial(height_spans, pool=pool, progress=progress, report=report)
            dsm_range = _dsm_range(settings.dsm_range, dsms, dataset.content, spans)
            dataset.content['dsm_range'], span = dsm_range, dsm_range['metres']
        cut = Cut(tile, stride, nearest_colour=settings.nearest_colour, depth_range=span)
        work = partial(cut_scene, out=dataset.root, cut=cut, open_rows=_open_rows)
        with dataset.writing(report):
            for area, facts in each_done(work, remaining, pool, partial(progress, 'areas')):
                dataset.enter_scene(area, facts)
            dataset.finish()
    return dataset.content


class Download:
    """The files of one dataset, in zips or in folders."""

    def __init__(self, dataset: str, sources: Sequence[str | os.PathLike]) -> None:
        self.title, self.layout = dataset.title(), LAYOUTS[dataset]
        self.files = list_files(sources)
        self.name = str(sources[0]) + (f' (and {len(sources) - 1} more)' if sources[1:] else '')
        # Added to a message about missing files, which may be in a zip within a zip.
        zips = [file for file in self.files if file.suffix == '.zip']
        self.advice = f' ({zips[0]} is zipped twice: unpack the outer zip)' if zips else ''

    def scenes(self, settings: IsprsSettings) -> list[Scene]:
        """Find all requested files of every area; a missing file is an error."""
        kinds = {f'images_{band}': band for band in settings.bands}
        kinds |= {'labels': settings.labels} if settings.labels else {}
        kinds |= {depth: depth for depth in settings.depth}
        by_product = {product: self.find(kind) for product, kind in kinds.items()}
        photos = by_product[f'images_{settings.bands[0]}']
        names = list(photos if settings.areas is None else settings.areas)
        for product, by_area in by_product.items():
            if missing := [name for name in names if name not in by_area]:
                raise UserError(
                    f'{self.name} has no {self.layout.kinds[kinds[product]].title} for '
                    f'{len(missing)} of {many(len(names), "area")} ({", ".join(missing)}): add the '
                    f'missing files, or select the areas to cut with --areas{self.advice}'
                )
        files = {name: {p: by_product[p][name] for p in by_product} for name in names}
        return [Scene(name, files[name], photos[name].file) for name in names]

    def find(self, kind: str) -> dict[str, ProductFile]:
        """Find the file of one kind for each area; return them by area, in the dataset's order.

        If an area has several files of the kind, an unpacked file is preferred to one in a zip.
        After that, the folder with more areas is preferred: the complete labels, not those "for
        participants". An orthophoto of the requested bands is preferred to one of more bands. Files
        of areas without an orthophoto (Vaihingen has labels of an area 9) are left out.
        """
        layout = self.layout
        bands_in = {kind: _RGB}
        if 'rgbir' in layout.kinds and kind in layout.bands:
            # An RGBIR file has these bands, too, but a file with only these bands is preferred.
            bands_in = {'rgbir': _IN_RGBIR[kind], kind: _RGB}
        by_area: dict[str, ProductFile] = {}
        for file_kind, bands in bands_in.items():
            for area, file in self._by_area(layout.kinds[file_kind]).items():
                # Otherwise an orthophoto of an unknown area would be left out without a message.
                if kind in layout.bands and area not in layout.areas:
                    raise UserError(
                        f'{file} belongs to the unknown area {area}: rename or remove the file '
                        f'({self.title} has the areas {", ".join(layout.areas)})'
                    )
                by_area[area] = ProductFile(file, bands, file_kind)
        areas = {area: by_area[area] for area in layout.areas if area in by_area}
        if not areas:
            title, _, in_top = layout.kinds[kind]
            where = f'{"in a folder" if in_top else "outside folders"} named top'
            where = 'in any folder' if in_top is None else where
            names = ' or '.join(layout.kinds[other].name for other in reversed(bands_in))
            suffixes = Counter(file.suffix or 'no suffix' for file in self.files)
            counts = ', '.join(f'{count} {suffix}' for suffix, count in suffixes.most_common(4))
            raise UserError(
                f'{self.name} contains no {title} of {self.title}: expected {names} {where}, but '
                f'found {counts or "no files"}{self.advice}'
            )
        return areas

    def _by_area(self, kind: Kind) -> dict[str, SourceFile]:
        """Return the files of a kind by the area in their name, which may be an unknown area."""
        pattern = re.escape(kind.name).replace(r'\*', r'(\d+)')
        folders: dict[tuple[bool, Path], dict[str, SourceFile]] = {}
        for file in self.files:
            match = re.fullmatch(pattern, file.name, re.IGNORECASE)
            if match and kind.in_top in (None, file.folder.name.lower() == 'top'):
                # Potsdam numbers its DSMs 02_10 and its orthophotos 2_10.
                area = self.layout.prefix + '_'.join(str(int(number)) for number in match.groups())
                folders.setdefault((file.zip is None, file.folder), {})[area] = file
        files: dict[str, SourceFile] = {}
        for key in sorted(folders, key=lambda key: (key[0], len(folders[key]), key[1])):
            files |= folders[key]
        return files


def _open_rows(product: str, source: ProductFile, raster, image, cut: Cut, opened) -> Rows:
    """Open an orthophoto, a label or a surface model for ``cut_scene``."""
    if product in ('dsm', 'ndsm'):
        if product == 'ndsm' and raster.dtypes[0] != 'uint8':
            raise UserError(f'{source.file} is {raster.dtypes[0]}, but an ISPRS nDSM has 8 bits')
        span = cut.depth_range if product == 'dsm' else _NDSM_RANGE
        return _Heights(source.file, place(raster, image), image.width, span)
    check_aligned(raster, image, by_size=True)
    if product == 'labels':
        return _Labels(source.file, raster, LABELS, cut.nearest_colour)
    number, word = (4, 'four') if source.kind == 'rgbir' else (3, 'three')
    if raster.count != number or raster.dtypes[0] != 'uint8':
        raise UserError(
            f'{source.file} has {many(raster.count, "band")} of {raster.dtypes[0]}, but an '
            f'{source.kind.upper()} orthophoto has {word} 8-bit bands: use the original file'
        )
    return ImageRows(source.file, raster, source.bands)


class _Labels(LabelRows):
    """Labels that are read in one piece, so that pixels in several tiles are counted only once."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.all_rows = self(0, self.raster.height)

    def facts(self) -> dict[str, Any]:
        numbers = np.bincount(self.all_rows.ravel(), minlength=IGNORED + 1).tolist()
        pixels = dict(zip(CLASSES, numbers, strict=False)) | dict(ignored=numbers[IGNORED])
        return dict(recoloured=self.recoloured, pixels=pixels)


class _Heights(DepthRows):
    def facts(self) -> dict[str, Any]:
        raster, *first = self.placed
        return dict(size=[raster.width, raster.height], first=first)


def _check_settings(layout: Layout, settings: IsprsSettings) -> None:
    """Refuse settings that contradict the layout of the dataset, before any file is read."""
    if not settings.bands:
        raise UserError(f'{settings.dataset} needs an orthophoto: use {" or ".join(layout.bands)}')
    bands, areas = (settings.bands, layout.bands), (settings.areas or (), layout.areas)
    for noun, (chosen, known) in {'orthophoto': bands, 'area': areas}.items():
        if unknown := [name for name in chosen if name not in known]:
            raise UserError(
                f'{settings.dataset} has no {noun} {", ".join(unknown)}: it has {", ".join(known)}'
            )


def _dsm_range(
    requested: Range | None, dsms: list[SourceFile], manifest: dict[str, Any], read_spans: Callable
) -> dict[str, Any]:
    """Return one height range for all areas.

    With a range per area, equal heights would get different depths.
    """
    before = manifest['dsm_range']
    files = None if requested else [identity(file) for file in dsms]
    if before and before['of'] == files and requested in (None, tuple(before['metres'])):
        return before
    spans = read_spans(dsms, requested, '--dsm-range')
    if empty := [file for file in dsms if file not in spans]:
        raise UserError(f'{empty[0]} contains no heights: unpack it again')
    now = dict(metres=list(requested or combined_range(spans)), of=files)
    is_cut = any('dsm' in entry['products'] for entry in manifest['areas'].values())
    if is_cut and before['metres'] != now['metres']:
        (low, high), (new_low, new_high) = before['metres'], now['metres']
        raise UserError(
            f'the existing DSM tiles span {low!r} to {high!r} m, but this run would use '
            f'{new_low!r} to {new_high!r} m: set --dsm-range {low!r} {high!r}, or choose '
            'another folder'
        )
    return now
