"""``manifest.json`` of a prepared ISPRS set: what is cut of which areas, from which files."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from depthda.datasets.isprs import CLASSES
from depthda.errors import UserError
from depthda.io.files import remove_empty, remove_strays
from depthda.io.manifest import NAME, UNFINISHED, read_manifest
from depthda.preparation.folder_obsolete import Obsolete, stale_maps
from depthda.preparation.isprs_area import Area
from depthda.preparation.isprs_files import LAYOUTS
from depthda.preparation.sources import SourceFile
from depthda.version import __version__

PRODUCTS = ('images_irrg', 'images_rgb', 'labels', 'dsm', 'ndsm')


def read(out: Path, fixed: dict[str, Any], labels: str | None) -> dict[str, Any]:
    """Read the manifest that is there, or begin a new one; nothing is written to find out.

    A folder of something else, or of other tiles, is refused.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f'{out} is a file: name a folder')
    manifest = read_manifest(out)
    names = os.listdir(out) if out.exists() else []
    ours = manifest is not None and {'dataset', 'areas'} <= set(manifest)
    # Hidden ones are of file managers, or of a run that was killed before it had a manifest.
    if not ours and not all(name.startswith('.') for name in names):
        raise UserError(f'{out} holds something else already: name another folder')
    # A run that failed before its first tile binds nobody to its settings.
    if ours and any((out / product).is_dir() for product in PRODUCTS):
        has_labels = any('labels' in entry['products'] for entry in manifest['areas'].values())
        asked = fixed | (dict(labels=labels) if has_labels and labels is not None else {})
        for key, value in asked.items():
            if manifest[key] != value:
                raise UserError(
                    f'{out} holds tiles with {key} {manifest[key]}, and {value} is asked for: '
                    'name another folder, or remove this one'
                )
    else:
        manifest = dict(fixed, labels=None, classes=list(CLASSES), dsm_range=None, areas={})
    manifest['version'] = __version__
    manifest['labels'] = labels or manifest['labels']
    return manifest


def remove_leftovers(out: Path) -> None:
    """Remove what killed runs left half written in the folders of the dataset."""
    for name in (NAME, UNFINISHED):
        remove_strays(out, name)
    for product in PRODUCTS:
        remove_strays(out / product)


def find_obsolete(
    out: Path, areas: Sequence[Area], manifest: dict[str, Any], replace: bool
) -> Obsolete:
    """Find tiles of ``areas`` that were cut from other files; refuse them without ``replace``."""
    tiles: dict[str, list[Path]] = {}
    stale: set[str] = set()
    first = None
    for area in areas:
        products = manifest['areas'].get(area.name, {}).get('products', {})
        for product, piece in area.pieces.items():
            facts = products.get(product, {})
            old = sorted((out / product).glob(f'{area.name}_*_*_*_*.png'))
            if not facts or not old or identity(piece.file).items() <= facts.items():
                continue
            first = first or f'{product} of area {area.name} from {facts["file"]}'
            tiles.setdefault(product, []).extend(old)
            stale |= {path.stem for path in old} if product.startswith('images') else set()
    obsolete = Obsolete(tiles, [], stale_maps(out, stale, PRODUCTS))
    if obsolete and not replace:
        raise UserError(
            f'{out} holds {first}, and that file is another one now: name another folder with '
            f'--out, or add --replace, which removes {obsolete}'
        )
    return obsolete


def abandon(out: Path, manifest: dict[str, Any]) -> None:
    """Leave nothing of a run that failed before its first area was done."""
    remove_empty(out)
    if not manifest['areas']:
        (out / UNFINISHED).unlink(missing_ok=True)


def left_to_do(out: Path, areas: Sequence[Area], manifest: dict[str, Any]) -> list[Area]:
    """The areas with what is not written yet, was from other files, or has been removed since."""
    left = []
    on_disk = {product: _tiles_on_disk(out / product) for product in areas[0].pieces}
    for area in areas:
        entry = manifest['areas'].get(area.name, {'products': {}, 'tiles': 0})
        pieces = {}
        for product, piece in area.pieces.items():
            facts = entry['products'].get(product, {})
            known = {key: facts.get(key) for key in ('file', 'bytes')}
            whole = on_disk[product][area.name] == entry['tiles']
            if not whole or known != identity(piece.file):
                pieces[product] = piece
        if pieces:
            left.append(replace(area, pieces=pieces))
    return left


def enter(manifest: dict[str, Any], area: Area, entry: dict[str, Any]) -> None:
    """Say what was cut of ``area``, beside what the manifest says of it already."""
    known = manifest['areas'].setdefault(area.name, {'products': {}})
    known['size'], known['tiles'] = entry['size'], entry['tiles']
    for product, facts in entry['products'].items():
        known['products'][product] = identity(area.pieces[product].file) | facts
    # In one order, whichever worker or run was first.
    known['products'] = {
        product: known['products'][product] for product in PRODUCTS if product in known['products']
    }
    every = LAYOUTS[manifest['dataset']].dataset.SPLITS['all']
    entries = manifest['areas']
    manifest['areas'] = {name: entries[name] for name in every if name in entries}


def identity(file: SourceFile) -> dict[str, Any]:
    """What tells a file from another version of it, wherever the download is."""
    return dict(file=file.name, bytes=file.size)


def _tiles_on_disk(folder: Path) -> Counter:
    """Tiles by area."""
    names = os.listdir(folder) if folder.is_dir() else []
    return Counter(name.rsplit('_', 4)[0] for name in names if not name.startswith('.'))
