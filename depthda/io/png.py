"""Write 16-bit PNG files strip by strip, and store notes in PNG files.

A map that is written in strips does not have to fit into memory, and neither does its file. A note
is a text inside the file that describes the map, so the two cannot be separated.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from depthda.io.files import atomic_path

_START = b'\x89PNG\r\n\x1a\n'
_HEADER_END = 33  # signature 8, then the header: length 4, name 4, content 13, checksum 4 bytes
_KEY = b'depthda\0'
_LONGEST = 1 << 16  # bytes of a note that are read at most
# Bytes reserved for a note, because its length is known only after the last strip.
_ROOM = 1024
_UP = 2  # PNG filter that stores the difference from the row above
_LEVEL = 1  # of compression; twice as fast as 4, with files at most a tenth larger
_ROWS = 64  # number of rows to compress at a time


class StripWriter:
    """Write the rows of a picture from top to bottom, and a note."""

    def __init__(self, file, width: int) -> None:
        self.note = ''
        self._file = file
        self._packer = zlib.compressobj(_LEVEL)
        self._above = np.zeros((1, 2 * width), np.uint8)

    def write(self, codes: np.ndarray) -> None:
        """Append rows of uint16 codes."""
        for top in range(0, len(codes), _ROWS):
            rows = codes[top : top + _ROWS].astype('>u2').view(np.uint8)
            # PNG filters are differences of bytes (which wrap around), not of 16-bit codes.
            lines = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
            lines[:, 0] = _UP
            lines[:, 1:] = rows - np.concatenate([self._above, rows[:-1]])
            self._above = rows[-1:]
            self._data(self._packer.compress(lines))

    def finish(self) -> None:
        """Write the remaining data and the note."""
        self._data(self._packer.flush())
        self._file.write(_chunk(b'IEND', b''))
        self._file.seek(_HEADER_END)
        self._file.write(_padded_note(self.note))

    def _data(self, packed: bytes) -> None:
        if packed:
            self._file.write(_chunk(b'IDAT', packed))


@contextmanager
def png_strips(path: str | os.PathLike, width: int, height: int) -> Iterator[StripWriter]:
    """Yield a writer for a 16-bit PNG file, which appears only when it is complete."""
    with atomic_path(path) as temporary:
        with open(temporary, 'wb') as file:
            header = struct.pack('>IIBBBBB', width, height, 16, 0, 0, 0, 0)
            file.write(_START + _chunk(b'IHDR', header) + _padded_note(''))
            writer = StripWriter(file, width)
            yield writer
            writer.finish()


def _padded_note(note: str) -> bytes:
    if len(note) > _ROOM:
        raise ValueError(f'a note has {len(note)} characters, but there is only room for {_ROOM}')
    return _chunk(b'tEXt', _note_text(note.ljust(_ROOM)))


def add_note(png: bytes, note: str) -> bytes:
    """Return the content of a PNG file with a note, which other programs skip."""
    return png[:_HEADER_END] + _chunk(b'tEXt', _note_text(note)) + png[_HEADER_END:]


def _note_text(note: str) -> bytes:
    """Return the content of the text chunk (tEXt) for a note."""
    return _KEY + note.encode('ascii')


def _chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file: length, name, content, checksum."""
    body = name + content
    return struct.pack('>I', len(content)) + body + struct.pack('>I', zlib.crc32(body))


def read_note(path: str | os.PathLike) -> str | None:
    """Return the note of a PNG file, or None."""
    with open(path, 'rb') as file:
        start = file.read(_HEADER_END)
        head = file.read(8)
        if not start.startswith(_START) or len(head) < 8 or head[4:] != b'tEXt':
            return None
        (length,) = struct.unpack('>I', head[:4])
        body = file.read(min(length, _LONGEST))
        (checksum,) = struct.unpack('>I', file.read(4).rjust(4, b'\0'))
    if not body.startswith(_KEY) or zlib.crc32(b'tEXt' + body) != checksum:
        return None
    return body[len(_KEY) :].decode('ascii')
