"""Make depth maps of a dataset of surface models, all with one range of heights."""

import hashlib
import json
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from depthda.depth.jobs import Job, check_is_folder, list_jobs
from depthda.depth.surface.folder import SurfaceFolder
from depthda.depth.surface.model import Surface
from depthda.depth.surface.percentiles import coarse_bins, count_coarse, count_fine, percentiles_of
from depthda.depth.surface.write import Range, Recipe, write_map
from depthda.errors import UserError, check_count, check_range, many
from depthda.io.lock import own_folder
from depthda.io.rasters import georeference_is_optional, limited_cache

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SurfaceSettings:
    """The settings with which surface models become maps.

    ``ground`` is what is subtracted from the heights: ``'none'``, ``'opening'`` (an opening of the
    surface model), or a folder of terrain models with the same names.
    """

    percentiles: Range = (0.5, 99.5)  # of all heights of the dataset; they become depth 0 and 1
    value_range: Range | None = None  # heights that become depth 0 and 1, instead of percentiles
    nodata: tuple[float, ...] = ()  # values that are not heights, added to those of the files
    fill: bool = False  # fill pixels without height with the nearest height
    ground: str = 'none'
    window: float | None = None  # side of the opening's window in metres
    window_pixels: int | None = None  # the same in pixels

    def __post_init__(self) -> None:
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise UserError(
                f'percentiles {low:g} and {high:g} are not a range: use two increasing values '
                'between 0 and 100.'
            )
        check_range('--range', self.value_range)
        if not all(map(math.isfinite, self.nodata)):
            raise UserError('NaN and infinity always count as no-data: leave them out of --nodata.')
        if self.window is not None and not math.isfinite(self.window):
            raise UserError(f'--window {self.window:g} is not a length: use a number of metres.')
        windows = [w for w in (self.window, self.window_pixels) if w is not None]
        if self.ground != 'opening' and windows:
            advice = 'leave it out, or add --ground opening'
            raise UserError(f'a window only applies to --ground opening: {advice}.')
        if self.ground == 'opening' and len(windows) != 1:
            raise UserError(
                '--ground opening needs exactly one window, larger than the largest building: add '
                '--window METRES or --window-pixels N.'
            )

    @property
    def terrain(self) -> Path | None:
        return None if self.ground in ('none', 'opening') else Path(self.ground)

    def surface(self, job: Job) -> Surface:
        terrain = self.terrain and terrain_of(job, self.terrain)
        return Surface(job.source, self.nodata, terrain, self.window, self.window_pixels)

    def described(self) -> dict[str, Any]:
        """Return the settings that determine the heights.

        Terrain models are not included, because they belong to the input of each map.
        """
        ground = self.ground if self.terrain is None else 'terrain models'
        described = {'nodata': sorted(set(self.nodata)), 'fill': self.fill, 'ground': ground}
        return described | {'window': self.window, 'window_pixels': self.window_pixels}


class MappingResult(NamedTuple):
    """The result of a run."""

    maps: dict[str, dict[str, Any]]  # the entries of the manifest by name
    range: dict[str, Any]  # of heights
    written: int  # how many maps this run has written
    smaller_than_window: list[str]  # names of surface models smaller than the window


_SUFFIXES = ('.tif', '.tiff')


def find_surfaces(heights: Sequence[str], out: Path, terrain: Path | None) -> list[Job]:
    """List the given GeoTIFFs, and all GeoTIFFs below given folders, sorted by name.

    The map of ``FOLDER/a/12.tif`` is ``out/a/12.png`` if FOLDER is given. The folder ``terrain`` of
    terrain models must not be among the surface models.
    """
    if terrain is not None and not terrain.is_dir():
        advice = '--ground accepts none, opening or a folder'
        raise UserError(f'the folder of terrain models {terrain} does not exist: {advice}.')

    def root_of(path: Path, folder: Path) -> Path:
        if out == folder or path.is_dir() and out.is_relative_to(path):
            raise UserError(
                f'{out} is among the surface models in {folder}, where a dataset would find two '
                'files with the same stem: choose a folder elsewhere with --out.'
            )
        if terrain is not None and Path(os.path.abspath(terrain)).is_relative_to(path):
            raise UserError(
                f'the terrain models in {terrain} would be mistaken for surface models, because '
                f'they are inside {path}: move them elsewhere.'
            )
        return out

    jobs = list_jobs(heights, root_of, _SUFFIXES, 'surface model')
    return sorted(jobs, key=lambda job: job.name)


