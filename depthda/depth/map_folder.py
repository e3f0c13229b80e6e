"""A folder of depth maps that were all made with the same settings."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from depthda.io.headers import read_header
from depthda.io.manifest import ResumableFolder
from depthda.io.png import read_note


class DepthMapFolder(ResumableFolder):
    """A folder whose maps contain their manifest entries as notes.

    So a map and its entry appear together or not at all, even if a process is killed. When a run
    ends, the list of maps in the manifest is made from the notes.
    """

    parts = 'maps'
    kind = 'maps'

    @property
    def key(self) -> str:
        """A hash of all settings, for the note of each map."""
        decisive = json.dumps(self.decisive(), sort_keys=True)
        return hashlib.sha256(decisive.encode()).hexdigest()[:16]

    def decisive(self) -> object:
        """Return everything that determines the content of a map, except its input."""
        return self.content['settings']

    def files(self) -> Iterator[Path]:
        """Yield all PNG files: the maps, and other files that would be taken for maps."""
        return (path for path in super().files() if path.suffix == '.png')

    def entry(self, name: str) -> dict[str, Any] | None:
        """Read the entry of a map; None if it is absent, incomplete or made with other settings."""
        # The suffix is appended: with_suffix would turn 12.5 into 12.png.
        path = self.root / f'{name}.png'
        header = read_header(path) if path.is_file() else None
        note = header and read_note(path)
        if not note:
            return None
        entry = json.loads(note)
        if entry.pop('settings') != self.key:
            return None
        return {'size': [header.width, header.height], **entry}

    def all_entries(self) -> dict[str, Any]:
        names = [path.relative_to(self.root).as_posix()[:-4] for path in sorted(self.files())]
        return {name: entry for name in names if (entry := self.entry(name)) is not None}
