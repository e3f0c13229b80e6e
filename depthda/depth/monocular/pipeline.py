"""Read images, run the network and write maps at the same time, in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depthda.depth.jobs import Job
from depthda.depth.maps import clipping_warning
from depthda.depth.monocular.estimator import DepthEstimator, in_batches, read_ahead
from depthda.depth.monocular.folder import MapFolder
from depthda.depth.monocular.images import OpticalReader, Size
from depthda.depth.monocular.tiling import TileGrid
from depthda.errors import UserError, few, many

Progress = Callable[[int, int], None]


@dataclass
class Pipeline:
    """Read one batch while the network processes another and the maps of a third are written.

    An image that is cut into tiles is a batch by itself.
    """

    estimator: DepthEstimator
    reader: OpticalReader
    batch_size: int
    workers: int
    jobs: Sequence[Job]  # of this process
    todo: set[Job]  # the jobs whose map does not exist yet
    sizes: dict[Job, Size]
    grids: dict[Job, TileGrid]  # the tiles of each image that is cut into tiles
    folders: dict[Path, MapFolder]  # by Job.root

    def __post_init__(self) -> None:
        # For the warnings:
        self._clipped: list[tuple[int, int]] = []  # clipped values and all values of each image
        self._plain: list[str] = []  # names of images with a single colour
        self._flat: list[str] = []  # names of images whose map has a single depth

    def run(self, progress: Progress) -> None:
        """Write the maps; call ``progress`` with the number of written maps and the total."""
        readers, writers = (ThreadPoolExecutor(self.workers) for _ in range(2))
        writing: deque[Future] = deque()
        written, total = 0, len(self.todo)

        def wait(most: int) -> None:
            """Wait until no more than ``most`` maps are waiting to be written."""
            nonlocal written
            while len(writing) > most:
                writing.popleft().result()
                written += 1
                progress(written, total)

        progress(written, total)
        try:
            for batch, inputs in read_ahead(self.batches(), self._read, readers):
                for job, depth, valid in self._depth(batch, inputs, readers):
                    if job in self.todo:
                        wait(self.batch_size - 1)
                        writing.append(writers.submit(self._write, job, depth, valid))
            wait(0)
        finally:
            for pool in (readers, writers):
                pool.shutdown(cancel_futures=True)

    def warnings(self) -> list[str]:
        """Return a warning for each suspicious property of the images and maps of the run."""
        clipped, known = (sum(counts) for counts in zip((0, 0), *self._clipped, strict=True))
        lines = clipping_warning(clipped, known, 'values', '--value-range')
        for names, noun, advice in (
            (self._plain, 'image with a single colour', 'check the images'),
            (self._flat, 'map with a single depth', 'check the images and the weights'),
        ):
            if names:
                count = many(len(names), noun, noun.replace(' ', 's ', 1))
                lines.append(f'warning: {count} ({few(sorted(names))}): {advice}')
        return lines

    def batches(self) -> list[list[Job]]:
        """Return batches of up to ``batch_size`` jobs of one network size.

        On a GPU, maps depend on the shape of their batch. So the batches are planned from all jobs,
        and a batch with any missing map is processed completely. A resumed run therefore uses the
        same batches.
        """
        jobs = [job for job in self.jobs if self.estimator.batched or job in self.todo]
        groups: dict[Size, list[Job]] = {}
        for job in (job for job in jobs if job not in self.grids):
            size = self.estimator.preprocessing.network_size(*self.sizes[job])
            groups.setdefault(size, []).append(job)
        tiled = [[job] for job in jobs if job in self.grids]
        same_size = [group for _, group in sorted(groups.items())]
        batches = [batch for group in same_size for batch in in_batches(group, self.batch_size)]
        return [batch for batch in batches + tiled if not self.todo.isdisjoint(batch)]

    def _read(self, job: Job) -> tuple[Any, np.ndarray | None]:
        image, valid = self.reader.read(job.source, self._clipped)
        if (image == image[:1, :1]).all():
            self._plain.append(job.source.name)
        # The estimator preprocesses tiles itself.
        return image if job in self.grids else self.estimator.preprocessing(image), valid

    def _depth(
        self, batch: list[Job], inputs: list[tuple], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[Job, np.ndarray, np.ndarray | None]]:
        images, valid = zip(*inputs, strict=True)
        if grid := self.grids.get(batch[0]):
            maps = [self.estimator.tiled(images[0], grid, self.batch_size, pool, valid[0])]
        else:
            maps = self.estimator.whole(images, [self.sizes[job] for job in batch])
        return zip(batch, maps, valid, strict=True)

    def _write(self, job: Job, depth: np.ndarray, valid: np.ndarray | None) -> None:
        if not np.isfinite(depth).all():
            raise UserError(
                f'the network returned non-finite depth for {job.source}: try --amp off. If '
                'that does not help, download the weights again.'
            )
        if not self.folders[job.root].save(job.name, depth, job.source, valid):
            self._flat.append(job.source.name)
