"""List the files that get a depth map, and where each map goes."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from depthda.errors import UserError
from depthda.io.files import walk

CheckFolder = Callable[[Path, Iterable[str], Iterable[str]], None]


@dataclass(frozen=True)
class Job:
    """A file and its depth map, which is written below ``root``."""

    source: Path
    map: Path
    root: Path

    @property
    def name(self) -> str:
        """The name of the map in the manifest: its path below ``root``, without the suffix."""
        return self.map.relative_to(self.root).with_suffix('').as_posix()


def list_jobs(
    paths: Sequence[str],
    root_of: Callable[[Path, Path], Path],
    suffixes: Sequence[str],
    kind: str,
    check: CheckFolder = lambda folder, folders, names: None,
) -> list[Job]:
    """List a job for each file in ``paths``, and for each file below a folder in ``paths``.

    The map of ``FOLDER/a/12.tif`` is ``ROOT/a/12.png``. FOLDER is the listed folder, or the folder
    of the listed file.

    Args:
        root_of: Function that returns ROOT for a given path and its FOLDER, or refuses them.
        suffixes: Endings of the files to use, in lower case.
        kind: Name of such a file in messages (``'image'``).
        check: Function that is called with each folder, its sub-folders and its files, and may
            refuse them.
    """
    jobs: dict[Path, Job] = {}
    for given in paths:
        # Links are not resolved: datasets look for the maps of a linked folder next to the link.
        path = Path(os.path.abspath(given))
        folder = path if path.is_dir() else path.parent
        root = root_of(path, folder)
        for source in _files(path, suffixes, kind, check):
            # The new suffix is appended: a second with_suffix would turn 12.5.tif into 12.png.
            job = Job(source, root / f'{source.relative_to(folder).with_suffix("")}.png', root)
            other = jobs.setdefault(job.map, job)
            if other.source != source:
                raise UserError(
                    f'{other.source} and {source} would both write {job.map}: process them in '
                    'separate runs with different --out, or rename one of them.'
                )
    return list(jobs.values())


def _files(path: Path, suffixes: Sequence[str], kind: str, check: CheckFolder) -> list[Path]:
    expected = ', '.join(suffixes)
    if not path.exists():
        raise UserError(f'the {kind} or folder {path} does not exist: correct the path.')
    if not path.is_dir():
        if path.suffix.lower() not in suffixes:
            raise UserError(f'{path} has an unsupported suffix: use {expected} or a folder.')
        return [path]
    files = []
    for folder, folders, names in walk(path):
        check(Path(folder), folders, names)
        # Skip hidden files and folders, which belong to the operating system.
        folders[:], names = (sorted(n for n in part if n[0] != '.') for part in (folders, names))
        files += [Path(folder, name) for name in names if name.lower().endswith(tuple(suffixes))]
    if not files:
        raise UserError(f'{path} contains no {kind} ({expected}): choose another folder.')
    return files


def check_is_folder(out: Path) -> None:
    """Refuse a folder of maps that is a file or is below a file."""
    existing = next(path for path in (out, *out.parents) if path.exists())
    if not existing.is_dir():
        raise UserError(
            f'{existing} is a file, but depth maps need a folder there: choose another folder.'
        )
