"""A folder of maps of surface models, and ``manifest.json``, which says how they were made.

Every map carries what it was made of and what was counted, so that they appear together or not at
all, whoever is killed when; the manifest's table is read out of the maps when a run ends. Range and
settings stand in it before the first map.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from depthda.depth.surface.model import SurfaceGrid, world_file
from depthda.depth.surface.write import world_path
from depthda.errors import UserError
from depthda.io.files import remove_strays, write_json
from depthda.io.headers import read_header
from depthda.io.png import read_note

MANIFEST = 'manifest.json'
_ENCODING = 'height = low + (high - low) * code / 65535; code 0 = no depth'


class SurfaceFolder:
    """Knows its own maps, and keeps the manifest.

    Args:
        root: The folder.
        settings: What decides the heights of a map, plain and as JSON gives it back.
        percentiles: What the range is to be taken from; None: it is given.
    """

    def __init__(
        self, root: Path, settings: Mapping[str, Any], percentiles: Sequence[float] | None
    ) -> None:
        self.root = root
        self.range: dict[str, Any] | None = None  # low, high, percentiles, surfaces
        self._settings = dict(settings)
        self._percentiles = percentiles and list(percentiles)

    @property
    def key(self) -> str:
        """Stands for all that decides a map, besides its surface model."""
        decisive = [self._settings, self.range['low'], self.range['high']]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]

    def open(self) -> None:
        """Read the manifest that is there; refuse maps of other settings or unknown making."""
        path = self.root / MANIFEST
        if path.is_file():
            try:
                found = json.loads(path.read_text())
                before, self.range = found['settings'], found['range']
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f'{path} is not the manifest of maps of surface models: name another folder '
                    'with --out.'
                ) from error
            if next(self._pngs(), None) is None:
                self.range = None  # a manifest without a map binds no later run
            else:
                self._check(before)
        elif other := next(self._pngs(), None):
            raise UserError(
                f'{self.root} holds pictures of unknown making ({other.name}) and no {MANIFEST}: '
                'name another folder with --out.'
            )

    def settle(self, found: dict[str, Any]) -> None:
        """Take this range, and begin the manifest; maps of another range are refused."""
        before = self.range
        ends = ('low', 'high')
        same = before is not None and all(before[end] == found[end] for end in ends)
        if before is not None and not same and next(self._pngs(), None):
            raise UserError(
                f'the maps in {self.root} go from {before["low"]!r} to {before["high"]!r}, and now '
                f'it would be {found["low"]!r} to {found["high"]!r}: keep to --range '
                f'{before["low"]!r} {before["high"]!r}, or name another folder with --out.'
            )
        # A range that was given again keeps what is known of where it came from.
        if not (same and found['percentiles'] is None):
            self.range = found
        if self.range != before:
            self._write({})

    def abandon(self) -> None:
        """Remove the manifest of a run that failed before its first map: it describes nothing."""
        if not next(self._pngs(), None):
            (self.root / MANIFEST).unlink(missing_ok=True)

    def is_done(self, path: Path, grid: SurfaceGrid, identity: Mapping[str, Any]) -> bool:
        """Whether the map is there, whole, of these settings, of this very surface model."""
        entry = self._entry(path) if path.is_file() else None
        if entry is None or entry['input'] != identity:
            return False
        if entry['size'] != [grid.width, grid.height]:
            return False
        world = world_path(path)
        return (world.read_text() if world.is_file() else None) == world_file(grid)

    def finish(self) -> dict[str, Any]:
        """Enter every map into the manifest, clear up; gives the entries by name, sorted."""
        entries = {
            path.relative_to(self.root).as_posix()[: -len('.png')]: self._entry(path)
            for path in self._pngs()
        }
        maps = {name: entries[name] for name in sorted(entries) if entries[name] is not None}
        self._write(maps)
        for folder, _, _ in os.walk(self.root):
            remove_strays(folder)
        return maps

    def _entry(self, path: Path) -> dict[str, Any] | None:
        header = read_header(path)
        note = read_note(path)
        if header is None or not note:
            return None
        said = json.loads(note)
        if said.pop('settings') != self.key:
            return None
        return {'size': [header.width, header.height], **said}

    def _check(self, before: Mapping[str, Any]) -> None:
        now, was = dict(self._settings), dict(before)
        if self._percentiles is not None and self.range['percentiles'] is not None:
            now['percentiles'], was['percentiles'] = self._percentiles, self.range['percentiles']
        for key in sorted(now.keys() | was.keys()):
            if now.get(key) != was.get(key):
                raise UserError(
                    f'{self.root} holds maps with {key} {json.dumps(was.get(key))}, and '
                    f'{json.dumps(now.get(key))} is asked for: name another folder with --out, or '
                    'remove that one.'
                )

    def _write(self, maps: dict[str, Any]) -> None:
        content = {'encoding': _ENCODING, 'settings': self._settings, 'range': self.range}
        write_json(self.root / MANIFEST, content | {'maps': maps})

    def _pngs(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name.endswith('.png') and not name.startswith('.'):
                    yield Path(folder, name)
