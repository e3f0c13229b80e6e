import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from small_submissions import png

from depthda.evaluation.label_png import NotALabelMap, read_label_png

LABELS = np.random.default_rng(0).integers(0, 7, (20, 30), np.uint8)


def reason(data, size=(30, 20)):
    with pytest.raises(NotALabelMap) as caught:
        read_label_png(data, size)
    return caught.value.reason


def test_reads_a_label_map():
    np.testing.assert_array_equal(read_label_png(png(LABELS), (30, 20)), LABELS)


@pytest.mark.parametrize(
    ('mode', 'expected'),
    [
        ('RGB', 'RGB colour PNG'),
        ('RGBA', 'RGBA colour PNG'),
        ('P', 'palette colour PNG'),
        ('LA', 'greyscale with alpha PNG'),
        ('1', '1-bit PNG instead of 8-bit'),
        ('I;16', '16-bit PNG instead of 8-bit'),
    ],
)
def test_other_kinds_of_png_are_named(mode, expected):
    data = png(LABELS.astype(np.uint16)) if mode == 'I;16' else png(LABELS, mode)
    assert reason(data) == expected


def test_size_is_width_by_height():
    assert reason(png(LABELS), (20, 30)) == '30×20 pixels instead of 20×30'


def test_transparency_is_refused():
    assert reason(png(LABELS, transparency=3)) == 'PNG with transparency'


def test_empty_and_other_formats():
    assert reason(b'') == 'empty file (0 bytes)'
    buffer = io.BytesIO()
    Image.fromarray(LABELS).save(buffer, 'JPEG')
    assert reason(buffer.getvalue()) == 'not a PNG file, despite its name'


def test_a_file_that_is_truncated_or_changed_anywhere_is_corrupt():
    data = png(LABELS)
    for end in range(8, len(data)):
        assert 'corrupt' in reason(data[:end]), end
    for at in range(8, len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert 'corrupt' in reason(changed), at


def test_complete_chunks_with_too_few_pixels_are_corrupt():
    def chunk(name, body):
        crc = struct.pack('>I', zlib.crc32(name + body))
        return struct.pack('>I', len(body)) + name + body + crc

    header = chunk(b'IHDR', struct.pack('>IIBBBBB', 30, 20, 8, 0, 0, 0, 0))
    pixels = chunk(b'IDAT', zlib.compress(bytes(31 * 10)))
    end = chunk(b'IEND', b'')
    signature = png(LABELS)[:8]
    assert reason(signature + header + pixels + end) == 'corrupt PNG (cannot be decoded)'
    assert reason(signature + header + end) == 'corrupt PNG (missing chunks)'
