"""A 16-bit PNG written strip by strip: a scene need not be in memory at once, nor its file."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from depthda.io import png_notes
from depthda.io.files import atomic_path

# As long for every note, which is known only when the last strip is.
_ROOM = 1024
_UP = 2  # filter of a row: its difference to the row above
_LEVEL = 1  # twice as fast as 4, and files are a tenth larger at most
_ROWS = 64  # worked on at once


class StripWriter:
    """Takes the rows of a picture from top to bottom, and a note about all of them."""

    def __init__(self, file, width: int) -> None:
        self.note = ''
        self._file = file
        self._packer = zlib.compressobj(_LEVEL)
        self._above = np.zeros((1, 2 * width), np.uint8)

    def write(self, codes: np.ndarray) -> None:
        """Append rows of uint16 codes."""
        for top in range(0, len(codes), _ROWS):
            self._write(codes[top : top + _ROWS])

    def finish(self) -> None:
        """Write what is left, and the note."""
        self._data(self._packer.flush())
        self._file.write(png_notes.chunk(b'IEND', b''))
        self._file.seek(png_notes.HEADER_END)
        self._file.write(_note(self.note))

    def _write(self, codes: np.ndarray) -> None:
        rows = codes.astype('>u2').view(np.uint8)
        # The difference of bytes, not of codes, wraps around: so the format has it.
        lines = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        lines[:, 0] = _UP
        lines[:, 1:] = rows - np.concatenate([self._above, rows[:-1]])
        self._above = rows[-1:]
        self._data(self._packer.compress(lines))

    def _data(self, packed: bytes) -> None:
        if packed:
            self._file.write(png_notes.chunk(b'IDAT', packed))


@contextmanager
def png_strips(path: str | os.PathLike, width: int, height: int) -> Iterator[StripWriter]:
    """Write a picture in strips, whole or not at all."""
    with atomic_path(path) as beside:
        with open(beside, 'wb') as file:
            header = struct.pack('>IIBBBBB', width, height, 16, 0, 0, 0, 0)
            file.write(png_notes.START + png_notes.chunk(b'IHDR', header) + _note(''))
            writer = StripWriter(file, width)
            yield writer
            writer.finish()


def _note(note: str) -> bytes:
    if len(note) > _ROOM:
        raise ValueError(f'a note of {len(note)} characters, and there is room for {_ROOM}')
    return png_notes.chunk(b'tEXt', png_notes.text(note.ljust(_ROOM)))
