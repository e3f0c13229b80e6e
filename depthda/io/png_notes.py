"""A note inside a PNG file: what a map is goes with the map, and appears with it or not at all."""

import os
import struct
import zlib

START = b'\x89PNG\r\n\x1a\n'
HEADER_END = 33  # signature 8, then length 4, name 4, content 13, checksum 4 of the header
_KEY = b'depthda\0'
_LONGEST = 1 << 16


def put(png: bytes, note: str) -> bytes:
    """The file with the note, which other programs skip."""
    return png[:HEADER_END] + chunk(b'tEXt', text(note)) + png[HEADER_END:]


def text(note: str) -> bytes:
    """What the text chunk (tEXt) of a note holds."""
    return _KEY + note.encode('ascii')


def chunk(name: bytes, content: bytes) -> bytes:
    """A part of a PNG file: length, name, content, checksum."""
    body = name + content
    return struct.pack('>I', len(content)) + body + struct.pack('>I', zlib.crc32(body))


def get(path: str | os.PathLike) -> str | None:
    """The note of a file that ``put`` wrote, None where there is none."""
    with open(path, 'rb') as file:
        start = file.read(HEADER_END)
        head = file.read(8)
        if not start.startswith(START) or len(head) < 8 or head[4:] != b'tEXt':
            return None
        (length,) = struct.unpack('>I', head[:4])
        body = file.read(min(length, _LONGEST))
        (checksum,) = struct.unpack('>I', file.read(4).rjust(4, b'\0'))
    if not body.startswith(_KEY) or zlib.crc32(b'tEXt' + body) != checksum:
        return None
    return body[len(_KEY) :].decode('ascii')
