"""Read size, bands and type of an image file from its header.

Nothing is decoded, because datasets of thousands of files are checked before each run.
"""

import os
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import BinaryIO, NamedTuple

import rasterio
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from rasterio.errors import RasterioError

from depthda.errors import UserError
from depthda.io.rasters import georeference_is_optional

MAX_BANDS = 32  # optical sensors of such resolutions have fewer
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff')
_FORMATS = dict(zip(IMAGE_SUFFIXES, ('PNG', 'JPEG', 'JPEG', 'TIFF', 'TIFF'), strict=True))

# More threads than cores, because reading waits for the disk, especially for a network disk.
_THREADS = 16
_PNG_START = b'\x89PNG\r\n\x1a\n'
_STARTS = {_PNG_START: 'PNG', b'\xff\xd8\xff': 'JPEG'}
_STARTS |= dict.fromkeys((b'II*\0', b'MM\0*', b'II+\0', b'MM\0+'), 'TIFF')
# Formats that are not supported, but whose files often have a supported suffix.
_STARTS |= {b'BM': 'BMP', b'GIF8': 'GIF', b'RIFF': 'WebP', b'\0\0\0\x0cjP': 'JPEG 2000'}
_ORIENTATION = 0x0112
_PNG_END = b'IEND\xaeB`\x82'
_PNG_TAIL = 1024  # some writers append a few bytes after the end
_JPEG_TAIL = 4096
_PNG_BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type; 3 has palette indices


class Header(NamedTuple):
    """Size, bands and type of an image file; the size of a JPEG is that after its EXIF rotation."""

    width: int
    height: int
    bands: int
    dtype: str = 'uint8'


def read_header(path: str | os.PathLike) -> Header | None:
    """Return the header of a PNG, JPEG or TIFF file, or None if it is not readable as such."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix == '.png':
        return _png(path)
    return _tiff(path) if suffix in ('.tif', '.tiff') else _other(path)


def is_complete(path: str | os.PathLike) -> bool:
    """Return whether a PNG or JPEG file is complete; GDAL would silently fill missing pixels.

    TIFFs need no check, because GDAL raises an error when it reads a missing part.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix == '.png':
        return read_header(path) is not None
    if suffix not in ('.jpg', '.jpeg'):
        return True
    with _open(path) as file:
        file.seek(-min(_JPEG_TAIL, file.seek(0, os.SEEK_END)), os.SEEK_END)
        return b'\xff\xd9' in file.read()


def file_format(path: str | os.PathLike) -> str | None:
    """Return the format by the first bytes of a file, or None if it is unknown."""
    with _open(path) as file:
        start = file.read(len(_PNG_START))
    return next((name for begin, name in _STARTS.items() if start.startswith(begin)), None)


def misnamed(path: str | os.PathLike) -> str | None:
    """Return what is wrong with the suffix (``a BMP named .png: save it as PNG``), or None."""
    ending = os.path.splitext(path)[1]
    expected, actual = _FORMATS.get(ending.lower()), file_format(path)
    if actual in (None, expected):
        return None
    rename = 'rename it, or ' if actual in _FORMATS.values() else ''
    return f'a {actual} named {ending}: {rename}save it as {expected or "PNG"}'


def orientation(path: str | os.PathLike) -> int:
    """Return the orientation tag of a JPEG, PNG or TIFF; 1: upright, 5 or more: sides swapped.

    OpenCV, which mmcv uses to read training images, follows the tag in all three formats; rasterio,
    which prepares datasets, and most readers of label maps ignore it.
    """
    kind = file_format(path)
    # Ignore damaged tags, for which Pillow warns or raises one of these errors.
    with suppress(SyntaxError, struct.error, OSError), _open(path) as file:
        if kind == 'JPEG':
            return Image.open(file).getexif().get(_ORIENTATION, 1)
        if kind == 'TIFF':
            start = file.read(16)
            tags = ImageFileDirectory_v2(start if 43 in start[2:4] else start[:8])
            file.seek(tags.next)
            tags.load(file)
            return tags.get(_ORIENTATION, 1)
        if kind == 'PNG':
            exif = Image.Exif()
            exif.load(_png_exif(file))
            return exif.get(_ORIENTATION, 1)
    return 1


def check_upright(path: str | os.PathLike) -> None:
    """Refuse a file that an orientation tag rotates, because label and depth may not be rotated."""
    if (tag := orientation(path)) > 1:
        raise UserError(
            f'{path} has an orientation tag ({tag}), which some tools follow and others ignore: '
            'save it upright (mogrify -auto-orient FILE), and check that image, label and depth '
            'have the same orientation'
        )


def _png_exif(file: BinaryIO) -> bytes:
    """Return the EXIF chunk; Pillow would decode the pixels to find a chunk that follows them."""
    file.seek(len(_PNG_START))
    while len(start := file.read(8)) == 8 and start[4:] != b'IEND':
        length = int.from_bytes(start[:4], 'big')
        if start[4:] == b'eXIf':
            return file.read(length)
        file.seek(length + 4, os.SEEK_CUR)
    return b''


def read_headers(paths: Iterable[str | os.PathLike]) -> list[Header | None]:
    """Return the headers of many files, in the order of ``paths``."""
    with georeference_is_optional(), ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(read_header, paths))


def _png(path: str | os.PathLike) -> Header | None:
    with _open(path) as file:
        start = file.read(26)
        if len(start) < 26 or not start.startswith(_PNG_START):
            return None
        # A truncated file has a valid beginning but no end.
        file.seek(-min(_PNG_TAIL, file.seek(0, os.SEEK_END)), os.SEEK_END)
        if _PNG_END not in file.read():
            return None
    width, height, bits, colour_type = struct.unpack('>IIBB', start[16:26])
    bands = _PNG_BANDS.get(colour_type)
    return None if bands is None else Header(width, height, bands, f'uint{max(bits, 8)}')


def _tiff(path: str | os.PathLike) -> Header | None:
    # By default, GDAL lists the whole folder each time it opens a file.
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN='EMPTY_DIR'):
        try:
            with rasterio.open(path) as raster:
                return Header(raster.width, raster.height, raster.count, raster.dtypes[0])
        except RasterioError:
            return None


def _other(path: str | os.PathLike) -> Header | None:
    try:
        with Image.open(path) as image:
            swapped = image.getexif().get(_ORIENTATION, 1) >= 5
            size = image.size[::-1] if swapped else image.size
            return Header(*size, len(image.getbands()))
    except SyntaxError:
        return None
    except OSError as error:
        # Pillow's own errors, about another format or a truncated file, have no errno.
        if error.errno is not None:
            raise _cannot_open(path, error) from error
        return None


def _open(path: str | os.PathLike) -> BinaryIO:
    try:
        return open(path, 'rb')
    except OSError as error:
        raise _cannot_open(path, error) from error


def _cannot_open(path: str | os.PathLike, error: OSError) -> UserError:
    return UserError(
        f'{path} cannot be opened ({error.strerror}): correct the link or the permissions'
    )
