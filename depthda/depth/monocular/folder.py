"""A folder of depth maps of one making, and the file that says how they were made.

``depth_maps.json`` has the settings from the beginning. Size, scale and shift of each map are
written into the map itself, so that they appear with it or not at all, whoever is killed when; the
table of all maps is read out of them when a run ends.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from depthda.depth.maps import write_codes
from depthda.errors import UserError
from depthda.io.files import write_json
from depthda.io.headers import read_header
from depthda.io.png import read_note

# No data set reads a file of this name.
MANIFEST = 'depth_maps.json'
_ENCODING = 'depth = shift + scale * code; larger = nearer; code 0 = no depth'


class MapFolder:
    """Writes maps, knows its own, and keeps the manifest.

    Args:
        root: The folder; made when it is opened.
        settings: What decides a map's values, ``weights`` (their hash) among it, plain and as JSON
            gives it back. Maps of other settings in the same folder are refused.
        about: What else is worth knowing: ``model``, ``versions`` (a list), …
    """

    def __init__(self, root: Path, settings: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        self.root = root
        self._settings = dict(settings)
        self._about = dict(about)
        canonical = json.dumps(self._settings, sort_keys=True).encode()
        self._key = hashlib.sha256(canonical).hexdigest()[:16]

    def open(self) -> None:
        """Check or begin the manifest, and remove what a killed run left half written."""
        path = self.root / MANIFEST
        if path.is_file():
            try:
                found = json.loads(path.read_text())
            except ValueError as error:
                raise UserError(
                    f'{path} is not readable ({error}), so how the maps there were made is not '
                    'known: name another folder with --out or --name.'
                ) from error
            # A manifest without a map binds no later run.
            if next(self._pngs(), None) is None:
                self._write(path, {})
            else:
                self._check(found)
        elif self.root.is_dir() and (other := next(self._pngs(), None)):
            raise UserError(
                f'{self.root} holds pictures of unknown making ({other.name}) and no {MANIFEST}: '
                'name another folder with --out or --name.'
            )
        else:
            self._write(path, {})
        for left in self.root.rglob('.*-????????.*'):
            if left.suffix in ('.png', '.json'):
                left.unlink()

    @contextmanager
    def abandoned_if_empty(self) -> Iterator[None]:
        """Remove the manifest if the work fails before the first map is written."""
        try:
            yield
        except BaseException:
            if next(self._pngs(), None) is None:
                (self.root / MANIFEST).unlink(missing_ok=True)
            raise

    def write(
        self, path: Path, depth: np.ndarray, image: Path, valid: np.ndarray | None = None
    ) -> bool:
        """Write H×W depth of ``image``: codes 1…65535 span its range; 0 where not ``valid``.

        Returns whether the map has any relief.
        """
        known = depth if valid is None else depth[valid]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        scale = (high - low) / 65534
        shift = low - scale if scale else low
        codes = np.full(depth.shape, 32768, np.uint16)
        if scale:
            # Row by row: a whole scene in float64 would be larger than all its tiles.
            for row, values in zip(codes, depth, strict=True):
                row[:] = np.rint((values.astype(np.float64) - shift) / scale).clip(1, 65535)
        if valid is not None:
            codes[~valid] = 0
        note = {'settings': self._key, 'image': _identity(image), 'scale': scale, 'shift': shift}
        write_codes(path, codes, json.dumps(note))
        return scale > 0

    def is_done(self, path: Path, size: tuple[int, int], image: Path) -> bool:
        """Whether the map is there, whole, of this size (height, width) and of these settings.

        The map of another image is refused: it would be taken for the map of this one. Maps of
        earlier versions do not identify their image, and are kept.
        """
        entry = self._entry(path) if path.is_file() else None
        if entry is None or tuple(entry['size'][::-1]) != size:
            return False
        if entry.get('image', '') not in ('', _identity(image)):
            raise UserError(
                f'{path} is the map of another image than {image}: name another folder with --out '
                'or --name, or remove the map.'
            )
        return True

    def finish(self) -> None:
        """Enter every map into the manifest."""
        entries = ((path, self._entry(path)) for path in sorted(self._pngs()))
        maps = {
            path.relative_to(self.root).with_suffix('').as_posix(): entry
            for path, entry in entries
            if entry is not None
        }
        self._write(self.root / MANIFEST, maps)

    def _entry(self, path: Path) -> dict[str, Any] | None:
        header = read_header(path)
        note = read_note(path)
        if header is None or note is None:
            return None
        said = json.loads(note)
        if said.pop('settings') != self._key:
            return None
        return {'size': [header.width, header.height], **said}

    def _check(self, found: Mapping[str, Any]) -> None:
        before = found['settings']
        if before['weights'] != self._settings['weights']:
            raise UserError(
                f'{self.root} holds maps by other weights ({found["about"]["model"]}): name '
                'another folder with --out or --name, or remove that one.'
            )
        for key in sorted(self._settings.keys() | before.keys()):
            if self._settings.get(key) != before.get(key):
                raise UserError(
                    f'{self.root} holds maps with {key} {_brief(before.get(key))}, and '
                    f'{_brief(self._settings.get(key))} is asked for: name another folder with '
                    '--out or --name, or remove that one.'
                )
        # Who began says what the maps were made with; who goes on adds other versions only.
        now, self._about = self._about['versions'], found['about']
        self._about['versions'] += [each for each in now if each not in self._about['versions']]

    def _write(self, path: Path, maps: dict[str, Any]) -> None:
        content = {'encoding': _ENCODING, 'settings': self._settings, 'about': self._about}
        write_json(path, content | {'maps': maps})

    def _pngs(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name.endswith('.png') and not name.startswith('.'):
                    yield Path(folder, name)


def _identity(image: Path) -> str:
    """Return a short hash of the file, which stays the same when a dataset is moved."""
    with open(image, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()[:16]


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f'{text[:120]}…'
