"""Lock folders, so that only one process at a time writes to a folder."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from depthda.console import warn
from depthda.errors import UserError
from depthda.io.files import remove_empty

_held: set[TextIO] = set()


def _close_all() -> None:
    for file in _held:
        file.close()


# Data-loader workers outlive a killed run by some seconds, and would keep its lock until then.
os.register_at_fork(after_in_child=_close_all)


@contextmanager
def locked(folder: Path, name: str = '.lock') -> Iterator[bool]:
    """Hold the lock of a folder; yield False if another process holds it.

    The system releases the lock when the process ends, even if it is killed.
    """
    with open(folder / name, 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK):
                raise
            warn(
                f'the disk of {folder} does not support locks ({error.strerror}): do not start '
                'another process that writes there.'
            )
        _held.add(file)
        try:
            yield True
        finally:
            _held.discard(file)


@contextmanager
def own_folder(
    folder: Path, name: str = '.lock', advice: str = 'wait until it ends'
) -> Iterator[None]:
    """Make a folder if it does not exist, and hold its lock; raise a ``UserError`` if impossible.

    If the code in the context fails, the lock file is removed, and so is the folder if it is empty.
    Nested contexts for one folder need locks of different names. The error message ends with the
    ``advice`` if another process holds the lock.
    """
    if folder.is_file():
        raise UserError(f'{folder} is a file: choose a folder')
    lock = folder / name
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    is_new = not lock.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        raise UserError(
            f'nothing can be written to {folder} ({error.strerror}): choose another folder'
        ) from error
    with locked(folder, name) as is_locked:
        if not is_locked:
            raise UserError(f'another process is writing to {folder}: {advice}.')
        try:
            yield
        except BaseException:  # also after an interrupt
            if is_new:
                with suppress(OSError):  # a folder is not empty, or no longer exists
                    lock.unlink()
                    if missing:
                        remove_empty(folder)
                    for path in missing:
                        path.rmdir()
            raise
