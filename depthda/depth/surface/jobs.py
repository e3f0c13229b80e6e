"""Which surface models become depth maps, and where the maps go."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from depthda.errors import UserError
from depthda.io.files import walk

SUFFIXES = ('.tif', '.tiff')


@dataclass(frozen=True)
class SurfaceJob:
    """A surface model, the terrain model to subtract (or None), its name below OUT, its map."""

    path: Path
    terrain: Path | None
    name: str
    map: Path


def find_surfaces(heights: Sequence[str], out: Path, terrain: Path | None) -> list[SurfaceJob]:
    """Every GeoTIFF in ``heights``, files or folders, sorted by name.

    The map of ``FOLDER/a/12.tif`` is ``out/a/12.png``, its terrain model ``terrain/a/12.tif``. A
    file counts as given by its folder.
    """
    if terrain is not None and not terrain.is_dir():
        raise UserError(
            f'there is no folder {terrain} of terrain models: --ground takes none, opening or a '
            'folder.'
        )
    jobs: dict[str, SurfaceJob] = {}
    for given in heights:
        path = Path(os.path.abspath(given))
        folder = path if path.is_dir() else path.parent
        if out == folder or path.is_dir() and out.is_relative_to(path):
            raise UserError(
                f'{out} lies among the surface models of {folder}, where a data set would find two '
                'files of one stem: name a folder beside it with --out.'
            )
        if terrain is not None and Path(os.path.abspath(terrain)).is_relative_to(path):
            raise UserError(
                f'the terrain models of {terrain} would be taken for surface models, because they '
                f'lie in {path}: put them elsewhere.'
            )
        for source in _surfaces(path):
            stem = source.relative_to(folder).with_suffix('')
            # Appended, not with_suffix: 12.5.tif is not 12.tif.
            target = out / f'{stem}.png'
            job = SurfaceJob(source, _terrain_of(source, stem, terrain), stem.as_posix(), target)
            other = jobs.setdefault(job.name, job)
            if other.path != source:
                raise UserError(
                    f'{other.path} and {source} would both write {target}: give them in runs of '
                    'their own with different --out, or rename one.'
                )
    return [jobs[name] for name in sorted(jobs)]


def _terrain_of(surface: Path, stem: Path, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    found = [path for end in SUFFIXES if (path := folder / f'{stem}{end}').is_file()]
    if len(found) != 1:
        raise UserError(
            f'{surface} has {len(found) or "no"} terrain model{"s" if found else ""} in {folder}: '
            f'put one there as {stem}.tif.'
        )
    return found[0]


def _surfaces(path: Path) -> list[Path]:
    if path.is_dir():
        found = list(_walk(path))
        if not found:
            raise UserError(f'{path} holds no surface model ({", ".join(SUFFIXES)}).')
        return found
    if not path.exists():
        raise UserError(f'there is no file or folder {path}.')
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f'{path} is no surface model: give {", ".join(SUFFIXES)} or a folder.')
    return [path]


def _walk(top: Path) -> Iterator[Path]:
    for folder, folders, names in walk(top):
        # Hidden files are an operating system's own.
        folders[:] = sorted(each for each in folders if not each.startswith('.'))
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith('.'):
                yield Path(folder, name)
