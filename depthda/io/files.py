"""Write files atomically (under a temporary name, then renamed), and read text files."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from depthda.errors import UserError

# No space left; a quota is used up; a file would exceed the size that the system allows.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The names that atomic_path gives to temporary files.
_STRAY = re.compile(r'\..{1,40}-[0-9a-f]{8}(\.[^.]*)?', re.DOTALL)


@contextmanager
def atomic_path(path: str | os.PathLike, size: int | None = None) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; rename it to ``path`` on success.

    The temporary name keeps the suffix, because image writers choose the format by it. On an
    exception the temporary file is removed, and ``path`` does not change. A full disk raises a
    ``UserError``, which reports the missing space if ``size`` is given.
    """
    path = Path(path)
    check_file(path)
    temporary = path.with_name(f'.{path.stem[:40]}-{secrets.token_hex(4)}{path.suffix}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # tempfile would make a private file, but results should be readable by the user's group.
        temporary.touch(exist_ok=False)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise _disk_full(error, path, 0, size) from error
        raise UserError(
            f'{path} cannot be written ({error.strerror}): choose another path'
        ) from error
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        written = temporary.stat().st_size if temporary.exists() else 0
        raise _disk_full(error, path, written, size) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_file(path: str | os.PathLike) -> None:
    """Refuse a folder as the path of a file to write."""
    if Path(path).is_dir():
        raise UserError(f'{path} is a folder: choose a file name, such as {Path(path) / "NAME"}')


def check_not_replaced(path: str | os.PathLike, part: str, kind: str) -> None:
    """Refuse to replace a file that does not contain ``part``, because it is not ``kind``."""
    check_file(path)
    if Path(path).is_file() and part.encode() not in Path(path).read_bytes():
        raise UserError(f'{path} exists and is not {kind}: choose a new name, or remove that file.')


def _disk_full(error: OSError, path: Path, written: int, size: int | None) -> UserError:
    free = shutil.disk_usage(path.parent).free + written
    space = f'{free / 1e6:.1f} MB are free'
    if size is not None:
        space = f'it needs {size / 1e6:.1f} MB and {"only " if size > free else ""}{space}'
    return UserError(
        f'{path} cannot be written ({error.strerror}), {space}: make room and run again'
    )


def remove_strays(folder: str | os.PathLike) -> None:
    """Remove temporary files of killed runs from ``folder`` (not from its subfolders).

    Use it only if no other run writes to the folder, because the temporary files of that run
    have the same kind of name.
    """
    for entry in os.listdir(folder) if os.path.isdir(folder) else ():
        if _STRAY.fullmatch(entry):
            Path(folder, entry).unlink(missing_ok=True)


def walk(top: str | os.PathLike) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk like ``os.walk``, and follow links, except those to a folder above the link.

    A folder without read permission raises a ``UserError``; ``os.walk`` would skip it silently.
    """
    top = os.fspath(top)
    for folder, folders, names in os.walk(top, onerror=_refuse_locked, followlinks=True):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        if links:
            paths = [folder]
            while len(paths[-1]) > len(top):
                paths.append(os.path.dirname(paths[-1]))
            parents = [os.path.join(os.path.realpath(path), '') for path in paths]
            for link in links:
                target = os.path.join(os.path.realpath(os.path.join(folder, link)), '')
                if any(parent.startswith(target) for parent in parents):
                    folders.remove(link)
        yield folder, folders, names


def _refuse_locked(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise UserError(
            f'the folder {error.filename} cannot be read ({error.strerror}): correct its '
            'permissions'
        ) from error


def remove_empty(folder: str | os.PathLike) -> None:
    """Remove empty subfolders of ``folder``."""
    for parent, folders, _ in os.walk(folder, topdown=False):
        for name in folders:
            with suppress(OSError):  # not empty
                os.rmdir(os.path.join(parent, name))


def sha256(*paths: str | os.PathLike) -> str:
    """Return the SHA-256 of the content of files, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def write_json(path: str | os.PathLike, content: object) -> None:
    """Write ``content`` atomically as indented JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + '\n')


def read_json(
    path: str | os.PathLike,
    advice: str = 'restore it, or remove it and create it again with the tool that wrote it',
) -> Any:
    """Return the content of a JSON file, or None if it does not exist."""
    path = Path(path)
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, OSError) as error:
        raise UserError(f'{path} cannot be read as JSON ({error}): {advice}.') from error


def read_lines(path: str | os.PathLike) -> list[str]:
    """Return the stripped lines of a text file without blank lines."""
    try:
        # utf-8-sig skips the byte order mark that editors on Windows write.
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f'{path} is not UTF-8 text: save it as UTF-8') from error
    except OSError as error:
        raise UserError(f'{path} cannot be read ({error.strerror}): choose a text file') from error
    return [line.strip() for line in lines if line.strip()]


def last_lines(path: str | os.PathLike, count: int) -> list[str]:
    """Return the last ``count`` lines of a log without blank lines; none if there is no log."""
    path = Path(path)
    text = path.read_text(encoding='utf-8', errors='replace') if path.is_file() else ''
    return [line for line in text.splitlines() if line.strip()][-count:]
