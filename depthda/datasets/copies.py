"""Equal content in different files."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Hashable, Iterable

_BLOCK = 1 << 20


def group_equal(files: Iterable[tuple[str, Hashable]]) -> dict[Hashable, set[str]]:
    """The paths of each content, which a digest stands for."""
    groups: dict[Hashable, set[str]] = defaultdict(set)
    for path, digest in files:
        groups[digest].add(path)
    return dict(groups)


def equal_files(paths: Iterable[str | os.PathLike]) -> list[list[str]]:
    """Groups of two and more files with the same bytes; only files of one size are read."""
    sizes = group_equal((os.fspath(path), os.path.getsize(path)) for path in paths)
    alike = [path for group in sizes.values() if len(group) > 1 for path in group]
    groups = group_equal((path, _digest(path)) for path in sorted(alike))
    return [sorted(group) for group in groups.values() if len(group) > 1]


def _digest(path: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, 'rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()
