"""Depth maps of a whole set of surface models, on one range of heights."""

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from depthda.depth.surface.folder import SurfaceFolder
from depthda.depth.surface.jobs import SurfaceJob, find_surfaces
from depthda.depth.surface.model import Surface, SurfaceGrid
from depthda.depth.surface.percentiles import coarse_bins, count_coarse, count_fine, percentiles_of
from depthda.depth.surface.write import Range, Recipe, write_map
from depthda.errors import UserError
from depthda.io.lock import own_folder

Progress = Callable[[str, int, int], None]

_CACHE = 256  # MB of decoded blocks that GDAL may keep; its own measure is a part of all memory


@dataclass(frozen=True)
class SurfaceSettings:
    """How surface models become maps.

    Args:
        percentiles: Of all heights of the set, that become depth 0 and 1.
        value_range: Heights that do instead.
        nodata: Values that are no heights, besides what the files say.
        fill: Give what has no height the nearest one.
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

    @property
    def terrain(self) -> Path | None:
        return None if self.ground in ('none', 'opening') else Path(self.ground)


class Done(NamedTuple):
    """What a run has made: entries of the manifest by name, the range, how many maps are new.

    ``small`` names the surface models that are smaller than the window of the opening.
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
    """Write a depth map of each surface model below ``out``, as ``settings`` have it.

    Maps that are there already, of the same files and settings, stay. So a run that was killed is
    ended by the next, with the bytes that one run would have given. Memory holds some strips of a
    raster for each of the ``workers`` (threads), with ``fill`` a whole one.
    """
    _check(settings, workers)
    out = Path(out).absolute()
    jobs = find_surfaces(heights, out, settings.terrain)
    occupied = next(path for path in (out, *out.parents) if path.exists())
    if not occupied.is_dir():
        raise UserError(f'{occupied} is a file, and depth maps go below it: name another --out.')
    # Silenced here, for warning filters are not each thread's own.
    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=_CACHE), own_folder(out):
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        return _run(jobs, out, settings, _Crew(workers, progress))


def _run(jobs: list[SurfaceJob], out: Path, settings: SurfaceSettings, crew: '_Crew') -> Done:
    percentiles = None if settings.value_range else settings.percentiles
    folder = SurfaceFolder(out, _decisive(settings), percentiles)
    folder.open()
    with folder.abandoned_on_failure():
        return _fill(folder, jobs, settings, crew)


def _fill(
    folder: SurfaceFolder, jobs: list[SurfaceJob], settings: SurfaceSettings, crew: '_Crew'
) -> Done:
    given = settings.value_range
    surfaces = [_surface(job, settings) for job in jobs]
    looked = dict(crew.each('files', _look, range(len(jobs)), surfaces))
    grids, identities = zip(*(looked[index] for index in range(len(jobs))), strict=True)
    folder.set_range(
        {'low': given[0], 'high': given[1], 'percentiles': None, 'surfaces': None}
        if given
        else _find_range(surfaces, _digest(jobs, identities), settings, folder.range, crew)
    )
    recipe = Recipe((folder.range['low'], folder.range['high']), settings.fill, folder.key)
    left = [
        (surface, grid, identity, job.map)
        for surface, grid, job, identity in zip(surfaces, grids, jobs, identities, strict=True)
        if not folder.is_done(job.name, grid, identity)
    ]
    for _ in crew.each('maps', lambda task: write_map(*task, recipe), range(len(left)), left):
        pass
    several = zip(jobs, surfaces, grids, strict=True)
    small = [job.name for job, each, grid in several if each.is_smaller_than_window(grid)]
    folder.finish()
    return Done(folder.content['maps'], folder.range, len(left), small)


def _look(surface: Surface) -> tuple[SurfaceGrid, dict[str, object]]:
    return surface.check(), surface.identity()


def _surface(job: SurfaceJob, settings: SurfaceSettings) -> Surface:
    return Surface(job.path, settings.nodata, job.terrain, settings.window, settings.window_pixels)


