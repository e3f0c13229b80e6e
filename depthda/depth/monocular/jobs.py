"""Which images get a depth map, and where it goes."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from depthda.depth.monocular.folder import MANIFEST
from depthda.errors import UserError
from depthda.io.files import walk
from depthda.io.headers import IMAGE_SUFFIXES

# Folders of this project's data sets that hold pictures, but no images.
_NOT_IMAGES = ('masks_png', 'labels', 'rdepth', 'dsm', 'ndsm')


@dataclass(frozen=True)
class Job:
    """An image and its map, which lies below ``root``."""

    image: Path
    map: Path
    root: Path

    @property
    def name(self) -> str:
        """The name of the map in the manifest of its folder."""
        return self.map.relative_to(self.root).with_suffix('').as_posix()


def map_name(model: str) -> str:
    """The folder name of a model's maps: Depth-Anything-V2-Small-hf has depth-anything-v2-small."""
    return re.sub(r'-hf$', '', Path(model).absolute().name.lower())


def find_jobs(images: Sequence[str], out: str | None, name: str) -> list[Job]:
    """Every image in ``images``, files or folders, sorted by path.

    The map of ``FOLDER/a/12.tif`` is ``out/a/12.png``. Without ``out`` it is
    ``rdepth/<name>/a/12.png`` beside FOLDER, where the data sets look for it. A file counts as
    given by its folder.
    """
    if name in ('', '.', '..') or Path(name).name != name:
        raise UserError(f'--name {name!r} is not the name of a folder: give one without slashes.')
    jobs: dict[Path, Job] = {}
    for given in images:
        # Not resolved: maps lie beside the link to a folder, where the data set looks.
        path = Path(os.path.abspath(given))
        folder = path if path.is_dir() else path.parent
        root = Path(os.path.abspath(out)) if out else folder.parent / 'rdepth' / name
        _check_root(root, path)
        for image in _images(path):
            target = root / image.relative_to(folder).with_suffix('.png')
            job = Job(image, target, root)
            other = jobs.setdefault(target, job)
            if other.image != image:
                raise UserError(
                    f'{other.image} and {image} would both write {target}: give them in runs of '
                    'their own with different --out (or --name), or rename one.'
                )
    sources = {job.image for job in jobs.values()}
    if overwritten := sorted(sources & jobs.keys()):
        raise UserError(
            f'the map of {overwritten[0]} would overwrite an image: name another folder with --out.'
        )
    return sorted(jobs.values(), key=lambda job: job.image)


def _images(path: Path) -> list[Path]:
    if path.is_dir():
        found = list(_walk(path))
        if not found:
            raise UserError(f'{path} holds no image ({", ".join(IMAGE_SUFFIXES)}).')
        return found
    if not path.exists():
        raise UserError(f'there is no image or folder {path}.')
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise UserError(f'{path} is no image: give {", ".join(IMAGE_SUFFIXES)} or a folder.')
    return [path]


def _walk(top: Path) -> Iterator[Path]:
    for folder, folders, names in walk(top):
        folders.sort()
        if MANIFEST in names:
            raise UserError(f'{folder} holds depth maps, not images: name the folders of images.')
        if odd := next((each for each in folders if each in _NOT_IMAGES), None):
            raise UserError(
                f'{os.path.join(folder, odd)} holds labels or depth, not images: name the folders '
                'of images, such as data/loveda/*/*/images_png.'
            )
        # Hidden files are an operating system's own.
        folders[:] = [each for each in folders if not each.startswith('.')]
        for name in sorted(names):
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith('.'):
                yield Path(folder, name)


def _check_root(root: Path, given: Path) -> None:
    occupied = next(path for path in (root, *root.parents) if path.exists())
    if not occupied.is_dir():
        raise UserError(f'{occupied} is a file, and depth maps go below it: name another folder.')
    if given.is_dir() and root.is_relative_to(given):
        raise UserError(
            f'{root} lies in the folder of the images, {given}, where maps would be taken for '
            'images: name a folder beside it.'
        )
