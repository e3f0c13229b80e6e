"""Output folders that a later run can continue, and their manifests.

While a prepared dataset is incomplete, it has only ``manifest.unfinished.json``, so that no program
uses it as a complete dataset.
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
_INTERVAL_S = 5  # between writes of the manifest; a killed run loses at most this much work
_LONGEST = 120  # characters of a setting in a message


def manifest_path(folder: Path) -> Path:
    """Return the path of the manifest, or of the unfinished one if it exists."""
    unfinished = folder / UNFINISHED
    return unfinished if unfinished.is_file() else folder / NAME


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of ``folder``; return None if there is none."""
    content = read_json(manifest_path(folder))
    # JSON that is not an object counts as an empty manifest, so that callers find none of their
    # keys.
    return content if content is None or isinstance(content, dict) else {}


class ResumableFolder:
    """A folder that a run fills part by part, and that a later run can continue.

    Its manifest has the settings that determine the files, and an entry for each finished part. The
    folder is refused if it has other settings, or files without a manifest. Subclasses set the
    attributes below, and may keep entries elsewhere (:meth:`entry`, :meth:`all_entries`).

    Args:
        root: The folder. Hold ``own_folder(root)`` while writing to it.
        content: The manifest of a new folder; its keys are written in this order.
    """

    name = NAME  # file name of the manifest
    unfinished = UNFINISHED  # its file name until the run has finished; may be equal to `name`
    parts = 'parts'  # key of the entries in the manifest
    keys: tuple[str, ...] = ('settings', 'parts')  # keys that any manifest of this kind has
    kind = 'files'  # what the folder contains, for messages
    advice = 'choose another folder'  # what to do if it contains other files, for messages

    def __init__(self, root: Path, content: Mapping[str, Any]) -> None:
        self.root = root
        self.content = dict(content)
        self._written = 0.0

    def open(self) -> dict[str, Any] | None:
        """Return the manifest of the run to continue; None if the folder has no files yet.

        Nothing is written. A manifest without files is ignored, so that another run may use other
        settings.
        """
        before = self._read()
        file = next(self.files(), None)
        if file is None:
            return None
        if before is None:
            raise UserError(
                f'{self.root} contains other files ({file.name}), but no {self.name} that '
                f'describes them: {self.advice}.'
            )
        self.check(before)
        return before

    def files(self) -> Iterator[Path]:
        """Yield the files that the manifest describes: all except itself and hidden files."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name[0] != '.' and name not in (self.name, self.unfinished):
                    yield Path(folder, name)

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse an earlier manifest with other settings."""
        self.compare(before['settings'], self.content['settings'])

    def compare(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Raise an error that names the first setting that differs."""
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                raise UserError(
                    f'{self.root} contains {self.kind} with {key} {_brief(old.get(key))}, but this '
                    f'run uses {_brief(new.get(key))}: {self.advice}, or remove the existing one.'
                )

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return the entry of a finished part, or None."""
        return self.content[self.parts].get(name)

    def all_entries(self) -> dict[str, Any]:
        """Return the entries of all finished parts, in the order of the manifest."""
        return dict(sorted(self.content[self.parts].items()))

    def is_done(self, name: str, identity: Mapping[str, Any]) -> bool:
        """Return whether a part is finished and its entry has all items of ``identity``."""
        entry = self.entry(name)
        return entry is not None and identity.items() <= entry.items()

    def enter(self, name: str, entry: Mapping[str, Any]) -> None:
        """Record that a part is finished."""
        self.content[self.parts][name] = dict(entry)
        # Do not write the manifest after each of ten thousand small parts.
        if time.monotonic() - self._written > _INTERVAL_S:
            self.write()

    def finish(self, **facts: Any) -> None:
        """Add ``facts`` to the manifest and write it as complete."""
        self.content |= {self.parts: self.all_entries(), **facts}
        self.write(complete=True)

    def write(self, complete: bool = False) -> None:
        """Write the manifest under its complete or unfinished name, and remove the other file."""
        name = self.name if complete else self.unfinished
        write_json(self.root / name, self.content)
        for other in {self.name, self.unfinished} - {name}:
            (self.root / other).unlink(missing_ok=True)
        self._written = time.monotonic()

    @contextmanager
    def abandoned_on_failure(self) -> Iterator[None]:
        """Call :meth:`abandon` if the code in the context fails or is interrupted."""
        try:
            yield
        except BaseException:  # also after an interrupt
            self.abandon()
            raise

    def abandon(self) -> None:
        """Remove the manifest if there are no files yet, because it describes nothing."""
        if next(self.files(), None) is None:
            (self.root / self.unfinished).unlink(missing_ok=True)

    def remove_strays(self) -> None:
        """Remove temporary files of killed runs, also in subfolders."""
        for folder, _, _ in os.walk(self.root):
            remove_strays(folder)

    def _read(self) -> dict[str, Any] | None:
        unfinished = self.root / self.unfinished
        path = unfinished if unfinished.is_file() else self.root / self.name
        content = read_json(path, self.advice)
        if content is None or (isinstance(content, dict) and content.keys() >= {*self.keys}):
            return content
        raise UserError(f'{path} is not a manifest of {self.kind}: {self.advice}.')


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST]}…'
