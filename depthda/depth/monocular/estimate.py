"""Estimate the depth maps of many images; a stopped run continues where it stopped."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import torch
import transformers

from depthda.depth.jobs import Job
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.depth.monocular.folder import MapFolder
from depthda.depth.monocular.images import OpticalReader
from depthda.depth.monocular.pipeline import Pipeline, Progress
from depthda.depth.monocular.tiling import TileGrid
from depthda.errors import UserError, check_count
from depthda.io.lock import own_folder
from depthda.io.rasters import georeference_is_optional
from depthda.processes import Shard
from depthda.version import __version__

_ALONE = Shard()
MODES = ('whole', 'tiled')


@dataclass(frozen=True)
class DepthSettings:
    """The settings with which maps are made."""

    mode: str = 'whole'  # each image at once; 'tiled': cut images that are larger than a tile
    tile: int | None = None  # side of a tile in pixels; None: the network size
    overlap: float | None = None  # least share of a side that neighbours share; None: 0.25
    batch_size: int = 8  # images or tiles that go through the network together
    workers: int = 2  # number of reading threads, and of writing threads
    reader: OpticalReader = OpticalReader()

    def __post_init__(self) -> None:
        check_count('--batch-size', self.batch_size)
        check_count('--workers', self.workers)
        if self.mode not in MODES:
            raise UserError(f'the mode {self.mode!r} is unknown: use {" or ".join(MODES)}.')
        for option, value in (('--tile', self.tile), ('--overlap', self.overlap)):
            if self.mode != 'tiled' and value is not None:
                raise UserError(f'{option} only applies to tiles: add --mode tiled.')
        if self.tile is not None and self.tile < 32:
            raise UserError(f'--tile {self.tile} is too small: use 32 pixels or more.')
        if self.overlap is not None and not 0.05 <= self.overlap <= 0.5:
            raise UserError(f'--overlap {self.overlap} is out of range: use 0.05 to 0.5 of a tile.')

    def described(self, estimator: DepthEstimator) -> dict[str, Any]:
        """Return everything that determines the values of a map, except its image."""
        tile, overlap = self.tiling(estimator.preprocessing.height) or (None, None)
        return {
            'weights': estimator.fingerprint,
            'preprocessing': asdict(estimator.preprocessing),
            'mode': self.mode,
            'tile': tile,
            'overlap': overlap,
            'precision': 'bfloat16' if estimator.bf16 else 'float32',
            **asdict(self.reader),
        }

    def tiling(self, network: int) -> tuple[int, int] | None:
        """Return the side of a tile and the overlap in pixels; None for whole images."""
        if self.mode != 'tiled':
            return None
        tile = self.tile or network
        return tile, round(tile * (0.25 if self.overlap is None else self.overlap))


@dataclass(frozen=True)
class Summary:
    """The result of one process."""

    written: int  # maps
    kept: int  # maps that already existed
    seconds: float
    warnings: Sequence[str] = ()  # sentences about the images and maps


def estimate_depth(
    estimator: DepthEstimator,
    jobs: Sequence[Job],
    settings: DepthSettings,
    model: dict[str, Any],
    shard: Shard = _ALONE,
    progress: Progress = lambda done, total: None,
) -> Summary:
    """Write each map that does not exist yet, and the manifest of each folder of maps.

    Reading, network and writing overlap. Memory holds one batch that is being read, one in the
    network and one whose maps are being written, however many images there are. A map appears
    completely or not at all. A run that was killed and started again ends with the same bytes as an
    uninterrupted run (:class:`DepthEstimator` says what the bytes depend on).

    Args:
        model: Record of the model for the manifest, in addition to the hash of its weights.
        shard: Selects the jobs of this process.
        progress: Called with the number of maps written so far and the number of maps to write.
    """
    with georeference_is_optional(), ExitStack() as stack:
        sizes = dict(zip(jobs, settings.reader.sizes([job.source for job in jobs]), strict=True))
        tiling = settings.tiling(estimator.preprocessing.height)
        large = [job for job, size in sizes.items() if tiling and max(size) > tiling[0]]
        grids = {job: TileGrid(*sizes[job], *tiling) for job in large}
        versions = {'depthda': __version__, 'transformers': transformers.__version__}
        versions |= {'torch': torch.__version__, 'device': estimator.device_name}
        described, about = settings.described(estimator), {**model, 'versions': [versions]}
        folders = {job.root: MapFolder(job.root, described, about) for job in jobs}
        if shard.rank == 0:
            for folder in folders.values():
                stack.enter_context(own_folder(folder.root))
                folder.open()
                # With several processes, others may still be writing maps after a failure here, and
                # need the manifest.
                if shard.size == 1:
                    stack.enter_context(folder.abandoned_on_failure())
        shard.wait()
        own_jobs = shard.part(jobs)
        done = (folders[job.root].is_done(job.name, sizes[job], job.source) for job in own_jobs)
        todo = {job for job, is_done in zip(own_jobs, done, strict=True) if not is_done}
        started = time.monotonic()
        how = settings.reader, settings.batch_size, settings.workers
        pipeline = Pipeline(estimator, *how, own_jobs, todo, sizes, grids, folders)
        pipeline.run(progress)
        seconds = time.monotonic() - started
        shard.wait()
        if shard.rank == 0:
            for folder in folders.values():
                folder.finish()
    return Summary(len(todo), len(own_jobs) - len(todo), seconds, pipeline.warnings())
