"""Open untrusted zips safely: every entry is validated before any is extracted."""

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from depthda.errors import UserError

# A zip bomb unpacks to more than _LARGEST_RATIO times its size and more than _HARMLESS_SIZE bytes.
# A dataset unpacks to at most 250 times the size of its zip (label images of uniform colours).
_LARGEST_RATIO = 500
_HARMLESS_SIZE = 1 << 30
_DRIVE = re.compile(r'[A-Za-z]:')


class InnerZip(NamedTuple):
    """A zip stored uncompressed in the zip ``outer``: ``size`` bytes, beginning at ``start``."""

    outer: Path
    name: str
    start: int
    size: int

    def __str__(self) -> str:
        return f'{self.outer}/{self.name}'


Zip = Path | InnerZip


@contextmanager
def open_archive(path: Zip) -> Iterator[tuple[zipfile.ZipFile, list[str]]]:
    """Open a zip and yield it with the names of its files; raise an error if it is unsafe."""
    with ExitStack() as stack:
        try:
            raw = (
                io.BufferedReader(_Window(path)) if isinstance(path, InnerZip) else open(path, 'rb')
            )
            file = stack.enter_context(raw)
            archive = stack.enter_context(zipfile.ZipFile(file))
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(
                f'{path} is not a complete zip ({error}): download it again.'
            ) from error
        yield archive, _validated_names(archive, path, file.seek(0, os.SEEK_END))


def inner_zip(archive: zipfile.ZipFile, path: Path, name: str) -> InnerZip | None:
    """Locate the zip ``name`` inside the zip ``path``; return None if it is compressed there.

    From a compressed zip, each read would have to unpack everything before its position.
    """
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    with open(path, 'rb') as file:
        # The content follows a local header, whose length is not in the directory of the zip.
        file.seek(info.header_offset)
        header = file.read(30)
    if len(header) < 30 or not header.startswith(b'PK\x03\x04'):
        raise UserError(f'{name} in {path} is broken (no header): download the zip again.')
    lengths = struct.unpack('<HH', header[26:])
    return InnerZip(path, name, info.header_offset + 30 + sum(lengths), info.file_size)


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of one file, or raise an error that names it if it is broken."""
    with _broken_content_explained(archive.filename, name):
        return archive.read(name)


def check_member(archive: zipfile.ZipFile, path: Zip, name: str) -> None:
    """Read one file to its end, and raise an error that names it if it is broken."""
    with _broken_content_explained(path, name), archive.open(name) as file:
        while file.read(1 << 20):
            pass


@contextmanager
def _broken_content_explained(path: Zip | str | None, name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f'{name} in {path} is broken ({error}): download the zip again.') from error


class _Window(io.RawIOBase):
    """The bytes of an inner zip as a file."""

    def __init__(self, zip: InnerZip) -> None:
        self.zip, self.name = zip, str(zip)
        self.file: BinaryIO = open(zip.outer, 'rb')
        self.file.seek(zip.start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.file.tell() - self.zip.start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self.zip.size}[whence]
        if origin + offset < 0:
            raise OSError(f'the position is {-origin - offset} bytes before the beginning')
        self.file.seek(self.zip.start + origin + offset)
        return origin + offset

    def readinto(self, buffer) -> int:
        length = min(len(buffer), max(0, self.zip.size - self.tell()))
        return self.file.readinto(memoryview(buffer)[:length])

    def close(self) -> None:
        self.file.close()
        super().close()


def _validated_names(archive: zipfile.ZipFile, path: Zip, size: int) -> list[str]:
    """Return the names of the files in a zip of ``size`` bytes; refuse the zip if it is unsafe."""
    infos = archive.infolist()
    for info in infos:
        if fault := _fault(info):
            raise UserError(
                f'{path} is not safe to unpack, so nothing was written: {info.filename!r} {fault}.'
            )
    counts = Counter(info.filename for info in infos)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise UserError(f'{path} contains {repeated[0]!r} twice: make a zip that contains it once.')
    packed = sum(info.compress_size for info in infos)
    unpacked = sum(info.file_size for info in infos)
    # Overlapping entries, another kind of zip bomb, have more packed bytes than the zip.
    if packed > size or unpacked > max(_LARGEST_RATIO * size, _HARMLESS_SIZE):
        raise UserError(
            f'{path} is not safe to unpack, so nothing was written: its {size:,} bytes would '
            f'become {unpacked:,} bytes.'
        )
    return [info.filename for info in infos if not info.is_dir()]


def _fault(info: zipfile.ZipInfo) -> str | None:
    # orig_filename is the stored name; in filename, zipfile has replaced some separators.
    parts = re.split(r'[/\\]', info.orig_filename)
    file_type = stat.S_IFMT(info.external_attr >> 16)
    if parts[0] == '' or _DRIVE.match(parts[0]):
        return 'is an absolute path'
    if '..' in parts:
        return 'points outside of its folder'
    if '\0' in info.orig_filename:
        return 'has a null byte in its name'
    if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
        return 'is a link or a special file'
    if info.flag_bits & 1:
        return 'is encrypted'
    return None
