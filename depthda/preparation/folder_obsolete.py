"""What an earlier run left in a prepared folder that a new run removes, and only when asked to."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthda.depth.maps import DEPTH_SUFFIXES
from depthda.errors import UserError, many

_SUFFIXES = ('.png', '.tif')  # of tiles
# Settings that decide the pixels of an image tile; its name has its place.
_PIXELS = ('bands', 'stretch', 'keep_values')

Files = dict[str, list[Path]]  # by folder


@dataclass(frozen=True)
class Obsolete:
    """Files that would not belong to the dataset any more.

    Attributes:
        tiles: Tiles of images that are gone or have changed, and tiles that no image gives.
        lists: Lists of splits that do not exist any more.
        maps: Depth maps beside them, made of an image that is gone or has changed: a wrong depth
            map is worse than none.
    """

    tiles: Files
    lists: list[Path]
    maps: Files

    def __bool__(self) -> bool:
        return bool(self.tiles or self.lists or self.maps)

    def __str__(self) -> str:
        text = ', '.join([*_counts(self.tiles), *(path.name for path in self.lists)])
        if not self.maps:
            return text
        maps = f'the depth maps of images that change: {", ".join(_counts(self.maps))}'
        return f'{text}; and {maps}' if text else maps

    def remove(self) -> None:
        for files in (*self.tiles.values(), *self.maps.values(), self.lists):
            for path in files:
                path.unlink(missing_ok=True)


def find_obsolete(
    out: Path,
    before: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
    planned: Mapping[str, tuple[Mapping[str, Any], set[str]]],
    products: Sequence[str],
    splits: Sequence[str],
) -> Obsolete:
    """Compare what is in ``out`` with what a run will write.

    Args:
        out: The folder of the dataset.
        before: Its manifest; None: there is none.
        settings: The settings of the run, as the manifest has them.
        planned: Of each image, what tells its files from others, and the tiles that it gives.
        products: Folders of tiles that the run writes.
        splits: Splits that it writes a list of.
    """
    before = before or {}
    old = before.get('settings') or {}
    same_settings = not changed_settings(old, settings)
    same_pixels = not changed_settings(old, {key: settings.get(key) for key in _PIXELS})
    leaving, stale = set(), set()
    for name, entry in before.get('scenes', {}).items():
        files, tiles = planned.get(name, ({}, set()))
        gone = set(entry['tiles']) - tiles
        changed = set(entry['tiles']) & tiles
        leaving |= gone if same_settings and entry['files'] == files else gone | changed
        image = entry['files'].get('images')
        stale |= gone if same_pixels and image == files.get('images') else gone | changed
    kept = set().union(*(tiles for _, tiles in planned.values())) - leaving
    folders = dict.fromkeys(('images', 'labels', *products, before.get('depth') or 'images'))
    tiles = {
        folder: found
        for folder in folders
        if (found := [path for stem, path in _below(out / folder, _SUFFIXES) if stem not in kept])
    }
    lists = [out / f'{name}.txt' for name in before.get('splits', {}) if name not in splits]
    return Obsolete(
        tiles, [path for path in lists if path.is_file()], stale_maps(out, stale, folders)
    )


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Settings of ``now`` that are others in ``before``; one that is off counts as absent."""
    return [key for key in now if (before.get(key) or None) != (now[key] or None)]


def refuse(out: Path, obsolete: Obsolete, before: Mapping[str, Any], settings: Mapping) -> None:
    """Say what ``--replace`` would remove, and why."""
    old = before.get('settings') or {}
    if before.get('scenes') and (changed := changed_settings(old, settings)):
        was, now = (_setting(changed[0], each.get(changed[0])) for each in (old, settings))
        why = f'was made with {was}, and {now} is asked for'
    else:
        why = 'holds tiles of other images, or of images that have changed since'
    raise UserError(
        f'{out} {why}: name another folder with --out, or add --replace, which removes {obsolete}'
    )


def stale_maps(out: Path, tiles: set[str], products: Iterable[str]) -> Files:
    """Depth maps of ``tiles`` in any other folder of the dataset (``rdepth/<model>``)."""
    found: Files = {}
    for stem, path in _below(out, DEPTH_SUFFIXES) if tiles else ():
        if any(stem.startswith(f'{product}/') for product in products):
            continue
        parts = stem.split('/')
        # A tile may have sub-folders in its name, and so may the folder of the maps.
        for n in range(1, len(parts)):
            if '/'.join(parts[n:]) in tiles:
                found.setdefault('/'.join(parts[:n]), []).append(path)
                break
    return found


def _below(folder: Path, suffixes: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Stem (with the sub-folder) and path of each file."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.suffix.lower() in suffixes and not name.startswith('.'):
                yield path.relative_to(folder).with_suffix('').as_posix(), path


def _counts(files: Files) -> list[str]:
    return [f'{folder} ({many(len(paths), "file")})' for folder, paths in files.items()]


def _setting(key: str, value: Any) -> str:
    return f'no {key}' if not value else f'{key} {value}'
