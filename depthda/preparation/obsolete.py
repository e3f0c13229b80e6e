"""Find what an earlier run left in a prepared folder, and is removed only with ``--replace``."""

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

Files = Mapping[str, list[Path]]  # by folder


@dataclass(frozen=True)
class Obsolete:
    """Files that would no longer belong to the dataset.

    Attributes:
        tiles: Tiles that no image has any more, and tiles of images that have changed.
        maps: Depth maps made from such images: a wrong depth map is worse than none.
        lists: Lists of splits that no longer exist.
    """

    tiles: Files
    maps: Files
    lists: Sequence[Path] = ()

    def __bool__(self) -> bool:
        return bool(self.tiles or self.lists or self.maps)

    def __str__(self) -> str:
        text = ', '.join([*_counts(self.tiles), *(path.name for path in self.lists)])
        if not self.maps:
            return text
        maps = f'the depth maps of images that change: {", ".join(_counts(self.maps))}'
        return f'{text}; and {maps}' if text else maps

    def check(self, out: Path, replaces: bool, reason: str) -> None:
        """Refuse a run that would have to remove something and does not ``replace`` it."""
        if self and not replaces:
            raise UserError(
                f'{out} {reason}: name another folder with --out, or add --replace, which removes '
                f'{self}'
            )

    def remove(self) -> None:
        for files in (*self.tiles.values(), *self.maps.values(), self.lists):
            for path in files:
                path.unlink(missing_ok=True)


def find_obsolete(
    out: Path,
    before: Mapping[str, Any],
    settings: Mapping[str, Any],
    planned: Mapping[str, tuple[Mapping[str, Any], set[str]]],
    products: Sequence[str],
    splits: Sequence[str],
) -> Obsolete:
    """Compare what is in ``out`` with what a run will write.

    Args:
        out: The folder of the dataset.
        before: Its manifest, empty if there is none.
        settings: The settings of the run, as the manifest has them.
        planned: For each image, what identifies its files, and its tiles.
        products: Folders of tiles that the run writes.
        splits: Splits for which it writes a list.
    """
    old = before.get('settings', {})
    same_settings = not changed_settings(old, settings)
    same_pixels = not changed_settings(old, {key: settings[key] for key in _PIXELS})
    leaving, stale = set(), set()
    for name, entry in before.get('scenes', {}).items():
        files, tiles = planned.get(name, ({}, set()))
        every, gone = set(entry['tiles']), set(entry['tiles']) - tiles
        leaving |= gone if same_settings and entry['files'] == files else every
        same_image = entry['files']['images'] == files.get('images')
        stale |= gone if same_pixels and same_image else every
    kept = set().union(*(tiles for _, tiles in planned.values())) - leaving
    folders = dict.fromkeys(('images', 'labels', *products, before.get('depth') or 'images'))
    tiles = {
        folder: found
        for folder in folders
        if (found := [path for stem, path in _below(out / folder, _SUFFIXES) if stem not in kept])
    }
    lists = [out / f'{name}.txt' for name in before.get('splits', {}) if name not in splits]
    return Obsolete(tiles, stale_maps(out, stale, folders), list(filter(Path.is_file, lists)))


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the settings of ``now`` that ``before`` has otherwise; off counts as absent."""
    return [key for key in now if (before.get(key) or None) != (now[key] or None)]


def stale_maps(out: Path, tiles: set[str], products: Iterable[str]) -> Files:
    """Find the depth maps of ``tiles`` in any other folder of the dataset (``rdepth/<model>``)."""
    found: dict[str, list[Path]] = {}
    for stem, path in _below(out, DEPTH_SUFFIXES) if tiles else ():
        if stem.startswith(tuple(f'{product}/' for product in products)):
            continue
        parts = stem.split('/')
        # A tile may have sub-folders in its name, and so may the folder of the maps.
        for n in range(1, len(parts)):
            if '/'.join(parts[n:]) in tiles:
                found.setdefault('/'.join(parts[:n]), []).append(path)
                break
    return found


def _below(folder: Path, suffixes: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield the stem (with the sub-folder) and the path of each file."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.suffix.lower() in suffixes and not name.startswith('.'):
                yield path.relative_to(folder).with_suffix('').as_posix(), path


def _counts(files: Files) -> list[str]:
    return [f'{folder} ({many(len(paths), "file")})' for folder, paths in files.items()]
