"""PNG files of 16 bits: written strip by strip, and with a note inside.

A scene need not be in memory at once, nor its file. What a map is goes with the map as a note, and
appears with it or not at all.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from depthda.io.files import atomic_path

_START = b'\x89PNG\r\n\x1a\n'
_HEADER_END = 33  # signature 8, then length 4, name 4, content 13, checksum 4 of the header
_KEY = b'depthda\0'
_LONGEST = 1 << 16
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
        self._file.write(_chunk(b'IEND', b''))
        self._file.seek(_HEADER_END)
        self._file.write(_padded_note(self.note))

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
            self._file.write(_chunk(b'IDAT', packed))


@contextmanager
def png_strips(path: str | os.PathLike, width: int, height: int) -> Iterator[StripWriter]:
    """Write a picture in strips, whole or not at all."""
    with atomic_path(path) as temporary:
        with open(temporary, 'wb') as file:
            header = struct.pack('>IIBBBBB', width, height, 16, 0, 0, 0, 0)
            file.write(_START + _chunk(b'IHDR', header) + _padded_note(''))
            writer = StripWriter(file, width)
            yield writer
            writer.finish()


def _padded_note(note: str) -> bytes:
    if len(note) > _ROOM:
        raise ValueError(f'a note of {len(note)} characters, and there is room for {_ROOM}')
    return _chunk(b'tEXt', _note_text(note.ljust(_ROOM)))


def add_note(png: bytes, note: str) -> bytes:
    """The file with the note, which other programs skip."""
    return png[:_HEADER_END] + _chunk(b'tEXt', _note_text(note)) + png[_HEADER_END:]


def _note_text(note: str) -> bytes:
    """What the text chunk (tEXt) of a note holds."""
    return _KEY + note.encode('ascii')


def _chunk(name: bytes, content: bytes) -> bytes:
    """A part of a PNG file: length, name, content, checksum."""
    body = name + content
    return struct.pack('>I', len(content)) + body + struct.pack('>I', zlib.crc32(body))


def read_note(path: str | os.PathLike) -> str | None:
    """The note of a file that ``add_note`` wrote, None where there is none."""
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
