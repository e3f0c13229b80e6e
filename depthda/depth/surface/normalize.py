"""Make depth maps of a whole dataset of surface models, all with one range of heights."""

import hashlib
import json
import math
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from depthda.depth.jobs import Job, check_is_folder
from depthda.depth.surface.folder import SurfaceFolder
from depthda.depth.surface.jobs import find_surfaces, terrain_of
from depthda.depth.surface.model import Surface
from depthda.depth.surface.percentiles import coarse_bins, count_coarse, count_fine, percentiles_of
from depthda.depth.surface.write import Range, Recipe, write_map
from depthda.errors import UserError, check_count, check_range
from depthda.io.lock import own_folder

Progress = Callable[[str, int, int], None]

# Megabytes of decoded blocks that GDAL may keep; its default is a share of the whole memory.
_CACHE_MB = 256


@dataclass(frozen=True)
class SurfaceSettings:
    """How surface models become maps.

    Args:
        percentiles: Percentiles of all heights of the dataset that become depth 0 and 1.
        value_range: Heights that become depth 0 and 1 instead.
        nodata: Values that are not heights, in addition to what the files declare.
        fill: Give pixels without height the nearest height.
        ground: ``'none'``; ``'opening'``: subtract an opening of the surface model; or a folder of
            terrain models with the same names, to subtract.
        window: Side of the opening's window in metres; or
        window_pixels: the same in pixels.
    """

    percentiles: Range = (0.5, 99.5)
    value_range: Range | None = None
    nodata: tuple[float, ...] = ()
    fill: bool = False
    ground: str = 'none'
    window: float | None = None
    window_pixels: int | None = None

    def __post_init__(self) -> None:
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise UserError(
                f'percentiles {low:g} and {high:g} are not a range: give two increasing values '
                'between 0 and 100.'
            )
        check_range('--range', self.value_range)
        if not all(map(math.isfinite, self.nodata)):
            raise UserError('NaN and infinity are never heights: leave them out of --nodata.')
        if self.window is not None and not math.isfinite(self.window):
            raise UserError(f'a window of {self.window:g} m has no meaning: give metres.')
        windows = [w for w in (self.window, self.window_pixels) if w is not None]
        if self.ground != 'opening' and windows:
            raise UserError(
                'a window is for --ground opening: leave it out, or add --ground opening.'
            )
        if self.ground == 'opening' and len(windows) != 1:
            raise UserError(
                '--ground opening needs one window, larger than the largest building: --window '
                'METRES, or --window-pixels N.'
            )

    @property
    def terrain(self) -> Path | None:
        """The folder of terrain models."""
        return None if self.ground in ('none', 'opening') else Path(self.ground)

    def surface(self, job: Job) -> Surface:
        """Return the surface model of a job."""
        terrain = self.terrain and terrain_of(job, self.terrain)
        return Surface(job.source, self.nodata, terrain, self.window, self.window_pixels)

    def described(self) -> dict[str, Any]:
        """Return what decides heights; the terrain models are part of the input of each map."""
        return {
            'nodata': sorted(set(self.nodata)),
            'fill': self.fill,
            'ground': self.ground if self.terrain is None else 'terrain models',
            'window': self.window,
            'window_pixels': self.window_pixels,
        }


class Done(NamedTuple):
    """What a run has made.

    Attributes:
        maps: The entries of the manifest by name.
        range: The range of heights.
        written: How many maps this run has made.
        small: Names of the surface models that are smaller than the window of the opening.
    """

    maps: dict[str, dict[str, Any]]
    range: dict[str, Any]
    written: int
    small: list[str]


def map_surfaces(
    heights: Sequence[str],
    out: str | Path,
    settings: SurfaceSettings,
    workers: int = 1,
    progress: Progress = lambda stage, done, total: None,
) -> Done:
    """Write a depth map of each surface model below ``out``.

    Maps that are there already, of the same files and settings, stay. So the next run completes one
    that was killed, and the result has the bytes of an uninterrupted run. Memory holds some strips
    of a raster for each of the ``workers`` (threads), with ``fill`` a whole raster.
    """
    check_count('--workers', workers)
    out = Path(out).absolute()
    jobs = find_surfaces(heights, out, settings.terrain)
    surfaces = [settings.surface(job) for job in jobs]
    check_is_folder(out)
    percentiles = None if settings.value_range else settings.percentiles
    folder = SurfaceFolder(out, settings.described(), percentiles)
    # Silence the warning here, not in the threads: all threads share the filters.
    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHE_MBMAX=_CACHE_MB), own_folder(out):
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        folder.open()
        with folder.abandoned_on_failure():
            return _fill(folder, jobs, surfaces, settings, _Threads(workers, progress))


def _fill(
    folder: SurfaceFolder,
    jobs: list[Job],
    surfaces: list[Surface],
    settings: SurfaceSettings,
    threads: '_Threads',
) -> Done:
    found = threads.map('files', lambda surface: (surface.check(), surface.identity()), surfaces)
    grids, identities = zip(*found, strict=True)
    if settings.value_range:
        folder.set_range(*settings.value_range)
    else:
        content = [[job.name, identity] for job, identity in zip(jobs, identities, strict=True)]
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        # The range is known already if it was computed from exactly these files.
        if folder.range is None or folder.range['surfaces'] != digest:
            folder.set_range(*_find_range(surfaces, settings.percentiles, threads), digest)
    recipe = Recipe((folder.range['low'], folder.range['high']), settings.fill, folder.key)
    left = [
        (surface, grid, identity, job.map)
        for surface, grid, job, identity in zip(surfaces, grids, jobs, identities, strict=True)
        if not folder.is_done(job.name, grid, identity)
    ]
    for _ in threads.map('maps', lambda task: write_map(*task, recipe), left):
        pass
    folder.finish()
    several = zip(jobs, surfaces, grids, strict=True)
    small = [job.name for job, surface, grid in several if surface.is_smaller_than_window(grid)]
    return Done(folder.content['maps'], folder.range, len(left), small)


def _find_range(
    surfaces: list[Surface], percentiles: Sequence[float], threads: '_Threads'
) -> list[float]:
    """Return the percentiles of all heights."""

    def total(stage: str, count: Callable) -> Any:
        def counted(surface: Surface) -> Any:
            return sum(count(strip.heights[strip.valid]) for strip in surface.strips())

        return sum(threads.map(stage, counted, surfaces))

    coarse = total('heights', count_coarse)
    if not coarse.sum():
        raise UserError(
            f'none of the {len(surfaces)} surface models holds a height, all is no-data: check '
            f'{surfaces[0].path}, and --nodata.'
        )
    bins = coarse_bins(coarse, percentiles)
    fine = total('percentiles', lambda heights: count_fine(heights, bins))
    return percentiles_of(coarse, fine, bins, percentiles)


class _Threads:
    """Threads (reading, NumPy and zlib release the interpreter's lock), and a progress display."""

    def __init__(self, workers: int, progress: Progress) -> None:
        self.workers, self._progress = workers, progress

    def map(self, stage: str, function: Callable[[Any], Any], items: list) -> Iterator[Any]:
        """Yield ``function(item)`` in order; few results wait, however many items there are."""
        self._progress(stage, 0, len(items))
        pool = ThreadPoolExecutor(self.workers)
        try:
            futures = (pool.submit(function, item) for item in items)
            waiting = deque(islice(futures, 2 * self.workers))
            for done in range(1, len(items) + 1):
                yield waiting.popleft().result()
                waiting.extend(islice(futures, 1))
                self._progress(stage, done, len(items))
        finally:
            # If one file fails, the waiting ones are not started.
            pool.shutdown(cancel_futures=True)
