"""List the images that get a depth map, and where each map goes."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from depthda.depth.jobs import Job, check_is_folder, list_jobs
from depthda.depth.monocular.folder import MANIFEST
from depthda.errors import UserError
from depthda.io.headers import IMAGE_SUFFIXES

# Folders in this project's datasets whose files look like images, but are labels or depth.
_NOT_IMAGES = ('masks_png', 'labels', 'rdepth', 'dsm', 'ndsm')


def map_name(model: str) -> str:
    """Return the name of the folder for the maps of a model.

    For ``…/Depth-Anything-V2-Small-hf`` it is ``depth-anything-v2-small``.
    """
    return re.sub(r'-hf$', '', Path(model).absolute().name.lower())


def find_jobs(images: Sequence[str], out: str | None, name: str) -> list[Job]:
    """List the given images, and all images below given folders, sorted by path.

    The map of ``FOLDER/a/12.tif`` is ``out/a/12.png`` if FOLDER is given. Without ``out``, the map
    is ``rdepth/<name>/a/12.png`` next to FOLDER, where the datasets look for it.
    """
    if name in ('', '.', '..') or Path(name).name != name:
        raise UserError(f'--name {name!r} is not a folder name: use a name without slashes.')

    def root_of(path: Path, folder: Path) -> Path:
        root = Path(os.path.abspath(out)) if out else folder.parent / 'rdepth' / name
        check_is_folder(root)
        if path.is_dir() and root.is_relative_to(path):
            raise UserError(
                f'{root} is inside the image folder {path}, where maps would be mistaken for '
                'images: choose a folder outside it.'
            )
        return root

    jobs = list_jobs(images, root_of, IMAGE_SUFFIXES, 'image', _check_folder)
    if overwritten := sorted({job.source for job in jobs} & {job.map for job in jobs}):
        raise UserError(
            f'the map of {overwritten[0]} would overwrite an image: choose another folder with '
            '--out.'
        )
    return sorted(jobs, key=lambda job: job.source)


def _check_folder(folder: Path, folders: Iterable[str], names: Iterable[str]) -> None:
    if MANIFEST in names:
        raise UserError(f'{folder} contains depth maps, not images: pass the folders of images.')
    for name in sorted(folders):
        if name in _NOT_IMAGES:
            raise UserError(
                f'{folder / name} contains labels or depth, not images: pass the folders of '
                'images, such as data/loveda/*/*/images_png.'
            )
