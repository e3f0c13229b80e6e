"""Find files with equal content."""

import os
from collections.abc import Hashable, Iterable

from depthda.io.files import sha256


def group_equal(files: Iterable[tuple[str, Hashable]]) -> dict[Hashable, set[str]]:
    """Group paths by a key, such as the digest of their content."""
    groups: dict[Hashable, set[str]] = {}
    for path, digest in files:
        groups.setdefault(digest, set()).add(path)
    return groups


def equal_files(paths: Iterable[str | os.PathLike]) -> list[list[str]]:
    """Return groups of two or more files with the same bytes. Only files of equal size are read."""
    sizes = group_equal((os.fspath(path), os.path.getsize(path)) for path in paths)
    same_size = [path for group in sizes.values() if len(group) > 1 for path in group]
    groups = group_equal((path, sha256(path)) for path in sorted(same_size))
    return [sorted(group) for group in groups.values() if len(group) > 1]
