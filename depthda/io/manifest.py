"""Folders that one run fills and a later run continues, and the manifest that describes each.

A prepared dataset whose run was interrupted or failed has only ``manifest.unfinished.json``, so
that no program takes a part of a dataset for the whole.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from depthda.errors import UserError
from depthda.io.files import read_json, remove_strays, write_json

NAME = 'manifest.json'
UNFINISHED = 'manifest.unfinished.json'
_SECONDS = 5  # of work that a killed run may lose
_LONGEST = 120  # characters of a setting in a message


def manifest_path(folder: Path) -> Path:
    """Return the manifest of ``folder``: that of an unfinished run if there is one."""
    unfinished = folder / UNFINISHED
    return unfinished if unfinished.is_file() else folder / NAME


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of ``folder``; None if there is none."""
    content = read_json(manifest_path(folder))
    # JSON of another kind has none of the keys that are looked up.
    return content if content is None or isinstance(content, dict) else {}


class ResumableFolder:
    """A folder that one run fills part by part, and that a later run continues.

    Its manifest has the settings, which decide what is in the files, and one entry for each
    finished part. Files of other settings, and files that no manifest describes, are refused. A
    subclass names its files and messages by the attributes below, and may keep its entries
    elsewhere (:meth:`entry`, :meth:`all_entries`).

    Args:
        root: The folder. Hold ``own_folder(root)`` while writing to it.
        content: The manifest of a new folder, in the order of its keys.

    Attributes:
        name: File name of the manifest.
        unfinished: Its file name until the run has finished, which may be the same.
        parts: Key of the entries in the manifest.
        keys: Keys without which a file of that name is not the manifest of such a folder.
        kind: What the folder holds, in messages.
        advice: What to do about another folder's files, in messages.
    """

    name = NAME
    unfinished = UNFINISHED
    parts = 'parts'
    keys: tuple[str, ...] = ('settings', 'parts')
    kind = 'files'
    advice = 'name another folder'

    def __init__(self, root: Path, content: Mapping[str, Any]) -> None:
        self.root = root
        self.content = dict(content)
        self._written = 0.0

    def open(self) -> dict[str, Any] | None:
        """Return the manifest that this run continues, or None; nothing is written.

        A manifest without files commits no later run to its settings.
        """
        before = self._read()
        file = next(self.files(), None)
        if file is None:
            return None
        if before is None:
            raise UserError(
                f'{self.root} holds other files ({file.name}), and no {self.name} says how they '
                f'were made: {self.advice}.'
            )
        self.check(before)
        return before

    def files(self) -> Iterator[Path]:
        """Yield the files that the manifest describes: all but itself and hidden ones."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name[0] != '.' and name not in (self.name, self.unfinished):
                    yield Path(folder, name)

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse the manifest ``before`` if it has other settings."""
        self.compare(before['settings'], self.content['settings'])

    def compare(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Refuse the first setting that differs."""
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                raise UserError(
                    f'{self.root} holds {self.kind} with {key} {_brief(old.get(key))}, and '
                    f'{_brief(new.get(key))} is asked for: {self.advice}, or remove that one.'
                )

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return the entry of a finished part; None for any other."""
        return self.content[self.parts].get(name)

    def all_entries(self) -> dict[str, Any]:
        """Return the entries of all finished parts, in the order that the manifest has."""
        return dict(sorted(self.content[self.parts].items()))

    def is_done(self, name: str, identity: Mapping[str, Any]) -> bool:
        """Return whether a part is finished, and its entry has every item of ``identity``."""
        entry = self.entry(name)
        return entry is not None and identity.items() <= entry.items()

    def enter(self, name: str, entry: Mapping[str, Any]) -> None:
        """Record that a part is finished."""
        self.content[self.parts][name] = dict(entry)
        # Ten thousand small parts must not write ten thousand manifests.
        if time.monotonic() - self._written > _SECONDS:
            self.write()

    def finish(self, **facts: Any) -> None:
        """Write the complete manifest, with further ``facts``."""
        self.content |= {self.parts: self.all_entries(), **facts}
        self.write(complete=True)

    def write(self, complete: bool = False) -> None:
        """Write the manifest under the name of its state, and remove that of the other state."""
        name = self.name if complete else self.unfinished
        write_json(self.root / name, self.content)
        for other in {self.name, self.unfinished} - {name}:
            (self.root / other).unlink(missing_ok=True)
        self._written = time.monotonic()

    @contextmanager
    def abandoned_on_failure(self) -> Iterator[None]:
        """Call :meth:`abandon` if the work fails or is interrupted."""
        try:
            yield
        except BaseException:  # an interrupt as well
            self.abandon()
            raise

    def abandon(self) -> None:
        """Remove the manifest of a run that failed before its first file: it describes nothing."""
        if next(self.files(), None) is None:
            (self.root / self.unfinished).unlink(missing_ok=True)

    def remove_strays(self) -> None:
        """Remove what killed runs left half written, in sub-folders too."""
        for folder, _, _ in os.walk(self.root):
            remove_strays(folder)

    def _read(self) -> dict[str, Any] | None:
        unfinished = self.root / self.unfinished
        path = unfinished if unfinished.is_file() else self.root / self.name
        content = read_json(path, self.advice)
        if content is None or (isinstance(content, dict) and content.keys() >= {*self.keys}):
            return content
        raise UserError(f'{path} is not the manifest of {self.kind}: {self.advice}.')


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST]}…'
