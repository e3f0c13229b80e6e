"""Keep the finished rows of a map on disk, so that a killed run can continue where it stopped."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from depthda.errors import UserError
from depthda.io.files import read_json, write_json

_STATE = 'progress.json'


class ScratchMap:
    """Layers of uint8 rows in plain files: labels, and on request confidence and probabilities.

    Rows are appended from the top. The number of finished rows is written after the rows
    themselves, so it is never too high after a kill. A folder from other settings or another input
    is emptied first.

    Args:
        folder: Folder of the files until the map is written.
        layers: Number of bands of each layer by its name.
        identity: Everything that affects the rows, in types that JSON keeps.
    """

    def __init__(
        self,
        folder: str | Path,
        layers: dict[str, int],
        shape: tuple[int, int],
        identity: dict[str, Any],
    ) -> None:
        self.folder, self.layers = Path(folder), layers
        self.height, self.width = shape
        self._identity = json.loads(json.dumps(identity))
        self.rows = 0

    def open(self) -> None:
        """Continue with the rows in the folder if their identity is the same, or start anew."""
        state = read_json(self.folder / _STATE) or {}
        if state.get('identity') == self._identity:
            self.rows = state['rows']
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if not path.name.endswith('.lock'):  # the lock is held by this run
                path.unlink()
        for name in self.layers:
            with open(self._file(name), 'wb') as file:
                # The file may be sparse, so a full disk is noticed only when rows are written.
                file.truncate(self._row_bytes(name) * self.height)
        self._save()

    def write(self, top: int, layers: dict[str, np.ndarray]) -> None:
        """Append rows to every layer; each is (n, W), or (bands, n, W) if it has several bands."""
        if top != self.rows:
            raise ValueError(f'row {top} does not follow the {self.rows} finished rows')
        for name, values in layers.items():
            by_row = np.ascontiguousarray(np.atleast_3d(values.T).transpose(1, 2, 0))
            with open(self._file(name), 'r+b') as file:
                file.seek(top * self._row_bytes(name))
                file.write(by_row.astype(np.uint8, copy=False).tobytes())
        self.rows += next(iter(layers.values())).shape[-2]
        self._save()

    def read(self, name: str, top: int, bottom: int) -> np.ndarray:
        """Return finished rows of a layer, (bands, n, W)."""
        if bottom > self.rows:
            raise ValueError(f'row {bottom - 1} of {name} is not finished')
        size = self._row_bytes(name)
        content = np.fromfile(self._file(name), np.uint8, (bottom - top) * size, offset=top * size)
        return content.reshape(bottom - top, self.layers[name], self.width).transpose(1, 0, 2)

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def _row_bytes(self, name: str) -> int:
        return self.layers[name] * self.width

    def _file(self, name: str) -> Path:
        return self.folder / f'{name}.raw'

    def _save(self) -> None:
        write_json(self.folder / _STATE, {'identity': self._identity, 'rows': self.rows})


def check_space(folder: Path, needed: int) -> None:
    """Refuse a run whose files would not fit on the disk."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise UserError(
            f'{folder} needs {needed / 1e6:.0f} MB, but only {free / 1e6:.0f} MB are free: free '
            'some disk space, or leave out --probabilities.'
        )
