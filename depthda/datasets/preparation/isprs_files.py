"""Where the files of the two ISPRS sets are, by area, however the zips were unpacked."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from depthda.datasets.isprs import ISPRSDataset, Potsdam, Vaihingen
from depthda.errors import UserError


class Kind(NamedTuple):
    """One kind of file: what it is called, its name (the groups tell the area) and its folder."""

    title: str
    name: str
    in_top: bool | None = None  # True: its folder is called top; False: it is not; None: any


class Layout(NamedTuple):
    """What a download of one set holds."""

    dataset: type[ISPRSDataset]
    tile: int
    prefix: str  # of the area, before its numbers
    kinds: dict[str, Kind]

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
            'full': Kind('label', r'top_potsdam_(\d+)_(\d+)_label\.tif'),
            'no-boundary': Kind('label', r'top_potsdam_(\d+)_(\d+)_label_noBoundary\.tif'),
            'dsm': Kind('DSM', r'dsm_potsdam_(\d+)_(\d+)\.tif'),
            'ndsm': Kind('nDSM', r'dsm_potsdam_(\d+)_(\d+)_normalized_lastools\.jpg'),
        },
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
    ),
}


def list_files(source: str | os.PathLike) -> list[Path]:
    """Every file below ``source`` but hidden ones (macOS zips are full of them)."""
    source = Path(source)
    if not source.is_dir():
        raise UserError(f'{source} is not a folder: give the one that the downloads are in')
    found = []
    for folder, _, names in os.walk(source, followlinks=True):
        found += [Path(folder, name) for name in names if not name.startswith('.')]
    return sorted(found)


def find_areas(layout: Layout, kind: str, files: list[Path], source: Path) -> dict[str, Path]:
    """The files of one kind by area, in the data set's order.

    Where an area is there twice (the labels "for participants" and the complete ones), the folder
    that holds more areas has it. Files of areas without orthophoto (Vaihingen has labels of an
    area 9) are left out.
    """
    title, name, in_top = layout.kinds[kind]
    folders: dict[Path, dict[str, Path]] = {}
    for path in files:
        match = re.fullmatch(name, path.name, re.IGNORECASE)
        if match and in_top in (None, path.parent.name.lower() == 'top'):
            # Potsdam numbers its DSMs 02_10 and its orthophotos 2_10.
            area = layout.prefix + '_'.join(str(int(number)) for number in match.groups())
            folders.setdefault(path.parent, {})[area] = path
    found: dict[str, Path] = {}
    for folder in sorted(folders, key=lambda folder: (len(folders[folder]), folder)):
        found |= folders[folder]
    areas = {area: found[area] for area in layout.dataset.SPLITS['all'] if area in found}
    if not areas:
        where = {True: 'in a folder top', False: 'outside of folders top', None: 'in any folder'}
        suffixes = Counter(path.suffix.lower() or 'no suffix' for path in files)
        told = ', '.join(f'{count} {suffix}' for suffix, count in suffixes.most_common(4))
        zips = ': unpack the zips' if '.zip' in suffixes else ''
        wanted = name.replace(r'(\d+)', '*').replace('\\', '')
        raise UserError(
            f'{source} holds no {title} of {layout.dataset.__name__}: looked for {wanted} '
            f'{where[in_top]} below it, found {told or "nothing"}{zips}'
        )
    return areas
