"""A note inside a PNG file: what a map is goes with the map, and appears with it or not at all."""

import os
import struct
import zlib

_START = b'\x89PNG\r\n\x1a\n'
_HEADER_END = 33  # signature 8, then length 4, name 4, content 13, checksum 4 of the header
_KEY = b'depthda\0'
_LONGEST = 1 << 16


def put(png: bytes, note: str) -> bytes:
    """The file with the note, as a text chunk (tEXt) that other programs skip."""
    body = b'tEXt' + _KEY + note.encode('ascii')
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]


def get(path: str | os.PathLike) -> str | None:
    """The note of a file that ``put`` wrote, None where there is none."""
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