def _find_range(
    surfaces: list[Surface],
    digest: str,
    settings: SurfaceSettings,
    before: dict[str, Any] | None,
    crew: '_Crew',
) -> dict[str, Any]:
    """The percentiles of all heights, unless they are known of these very files."""
    if before is not None and before['surfaces'] == digest:
        return before
    numbers = range(len(surfaces))
    coarse: Any = sum(count for _, count in crew.each('heights', _coarse, numbers, surfaces))
    if not coarse.sum():
        raise UserError(
            f'none of the {len(surfaces)} surface models holds a height, all is no-data: check '
            f'{surfaces[0].path}, and --nodata.'
        )
    bins = coarse_bins(coarse, settings.percentiles)
    passed = crew.each('percentiles', lambda each: _fine(each, bins), numbers, surfaces)
    fine: Any = sum(count for _, count in passed)
    low, high = percentiles_of(coarse, fine, bins, settings.percentiles)
    return {
        'low': low,
        'high': high,
        'percentiles': list(settings.percentiles),
        'surfaces': digest,
    }


def _coarse(surface: Surface) -> np.ndarray:
    return sum(count_coarse(strip.heights[strip.valid]) for strip in surface.strips())


def _fine(surface: Surface, bins: list[int]) -> np.ndarray:
    return sum(count_fine(strip.heights[strip.valid], bins) for strip in surface.strips())


def _digest(jobs: Iterable[SurfaceJob], identities: Iterable[dict[str, object]]) -> str:
    said = [[job.name, identity] for job, identity in zip(jobs, identities, strict=True)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _decisive(settings: SurfaceSettings) -> dict[str, Any]:
    """What decides heights; which terrain models is part of each map's input."""
    return {
        'nodata': sorted(set(settings.nodata)),
        'fill': settings.fill,
        'ground': settings.ground if settings.terrain is None else 'terrain models',
        'window': settings.window,
        'window_pixels': settings.window_pixels,
    }


def _check(settings: SurfaceSettings, workers: int) -> None:
    """Refuse what would mean nothing."""
    if workers < 1:
        raise UserError(f'{workers} workers cannot do anything: take 1 or more.')
    low, high = settings.percentiles
    if not 0 <= low < high <= 100:
        raise UserError(f'percentiles {low:g} and {high:g} are no range: give two of 0 to 100.')
    if settings.value_range is not None:
        low, high = settings.value_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UserError(f'the range {low:g} to {high:g} is none: give LOW HIGH in metres.')
    if not all(map(math.isfinite, settings.nodata)):
        raise UserError('NaN and infinity are no heights anyway: leave them out of --nodata.')
    if settings.window is not None and not math.isfinite(settings.window):
        raise UserError(f'a window of {settings.window:g} m is none: give metres.')
    windows = [w for w in (settings.window, settings.window_pixels) if w is not None]
    if settings.ground != 'opening' and windows:
        raise UserError('a window is for --ground opening: leave it out, or ask for that.')
    if settings.ground == 'opening' and len(windows) != 1:
        raise UserError(
            '--ground opening needs one window, larger than the largest building: --window METRES, '
            'or --window-pixels N.'
        )


class _Crew:
    """Threads (reading, NumPy and zlib let go of the interpreter), and a display of progress."""

    def __init__(self, workers: int, progress: Progress) -> None:
        self.workers, self._progress = workers, progress

    def each(
        self, stage: str, function: Callable[[Any], Any], keys: Iterable[int], items: list
    ) -> Iterator[tuple[int, Any]]:
        """``(key, function(item))`` as they are ready; few wait, however many there are."""
        done = 0
        self._progress(stage, 0, len(items))
        pool = ThreadPoolExecutor(self.workers)
        waiting: dict[Any, int] = {}
        todo = iter(zip(keys, items, strict=True))
        try:
            while True:
                while len(waiting) < 2 * self.workers and (task := next(todo, None)):
                    waiting[pool.submit(function, task[1])] = task[0]
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
                    done += 1
                    self._progress(stage, done, len(items))
        finally:
            # After a mistake in one file nobody wants to wait for all the others.
            pool.shutdown(cancel_futures=True)
