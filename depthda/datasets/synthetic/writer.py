"""Write tiles of a synthetic world in the folder tree of LoveDA."""

import functools
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import rasterio
from numpy.random import Generator
from rasterio import Affine

from depthda.errors import UserError, check_count
from depthda.io.files import DISK_FULL, atomic_path, read_json, write_json
from depthda.workers import worker_pool

from .config import SPLITS, WorldConfig, check_choice
from .fields import stream
from .world import generate_tile, second_date

# These settings are several times faster than the default, and the files are hardly larger.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
_PNG += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
# The bands of images, each with its entry in the description of the dataset (world.json).
BANDS = {
    'rgb': {},
    'near-infrared': {'near_infrared': True},  # a fourth band
    'two-dates': {'two_dates': True},  # R, G, B of a second date of the same scene
}
# Near-infrared reflectance of LoveDA's codes: no-data, background, building, road, water, barren,
# forest, agriculture.
_REFLECTANCE = np.array([0.35, 0.35, 0.35, 0.35, 0.06, 0.35, 0.75, 0.75], np.float32)
_NOISE = 0.03  # standard deviation of the reflectance
Job = tuple[str, str, int, int]  # split, domain, index, file number


def plan(world: WorldConfig, counts: dict[str, int]) -> list[Job]:
    """List every tile as (split, domain, index, file number).

    File numbers increase as in LoveDA: Train, Val, Test, with Rural before Urban in each. Each
    domain of a split has its own range, and no number occurs twice.
    """
    jobs: list[Job] = []
    for split in SPLITS:
        for domain in sorted(world.domain_names):
            first = len(jobs)
            jobs += [(split, domain, i, first + i) for i in range(counts[split])]
    return jobs


def write_sample(
    out: str | os.PathLike,
    world: WorldConfig,
    counts: dict[str, int],
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
    bands: str = 'rgb',
) -> int:
    """Write ``counts[split]`` tiles per domain below ``out``; return how many were written.

    ``out`` only appears when the dataset is complete. If it exists with the same settings, 0 is
    returned; if it has other content, an error is raised. ``progress`` is called with the number of
    tiles written so far. ``bands`` is a key of ``BANDS``; images are PNGs with ``'rgb'``, otherwise
    GeoTIFFs.
    """
    out = Path(out).absolute()
    for split in SPLITS:
        if counts.get(split, -1) < 0:
            raise UserError(f'the number of {split} tiles must be 0 or more')
    check_count('--jobs', jobs)
    check_choice('the sample images cannot have the bands', bands, BANDS)
    tiles = plan(world, counts)
    if not tiles:
        raise UserError('a dataset needs at least one tile: set a number of tiles above 0')
    content = _describe(world, counts, tiles) | BANDS[bands]
    if out.exists() and not out.is_dir():
        raise UserError(f'{out} is a file: choose a folder')
    if out.is_dir() and any(out.iterdir()):
        if read_json(out / 'world.json') == content:
            return 0
        raise UserError(f'{out} already has other contents: choose another folder or remove it')
    # Several machines may write the same dataset to a shared disk, so the name has to be unique.
    temporary = out.with_name(f'.{out.name}-{platform.node()}-{os.getpid()}')
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise UserError(
            f'{out} cannot be created ({error.strerror}): choose another folder'
        ) from error
    try:
        for done in _write_all(temporary, world, tiles, jobs, bands):
            if progress is not None:
                progress(done)
        write_json(temporary / 'world.json', content)
        if out.exists():
            if read_json(out / 'world.json') == content:
                return 0  # another process has written it meanwhile
            out.rmdir()
        temporary.rename(out)
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)
    return len(tiles)


def _write_all(
    root: Path, world: WorldConfig, tiles: list[Job], jobs: int, bands: str
) -> Iterator[int]:
    write = functools.partial(_write_tile, root, world, bands)
    with worker_pool(jobs) as pool:
        written = map(write, tiles) if pool is None else pool.map(write, tiles, chunksize=8)
        for done, _ in enumerate(written, 1):
            yield done


def _write_tile(root: Path, world: WorldConfig, bands: str, job: Job) -> None:
    split, domain, index, number = job
    folder = root / split / domain.capitalize()
    tile = generate_tile(world, domain, split, index)
    # Coordinates in metres. The tiles are side by side in one row, at a fictitious location.
    gsd, size = world.domain(domain).resolution.gsd_m, world.size
    transform = Affine(gsd, 0, number * size * gsd, 0, -gsd, size * gsd)
    pngs = {'masks_png': tile.mask, 'rdepth/synthetic': tile.depth}
    if bands == 'rgb':
        pngs['images_png'] = tile.image[..., ::-1]
    else:
        if bands == 'two-dates':
            extra = second_date(world, domain, split, index)
        else:
            rng = stream(world.version, world.seed, split, domain, index, 'near infrared')
            extra = near_infrared(tile.image, tile.mask, rng)
        image = np.moveaxis(np.dstack([tile.image, extra]), -1, 0)
        # By default, GDAL would tag the fourth band as alpha.
        profile = dict(photometric='RGB', alpha='unspecified', transform=transform)
        _write_tiff(folder / f'images_png/{number}.tif', image, **profile)
    for name, array in pngs.items():
        with atomic_path(folder / name / f'{number}.png') as temporary:
            temporary.write_bytes(cv2.imencode('.png', array, _PNG)[1].tobytes())
    _write_tiff(folder / 'dsm' / f'{number}.tif', tile.height[None], transform=transform)


def near_infrared(image: np.ndarray, mask: np.ndarray, rng: Generator) -> np.ndarray:
    """Return a near-infrared band, uint8 H×W, of an RGB ``image``; ``mask`` has LoveDA's codes.

    It is computed from finished tiles, because the generator of the other bands is frozen. As in
    real near infrared, vegetation is bright, water is dark, and buildings and bare ground look the
    same. Shadows and texture are those of the three bands.
    """
    light = 0.6 + 0.8 * image.mean(-1, dtype=np.float32) / 255
    reflected = _REFLECTANCE[mask] * light + _NOISE * rng.standard_normal(mask.shape, np.float32)
    return np.rint(reflected.clip(0, 1) * 255).astype(np.uint8)


def _write_tiff(path: Path, bands: np.ndarray, **profile) -> None:
    count, height, width = bands.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    profile |= dict(driver='GTiff', dtype=bands.dtype, count=count, width=width, height=height)
    with rasterio.open(path, 'w', **profile) as file:
        file.write(bands)


def _describe(world: WorldConfig, counts: dict[str, int], tiles: list[Job]) -> dict:
    ranges: dict[str, dict[str, list[int]]] = {}
    for split, domain, _, number in tiles:
        span = ranges.setdefault(split, {}).setdefault(domain.capitalize(), [number, number])
        span[1] = number
    per_domain = {split: counts[split] for split in SPLITS}
    content = {'world': world.version, 'seed': world.seed, 'tiles_per_domain': per_domain}
    return json.loads(json.dumps(content | {'file_numbers': ranges, 'settings': world.settings()}))
