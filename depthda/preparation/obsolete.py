"""Find what an earlier run left in a prepared folder, and is removed only with ``--replace``."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from depthda.depth.maps import DEPTH_SUFFIXES
from depthda.errors import UserError, many

Files = Mapping[str, list[Path]]  # by folder


@dataclass(frozen=True)
class Obsolete:
    """Files that would no longer belong to the dataset.

    These are tiles that no image has any more, tiles of images that have changed, and lists of
    splits that no longer exist.
    """

    tiles: Files
    maps: Files  # depth maps of images that change: a wrong depth map is worse than none
    lists: Sequence[Path] = ()

    def __bool__(self) -> bool:
        return bool(self.tiles or self.lists or self.maps)

    def __str__(self) -> str:
        files = ', '.join([*_counts(self.tiles), *(path.name for path in self.lists)])
        maps = f'the depth maps of images that change: {", ".join(_counts(self.maps))}'
        return '; and '.join(filter(None, (files, self.maps and maps)))

    def check(self, out: Path, replaces: bool, reason: str) -> None:
        """Refuse a run that would have to remove something and does not ``replace`` it."""
        if self and not replaces:
            raise UserError(
                f'{out} {reason}: name another folder with --out, or add --replace, which removes '
                f'{self}'
            )

    def remove(self) -> None:
        for path in chain(*self.tiles.values(), *self.maps.values(), self.lists):
            path.unlink(missing_ok=True)


def stale_maps(out: Path, tiles: set[str], products: Iterable[str]) -> Files:
    """Find the depth maps of ``tiles`` in any other folder of the dataset (``rdepth/<model>``)."""
    found: dict[str, list[Path]] = {}
    for stem, path in files_below(out, DEPTH_SUFFIXES) if tiles else ():
        if stem.startswith(tuple(f'{product}/' for product in products)):
            continue
        parts = stem.split('/')
        # A tile may have sub-folders in its name, and so may the folder of the maps.
        for n in range(1, len(parts)):
            if '/'.join(parts[n:]) in tiles:
                found.setdefault('/'.join(parts[:n]), []).append(path)
                break
    return found


def files_below(folder: Path, suffixes: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield the stem (with the sub-folder) and the path of each file."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.suffix.lower() in suffixes and not name.startswith('.'):
                yield path.relative_to(folder).with_suffix('').as_posix(), path


def _counts(files: Files) -> list[str]:
    return [f'{folder} ({many(len(paths), "file")})' for folder, paths in files.items()]
