"""Where the files of the two ISPRS sets are, by area, in zips or however they were unpacked."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from depthda.datasets.isprs import ISPRSDataset, Potsdam, Vaihingen
from depthda.errors import UserError
from depthda.preparation.sources import SourceFile

RGB = (1, 2, 3)


class Kind(NamedTuple):
    """One kind of file: what it is called, its name (the groups tell the area) and its folder."""

    title: str
    name: str
    in_top: bool | None = None  # True: its folder is called top; False: it is not; None: any


class Piece(NamedTuple):
    """One thing to be had of an area: what kind of file has it, which file, and in which bands."""

    kind: str
    file: SourceFile
    bands: tuple[int, ...] = RGB


class Layout(NamedTuple):
    """What a download of one set holds."""

    dataset: type[ISPRSDataset]
    tile: int
    prefix: str  # of the area, before its numbers
    kinds: dict[str, Kind]
    # Kinds that are in another one too: which, and in which of its bands.
    also_in: dict[str, tuple[str, tuple[int, ...]]]

    @property
    def bands(self) -> list[str]:
        return [kind for kind in self.kinds if kind in ('irrg', 'rgb')]


# Tiles of 896² and 512² are about as large on the ground: 44.8 m and 46.1 m.
LAYOUTS = {
    'potsdam': Layout(
        Potsdam,
        896,
        '',
        {
            'irrg': Kind('IRRG orthophoto', r'top_potsdam_(\d+)_(\d+)_IRRG\.tif'),
            'rgb': Kind('RGB orthophoto', r'top_potsdam_(\d+)_(\d+)_RGB\.tif'),
            'rgbir': Kind('RGBIR orthophoto', r'top_potsdam_(\d+)_(\d+)_RGBIR\.tif'),
            'full': Kind('label', r'top_potsdam_(\d+)_(\d+)_label\.tif'),
            'no-boundary': Kind('label', r'top_potsdam_(\d+)_(\d+)_label_noBoundary\.tif'),
            'dsm': Kind('DSM', r'dsm_potsdam_(\d+)_(\d+)\.tif'),
            'ndsm': Kind('nDSM', r'dsm_potsdam_(\d+)_(\d+)_normalized_lastools\.jpg'),
        },
        also_in={'irrg': ('rgbir', (4, 1, 2)), 'rgb': ('rgbir', RGB)},
    ),
    'vaihingen': Layout(
        Vaihingen,
        512,
        'area',
        {
            # Labels have the very names of the orthophotos, in other folders.
            'irrg': Kind('orthophoto', r'top_mosaic_09cm_area(\d+)\.tif', in_top=True),
            'full': Kind('label', r'top_mosaic_09cm_area(\d+)\.tif', in_top=False),
            'no-boundary': Kind('label', r'top_mosaic_09cm_area(\d+)_noBoundary\.tif'),
            'dsm': Kind('DSM', r'dsm_09cm_matching_area(\d+)\.tif'),
            'ndsm': Kind('nDSM', r'dsm_09cm_matching_area(\d+)_normalized\.jpg'),
        },
        also_in={},
    ),
}


def find_areas(
    layout: Layout, kind: str, files: Sequence[SourceFile], sources: str
) -> dict[str, Piece]:
    """What there is of one kind by area, in the data set's order.

    Where an area is there twice, an unpacked file has it before one in a zip, and then (the labels
    "for participants" and the complete ones) the folder that holds more areas; an orthophoto of
    the bands asked for before one of more bands. Files of areas without orthophoto (Vaihingen has
    labels of an area 9) are left out. ``sources`` is what a message calls the download.
    """
    found: dict[str, Piece] = {}
    if kind in layout.also_in:
        wider, bands = layout.also_in[kind]
        files_of_area = every_area(layout, wider, files)
        found = {area: Piece(wider, file, bands) for area, file in files_of_area.items()}
    found |= {area: Piece(kind, file) for area, file in every_area(layout, kind, files).items()}
    areas = {area: found[area] for area in layout.dataset.SPLITS['all'] if area in found}
    if not areas:
        raise UserError(_nothing(layout, kind, files, sources))
    return areas


def packed_twice(files: Sequence[SourceFile]) -> str:
    """What to do about zips that lie compressed in zips, the end of a sentence; '' without any."""
    zips = [file for file in files if file.suffix == '.zip']
    return f' ({zips[0]} is packed twice: unpack the outer zip)' if zips else ''


def every_area(layout: Layout, kind: str, files: Sequence[SourceFile]) -> dict[str, SourceFile]:
    """The file of each area that a file name tells, be it one of the dataset or not."""
    _, name, in_top = layout.kinds[kind]
    folders: dict[tuple[bool, Path], dict[str, SourceFile]] = {}
    for file in files:
        match = re.fullmatch(name, file.name, re.IGNORECASE)
        if match and in_top in (None, file.folder.name.lower() == 'top'):
            # Potsdam numbers its DSMs 02_10 and its orthophotos 2_10.
            area = layout.prefix + '_'.join(str(int(number)) for number in match.groups())
            folders.setdefault((file.zip is None, file.folder), {})[area] = file
    found: dict[str, SourceFile] = {}
    for unpacked, folder in sorted(folders, key=lambda key: (key[0], len(folders[key]), key[1])):
        found |= folders[unpacked, folder]
    return found


def _nothing(layout: Layout, kind: str, files: Sequence[SourceFile], sources: str) -> str:
    title, name, in_top = layout.kinds[kind]
    where = {True: 'in a folder top', False: 'outside of folders top', None: 'in any folder'}
    suffixes = Counter(file.suffix or 'no suffix' for file in files)
    told = ', '.join(f'{count} {suffix}' for suffix, count in suffixes.most_common(4))
    names = [name]
    if kind in layout.also_in:
        names.append(layout.kinds[layout.also_in[kind][0]].name)
    wanted = ' or '.join(each.replace(r'(\d+)', '*').replace('\\', '') for each in names)
    return (
        f'{sources} holds no {title} of {layout.dataset.__name__}: looked for {wanted} '
        f'{where[in_top]}, found {told or "nothing"}{packed_twice(files)}'
    )
