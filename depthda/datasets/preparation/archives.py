"""Zips of strangers: looked at whole, and refused, before a byte of them is written."""

import os
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from depthda.errors import UserError

# Label pictures of flat colours shrink to a 250th. Nothing but a bomb shrinks more, and is large.
_MOST_TIMES = 500
_SMALL = 1 << 30
_DRIVE = re.compile(r'[A-Za-z]:')


@contextmanager
def open_archive(path: str | os.PathLike) -> Iterator[tuple[zipfile.ZipFile, list[str]]]:
    """A zip and the names of its files, if all of it is safe to unpack."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f'{path} is no whole zip ({error}): download it again.') from error
    with archive:
        yield archive, _checked(archive, Path(path))


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """The content of one file; broken content is an error that names it."""
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(
            f'{name} in {archive.filename} is broken ({error}): download the zip again.'
        ) from error


def _checked(archive: zipfile.ZipFile, path: Path) -> list[str]:
    infos = archive.infolist()
    for info in infos:
        if fault := _fault(info):
            raise UserError(
                f'{path} is not safe to unpack: {info.filename!r} {fault}; nothing was written.'
            )
    twice = [name for name, count in Counter(info.filename for info in infos).items() if count > 1]
    if twice:
        raise UserError(f'{path} holds {twice[0]!r} twice: which one counts? Nothing was written.')
    packed, size = sum(info.compress_size for info in infos), path.stat().st_size
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
