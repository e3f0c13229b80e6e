"""Zips of strangers: looked at whole, and refused, before a byte of them is written."""

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

# Label pictures of flat colours shrink to a 250th. Nothing but a bomb shrinks more, and is large.
_MOST_TIMES = 500
_SMALL = 1 << 30
_DRIVE = re.compile(r'[A-Za-z]:')


class InnerZip(NamedTuple):
    """A zip that lies uncompressed in another one: ``size`` bytes of ``outer`` from ``start``."""

    outer: Path
    name: str
    start: int
    size: int

    def __str__(self) -> str:
        return f'{self.outer}/{self.name}'


Zip = Path | InnerZip


@contextmanager
def open_archive(path: str | os.PathLike | InnerZip) -> Iterator[tuple[zipfile.ZipFile, list[str]]]:
    """A zip and the names of its files, if all of it is safe to unpack."""
    with ExitStack() as opened:
        try:
            file = opened.enter_context(_file(path))
            archive = opened.enter_context(zipfile.ZipFile(file))
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(f'{path} is no whole zip ({error}): download it again.') from error
        yield archive, _checked(archive, path, file.seek(0, os.SEEK_END))


def _file(path: str | os.PathLike | InnerZip) -> BinaryIO:
    return io.BufferedReader(_Window(path)) if isinstance(path, InnerZip) else open(path, 'rb')


def inner_zip(archive: zipfile.ZipFile, path: Path, name: str) -> InnerZip | None:
    """The zip ``name`` in the zip ``path``; None if it is compressed there.

    To read a compressed one anywhere, all of it before that place has to be unpacked each time.
    """
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    with open(path, 'rb') as file:
        # Its content begins behind a header of its own, whose length the directory does not tell.
        file.seek(info.header_offset)
        header = file.read(30)
    if len(header) < 30 or not header.startswith(b'PK\x03\x04'):
        raise UserError(f'{name} in {path} is broken (no header): download the zip again.')
    lengths = struct.unpack('<HH', header[26:])
    return InnerZip(path, name, info.header_offset + 30 + sum(lengths), info.file_size)


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """The content of one file; broken content is an error that names it."""
    with _told(archive.filename, name):
        return archive.read(name)


def check_member(archive: zipfile.ZipFile, path: Zip, name: str) -> None:
    """Read one file to its end, so that broken content is an error that names it."""
    with _told(path, name), archive.open(name) as file:
        while file.read(1 << 20):
            pass


@contextmanager
def _told(path: Zip | str | None, name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f'{name} in {path} is broken ({error}): download the zip again.') from error


class _Window(io.RawIOBase):
    """The bytes of an inner zip as a file of their own."""

    def __init__(self, zip: InnerZip) -> None:
        self.zip = zip
        self.file: BinaryIO = open(zip.outer, 'rb')
        self.file.seek(zip.start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.file.tell() - self.zip.start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        place = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self.zip.size}[whence]
        if place + offset < 0:
            raise OSError(f'there is nothing {-place - offset} bytes before the beginning')
        self.file.seek(self.zip.start + place + offset)
        return place + offset

    def readinto(self, buffer) -> int:
        wanted = min(len(buffer), max(0, self.zip.size - self.tell()))
        return self.file.readinto(memoryview(buffer)[:wanted])

    def close(self) -> None:
        self.file.close()
        super().close()


def _checked(archive: zipfile.ZipFile, path: str | os.PathLike | InnerZip, size: int) -> list[str]:
    infos = archive.infolist()
    for info in infos:
        if fault := _fault(info):
            raise UserError(
                f'{path} is not safe to unpack: {info.filename!r} {fault}; nothing was written.'
            )
    twice = [name for name, count in Counter(info.filename for info in infos).items() if count > 1]
    if twice:
        raise UserError(f'{path} holds {twice[0]!r} twice: which one counts? Nothing was written.')
    packed = sum(info.compress_size for info in infos)
    whole = sum(info.file_size for info in infos)
    # Members that lie on top of each other make much of little, too.
    if packed > size or whole > max(_MOST_TIMES * size, _SMALL):
        raise UserError(
            f'{path} says it unpacks from {size:,} to {whole:,} bytes, which no data set does: '
            'nothing was written.'
        )
    return [info.filename for info in infos if not info.is_dir()]


def _fault(info: zipfile.ZipInfo) -> str | None:
    # As it stands in the file: zipfile itself turns some separators round.
    parts = re.split(r'[/\\]', info.orig_filename)
    if parts[0] == '' or _DRIVE.match(parts[0]):
        return 'is an absolute path'
    if '..' in parts:
        return 'climbs out of its folder'
    if '\0' in info.orig_filename:
        return 'has a name that is cut short'
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return 'is a link, or no file at all'
    if info.flag_bits & 1:
        return 'is encrypted'
    return None
