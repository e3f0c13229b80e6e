"""Find the files of the two ISPRS datasets by area, in zips or however they were unpacked."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from depthda.datasets.isprs_areas import POTSDAM, VAIHINGEN
from depthda.errors import UserError
from depthda.preparation.scene import Piece
from depthda.preparation.sources import SourceFile

RGB = (1, 2, 3)


class Kind(NamedTuple):
    """A kind of file: title, pattern of the name (its groups are the area), and folder."""

    title: str
    name: str
    in_top: bool | None = None  # True: its folder is called top; False: it is not; None: any


class Layout(NamedTuple):
    """What a download of one dataset holds."""

    title: str
    areas: tuple[str, ...]
    tile: int
    prefix: str  # of the area, before its numbers
    kinds: dict[str, Kind]
    # Kinds that another kind holds too: which one, and in which of its bands.
    also_in: dict[str, tuple[str, tuple[int, ...]]]

    @property
    def bands(self) -> list[str]:
        return [kind for kind in self.kinds if kind in ('irrg', 'rgb')]


# Tiles of 896² and 512² are about as large on the ground: 44.8 m and 46.1 m.
LAYOUTS = {
    'potsdam': Layout(
        'Potsdam',
        POTSDAM['all'],
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
        'Vaihingen',
        VAIHINGEN['all'],
        512,
        'area',
        {
            # Labels have the same names as the orthophotos, in other folders.
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
    """Find the files of one kind by area, in the dataset's order.

    If an area has several, an unpacked file is preferred to one in a zip, and then (the labels "for
    participants" and the complete ones) the folder that holds more areas; an orthophoto of the
    requested bands is preferred to one of more bands. Files of areas without an orthophoto
    (Vaihingen has labels of an area 9) are left out. ``sources`` names the download in messages.
    """
    # The first holds the bands too, and the second is preferred.
    places = dict([layout.also_in.get(kind, (kind, RGB)), (kind, RGB)])
    found: dict[str, Piece] = {}
    for held_in, bands in places.items():
        for area, file in _files_by_area(layout, held_in, files).items():
            # An orthophoto of an area that the dataset does not have would be left out.
            if kind in layout.bands and area not in layout.areas:
                raise UserError(
                    f'{file} belongs to the unknown area {area}: {layout.title} has '
                    f'{", ".join(layout.areas)}; correct its name or remove the file'
                )
            found[area] = Piece(file, bands, held_in)
    areas = {area: found[area] for area in layout.areas if area in found}
    if not areas:
        title, _, in_top = layout.kinds[kind]
        names = ' or '.join(layout.kinds[held_in].name for held_in in reversed(places))
        names = names.replace(r'(\d+)', '*').replace('\\', '')
        where = {True: 'in a folder top', False: 'outside of folders top', None: 'in any folder'}
        suffixes = Counter(file.suffix or 'no suffix' for file in files)
        counts = ', '.join(f'{count} {suffix}' for suffix, count in suffixes.most_common(4))
        raise UserError(
            f'{sources} holds no {title} of {layout.title}: looked for {names} '
            f'{where[in_top]}, found {counts or "nothing"}{packed_twice(files)}'
        )
    return areas


def packed_twice(files: Sequence[SourceFile]) -> str:
    """Return what to do about zips compressed in zips, as the end of a sentence; '' without any."""
    zips = [file for file in files if file.suffix == '.zip']
    return f' ({zips[0]} is packed twice: unpack the outer zip)' if zips else ''


def _files_by_area(layout: Layout, kind: str, files: Sequence[SourceFile]) -> dict[str, SourceFile]:
    """Return the files of a kind by the area in their name, which the dataset may not have."""
    _, name, in_top = layout.kinds[kind]
    folders: dict[tuple[bool, Path], dict[str, SourceFile]] = {}
    for file in files:
        match = re.fullmatch(name, file.name, re.IGNORECASE)
        if match and in_top in (None, file.folder.name.lower() == 'top'):
            # Potsdam numbers its DSMs 02_10 and its orthophotos 2_10.
            area = layout.prefix + '_'.join(str(int(number)) for number in match.groups())
            folders.setdefault((file.zip is None, file.folder), {})[area] = file
    found: dict[str, SourceFile] = {}
    for key in sorted(folders, key=lambda key: (key[0], len(folders[key]), key[1])):
        found |= folders[key]
    return found
