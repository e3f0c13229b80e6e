"""One run is done by one process at a time, whoever else works on the same table."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from depthda.errors import UserError


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the lock of a run's folder; False if another process holds it.

    The system gives the lock back when the process ends, however it ends.
    """
    with open(folder / '.lock', 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Make a folder if need be, and hold its lock; a ``UserError`` where either cannot be.

    What it made is removed again if the work fails and leaves nothing else in the folder.
    """
    lock = folder / '.lock'
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    locks = not lock.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        raise UserError(
            f'nothing can be written to {folder} ({error.strerror}): name another folder'
        ) from error
    with locked(folder) as alone:
        if not alone:
            raise UserError(f'another process is writing to {folder}: wait for it')
        try:
            yield
        except BaseException:
            if locks and [path.name for path in folder.iterdir()] == [lock.name]:
                lock.unlink()
                with suppress(OSError):  # something else was put there meanwhile
                    for path in made:
                        path.rmdir()
            raise
