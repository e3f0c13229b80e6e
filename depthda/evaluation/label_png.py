"""Read a label map as strictly as a server does: check its header, then decode it."""

import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_KINDS = {2: 'RGB colour', 3: 'palette colour', 4: 'greyscale with alpha', 6: 'RGBA colour'}
_AS_INDICES = 'write the 2-D array of class indices, not a coloured image of it'


class NotALabelMap(ValueError):
    """An error with the ``reason`` why a file is not a label map, and with a ``fix`` for it."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(f'{reason}; {fix}')
        self.reason = reason
        self.fix = fix


def read_label_png(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Decode an 8-bit greyscale PNG of exactly ``size`` (width, height) to uint8 ``[H, W]``.

    Anything else raises :class:`NotALabelMap`, even another kind of image that can be decoded.
    """
    if not data:
        raise NotALabelMap('empty file (0 bytes)', 'write the prediction again')
    if not data.startswith(_SIGNATURE):
        raise NotALabelMap('not a PNG file, despite its name', 'save it as PNG')
    names, bodies = zip(*_chunks(data), strict=True)
    if names[0] != b'IHDR' or b'IDAT' not in names or len(bodies[0]) != 13:
        raise _corrupt('missing chunks')
    width, height, depth, kind = struct.unpack('>IIBB', bodies[0][:10])
    # Check the size first, so that nothing is decoded that could fill the memory.
    if (width, height) != size:
        raise NotALabelMap(
            f'{width}×{height} pixels instead of {size[0]}×{size[1]}',
            'predict at the size of the test image',
        )
    if kind != 0:
        raise NotALabelMap(f'{_KINDS.get(kind, "unknown kind of")} PNG', _AS_INDICES)
    if depth != 8:
        raise NotALabelMap(f'{depth}-bit PNG instead of 8-bit', 'convert the array to uint8 first')
    if b'tRNS' in names:
        raise NotALabelMap('PNG with transparency', _AS_INDICES)
    labels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if labels is None:
        raise _corrupt('cannot be decoded')
    return labels


def value_fix(highest: int, num_classes: int, first_class: str = 'background') -> str:
    """Return how to fix a label map whose highest value is not a class."""
    if highest == num_classes:
        return (
            'the values start at 1, as in the label files of LoveDA '
            f'(1 is {first_class}), so subtract 1'
        )
    if highest == 255:
        return 'give every pixel a class (255 is no-data in labels, or white in an image)'
    return 'write class indices'


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Iterate over the chunks of a PNG up to IEND, and check that each is complete."""
    start, name = len(_SIGNATURE), b''
    while name != b'IEND':
        head = data[start : start + 8]
        length, name = struct.unpack('>I4s', head) if len(head) == 8 else (0, b'')
        end = start + 12 + length
        if not name or end > len(data):
            raise _corrupt('truncated')
        if zlib.crc32(data[start + 4 : end - 4]) != struct.unpack('>I', data[end - 4 : end])[0]:
            raise _corrupt('wrong checksum')
        yield name, data[start + 8 : end - 4]
        start = end


def _corrupt(reason: str) -> NotALabelMap:
    return NotALabelMap(f'corrupt PNG ({reason})', 'write the prediction again')
