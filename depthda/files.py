"""Files appear whole or not at all: write beside, then rename."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; rename it to ``path`` on success.

    The temporary name keeps the suffix, because image writers choose the format by it. On an
    exception the temporary file is removed and ``path`` is left as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.stem[:40]}-', suffix=path.suffix
    )
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        # mkstemp makes private files; results are meant to be read by the group as usual.
        beside.chmod(0o666 & ~_umask())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, content: object) -> None:
    """Write ``content`` as indented JSON, whole or not at all."""
    with atomic_path(path) as beside:
        beside.write_text(json.dumps(content, indent=2, allow_nan=False) + '\n')


def read_json(path: str | os.PathLike) -> Any:
    """What a JSON file holds; None if there is no such file."""
    path = Path(path)
    return json.loads(path.read_text()) if path.is_file() else None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
