"""Read a label map the way a server will: the file's own header decides, not a lenient decoder."""

import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_KINDS = {
    0: 'greyscale',
    2: 'RGB colour',
    3: 'palette colour',
    4: 'greyscale with alpha',
    6: 'RGBA colour',
}
_AS_INDICES = 'write the 2-D array of class indices, not a coloured picture of it'


class NotALabelMap(ValueError):
    """Why a file is not a label map (``reason``), and what to do (``mend``)."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(f'{reason}; {mend}')
        self.reason = reason
        self.mend = mend


def read_label_png(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Decode an 8-bit greyscale PNG of exactly ``size`` (width, height) to uint8 ``[H, W]``.

    Raises:
        NotALabelMap: for anything else, a decodable picture of another kind included.
    """
    if not data:
        raise NotALabelMap('empty file (0 bytes)', 'write the prediction again')
    if not data.startswith(_SIGNATURE):
        raise NotALabelMap('not a PNG file, whatever its name says', 'save it as PNG')
    header, names = None, []
    for name, body in _chunks(data):
        header = body if name == b'IHDR' else header
        names.append(name)
    if names[:1] != [b'IHDR'] or b'IDAT' not in names or len(header) != 13:
        raise _corrupt('parts missing')
    width, height, depth, kind = struct.unpack('>IIBB', header[:10])
    # The size first: nothing is decoded that could fill the memory.
    if (width, height) != size:
        raise NotALabelMap(
            f'{width}×{height} pixels instead of {size[0]}×{size[1]}',
            "predict at the test image's own size",
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


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk a PNG's chunks up to IEND, checking that each is whole."""
    at, name = len(_SIGNATURE), b''
    while name != b'IEND':
        length, name = struct.unpack('>I4s', data[at : at + 8]) if at + 8 <= len(data) else (0, b'')
        end = at + 12 + length
        if not name or end > len(data):
            raise _corrupt('cut short')
        if zlib.crc32(data[at + 4 : end - 4]) != struct.unpack('>I', data[end - 4 : end])[0]:
            raise _corrupt('checksum differs')
        yield name, data[at + 8 : end - 4]
        at = end


def _corrupt(how: str) -> NotALabelMap:
    return NotALabelMap(f'corrupt PNG ({how})', 'write the prediction again')
