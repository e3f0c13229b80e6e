"""Which surface models become depth maps, and with which terrain models."""

import os
from collections.abc import Sequence
from pathlib import Path

from depthda.depth.jobs import Job, list_jobs
from depthda.errors import UserError

SUFFIXES = ('.tif', '.tiff')


def find_surfaces(heights: Sequence[str], out: Path, terrain: Path | None) -> list[Job]:
    """List the given GeoTIFFs, and those below given folders, sorted by name.

    The map of ``FOLDER/a/12.tif`` is ``out/a/12.png``. The folder ``terrain`` of terrain models
    must not lie among the surface models.
    """
    if terrain is not None and not terrain.is_dir():
        advice = '--ground takes none, opening or a folder'
        raise UserError(f'there is no folder {terrain} of terrain models: {advice}.')

    def root_of(path: Path, folder: Path) -> Path:
        if out == folder or path.is_dir() and out.is_relative_to(path):
            raise UserError(
                f'{out} lies among the surface models of {folder}, where a dataset would find two '
                'files of one stem: name a folder outside with --out.'
            )
        if terrain is not None and Path(os.path.abspath(terrain)).is_relative_to(path):
            raise UserError(
                f'the terrain models of {terrain} would be taken for surface models, because they '
                f'lie in {path}: put them elsewhere.'
            )
        return out

    jobs = list_jobs(heights, root_of, SUFFIXES, 'surface model')
    return sorted(jobs, key=lambda job: job.name)


def terrain_of(job: Job, folder: Path) -> Path:
    """Return the terrain model in ``folder`` that belongs to a surface model."""
    paths = [folder / f'{job.name}{suffix}' for suffix in SUFFIXES]
    found = [path for path in paths if path.is_file()]
    if len(found) != 1:
        raise UserError(
            f'{job.source} has {len(found) or "no"} terrain model{"s" if found else ""} in '
            f'{folder}: put one there as {job.name}.tif.'
        )
    return found[0]