def terrain_of(job: Job, folder: Path) -> Path:
    """Return the terrain model in ``folder`` that belongs to a surface model."""
    paths = [folder / f'{job.name}{suffix}' for suffix in _SUFFIXES]
    existing = [path for path in paths if path.is_file()]
    if len(existing) != 1:
        raise UserError(
            f'{job.source} has {len(existing) or "no"} terrain model{"s" if existing else ""} in '
            f'{folder}: put exactly one there, as {job.name}.tif.'
        )
    return existing[0]


def map_surfaces(
    paths: Sequence[str],
    out: str | Path,
    settings: SurfaceSettings,
    workers: int = 1,
    progress: Progress = lambda stage, done, total: None,
) -> MappingResult:
    """Write a depth map of each surface model below ``out``.

    Existing maps of the same files and settings are kept. So a run that was killed can be started
    again, and the result has the same bytes as that of an uninterrupted run. Each of the
    ``workers`` (threads) holds a few strips of a raster in memory, or with ``fill`` all of it.
    """
    check_count('--workers', workers)
    out = Path(out).absolute()
    jobs = find_surfaces(paths, out, settings.terrain)
    surfaces = [settings.surface(job) for job in jobs]
    check_is_folder(out)
    percentiles = None if settings.value_range else settings.percentiles
    folder = SurfaceFolder(out, settings.described(), percentiles)
    with georeference_is_optional(), limited_cache(), own_folder(out):
        folder.open()
        with folder.abandoned_on_failure():
            in_threads = partial(_in_threads, workers, progress)
            return _write_maps(folder, jobs, surfaces, settings, in_threads)


def _write_maps(
    folder: SurfaceFolder,
    jobs: list[Job],
    surfaces: list[Surface],
    settings: SurfaceSettings,
    in_threads: Callable[..., Iterator[Any]],
) -> MappingResult:
    checked = in_threads('files', lambda surface: (surface.check(), surface.identity()), surfaces)
    grids, identities = zip(*checked, strict=True)
    if settings.value_range:
        folder.set_range(*settings.value_range)
    else:
        content = [[job.name, identity] for job, identity in zip(jobs, identities, strict=True)]
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        # The range is known already if it was computed from exactly these files.
        if folder.range is None or folder.range['surfaces'] != digest:
            folder.set_range(*_find_range(surfaces, settings.percentiles, in_threads), digest)
    recipe = Recipe((folder.range['low'], folder.range['high']), settings.fill, folder.key)
    remaining, small = [], []
    for surface, grid, identity, job in zip(surfaces, grids, identities, jobs, strict=True):
        if not folder.is_done(job.name, grid, identity):
            remaining.append((surface, grid, identity, job.map))
        if surface.is_smaller_than_window(grid):
            small.append(job.name)
    deque(in_threads('maps', lambda task: write_map(*task, recipe), remaining), maxlen=0)
    folder.finish()
    return MappingResult(folder.content['maps'], folder.range, len(remaining), small)


def _find_range(
    surfaces: list[Surface], percentiles: Sequence[float], in_threads: Callable[..., Iterator[Any]]
) -> list[float]:
    def total(stage: str, count: Callable) -> Any:
        def counted(surface: Surface) -> Any:
            return sum(count(strip.heights[strip.valid]) for strip in surface.strips())

        return sum(in_threads(stage, counted, surfaces))

    coarse = total('heights', count_coarse)
    if not coarse.sum():
        raise UserError(
            f'no heights were found in {many(len(surfaces), "surface model")}, only no-data: check '
            f'{surfaces[0].path} and --nodata.'
        )
    bins = coarse_bins(coarse, percentiles)
    fine = total('percentiles', lambda heights: count_fine(heights, bins))
    return percentiles_of(coarse, fine, bins, percentiles)


def _in_threads(
    workers: int, progress: Progress, stage: str, function: Callable[[Any], Any], items: list
) -> Iterator[Any]:
    """Yield ``function(item)`` in the order of the items, computed in ``workers`` threads.

    Threads work in parallel, because reading, NumPy and zlib release the GIL. Only a few results
    wait at a time, however many items there are.
    """
    progress(stage, 0, len(items))
    pool = ThreadPoolExecutor(workers)
    try:
        futures = (pool.submit(function, item) for item in items)
        waiting = deque(islice(futures, 2 * workers))
        for done in range(1, len(items) + 1):
            yield waiting.popleft().result()
            waiting.extend(islice(futures, 1))
            progress(stage, done, len(items))
    finally:
        # If one item fails, the items that are still waiting are not started.
        pool.shutdown(cancel_futures=True)
