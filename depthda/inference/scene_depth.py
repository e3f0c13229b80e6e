"""Estimate the relative depth of a complete scene before it is predicted."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window
from torch import Tensor

from depthda.depth.monocular.alignment import Box
from depthda.depth.monocular.estimator import DepthEstimator, in_batches, read_ahead
from depthda.depth.monocular.streamed import DepthTiles, SceneDepth
from depthda.depth.monocular.tiling import TileGrid
from depthda.errors import UserError
from depthda.inference.scene import ModelBands, RowReader, explained, open_image, opened
from depthda.io.files import read_json, write_json
from depthda.progress import show_progress

_OVERLAP = 0.25  # share of a tile that its neighbour also covers
_ROWS = 64  # rows that are blended at a time
_STATE, _TILES = 'depth.json', 'depth.raw'


@contextmanager
def scene_depth(
    estimator: DepthEstimator,
    source: str | Path,
    bands: ModelBands,
    folder: Path,
    identity: dict[str, Any],
    batch: int = 4,
    factor: float = 1.0,
) -> Iterator[RowReader]:
    """Yield the rows of the depth of an image, as :func:`.scene.open_depth` does.

    The network predicts tiles of its input size, which overlap by a quarter. Their depth is written
    to ``folder`` (3.6 bytes per pixel of the scene), so that a stopped run can continue. One scale
    and one shift per tile align the tiles with each other and with a coarse map of the scene.
    """
    if bands.dtype != 'uint8' and bands.stretch is None:
        raise UserError(
            f'{source}: the depth network reads 8 bits, but this model reads {bands.dtype}: set '
            '--depth to the depth map of the scene.'
        )
    with open_image(source, bands, factor) as (grid, image), opened(source, factor) as raster:
        side = estimator.preprocessing.height
        tiles = TileGrid(grid.height, grid.width, side, int(side * _OVERLAP))
        stored = DepthTiles(folder / _TILES, tiles)
        depth = SceneDepth(stored, _coarse(estimator, raster, bands))
        valid = partial(_valid, raster)
        note = partial(depth.add, valid=valid)
        state = _DepthState(folder, identity | {'depth': estimator.fingerprint}, stored)
        _estimate(estimator, image, state, note, batch)
        depth.align(valid)

        def load(top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
            rows = depth.rows(top, bottom)
            return rows[None], np.ones(rows.shape, bool)

        yield RowReader(load, grid.height, _ROWS)


class _DepthState:
    """A record on disk of the finished tiles, updated after each row of tiles.

    A record with another ``identity``, which is all that affects the tiles, is ignored.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], tiles: DepthTiles) -> None:
        self.tiles, self._path = tiles, folder / _STATE
        self._identity = json.loads(json.dumps(identity | {'tile': tiles.shape}))
        folder.mkdir(parents=True, exist_ok=True)
        state = read_json(self._path) or {}
        ranges = state['ranges'] if state.get('identity') == self._identity else []
        self.done = len(ranges)
        tiles.ranges[: self.done] = np.reshape(ranges, (-1, 2))

    def save(self, done: int) -> None:
        ranges = self.tiles.ranges[:done].tolist()
        write_json(self._path, {'identity': self._identity, 'ranges': ranges})


def _estimate(
    estimator: DepthEstimator,
    image: RowReader,
    state: _DepthState,
    note: Callable[[int], None],
    batch: int,
) -> None:
    """Run the network on the tiles that are not on disk yet, and call ``note`` for every tile.

    While the network computes, the next tiles are read, and the previous ones written and noted.
    """
    tiles = state.tiles
    boxes = list(enumerate(tiles.grid.boxes))
    rows = groupby(boxes[state.done :], key=lambda item: item[1][0])
    parts = [[part] for _, row in rows for part in in_batches(list(row), batch)]
    read = partial(_inputs, estimator, image)

    def write_tile(index: int, depth: np.ndarray) -> None:
        tiles.write(index, depth)
        note(index)

    with (
        show_progress('depth', len(boxes)) as show,
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(1) as writer,
    ):
        writing = [writer.submit(note, index) for index in range(state.done)]
        for (part,), (inputs,) in read_ahead(parts, read, reader):
            depths = _depths(estimator, part, inputs, tiles.shape)
            _wait_for(writing)
            writing = [writer.submit(write_tile, *item) for item in depths.items()]
            last, (_, _, _, right) = part[-1]
            if right == tiles.grid.width:  # the row of tiles is complete
                _wait_for(writing)
                state.save(last + 1)
            show(last + 1)
        _wait_for(writing)


def _wait_for(tasks: list[Future]) -> None:
    """Wait for tasks, and raise the first error."""
    for task in tasks:
        task.result()


def _inputs(
    estimator: DepthEstimator, image: RowReader, part: list[tuple[int, Box]]
) -> dict[int, Tensor]:
    """Return the network's inputs by tile index, for tiles of one row; without data, none."""
    top, _, bottom, _ = part[0][1]
    values, valid = image.read(top, bottom)
    inputs = {}
    for index, (_, left, _, right) in part:
        known = valid[:, left:right]
        if known.any():
            tile = np.where(known, values[:, :, left:right], 0)
            inputs[index] = estimator.preprocessing(_rgb(tile))
    return inputs


def _depths(
    estimator: DepthEstimator,
    part: list[tuple[int, Box]],
    inputs: dict[int, Tensor],
    shape: tuple[int, int],
) -> dict[int, np.ndarray]:
    """Return the depth of each tile of a batch; 0 for a tile without data."""
    depths = estimator.whole(list(inputs.values()), [shape] * len(inputs)) if inputs else []
    depth_of = {index: np.zeros(shape, np.float32) for index, _ in part}
    depth_of |= dict(zip(inputs, depths, strict=True))
    if not all(np.isfinite(depth).all() for depth in depth_of.values()):
        raise UserError(
            'the depth network returned values that are not finite: use fp32, and if that does not '
            'help, download the weights again.'
        )
    return depth_of


def _coarse(
    estimator: DepthEstimator, raster: rasterio.DatasetReader, bands: ModelBands
) -> np.ndarray:
    """Return the depth of the complete scene, shrunk to about the network's input size."""
    size = estimator.preprocessing.coarse_size(raster.height, raster.width)
    shape = tuple(min(2 * small, large) for small, large in zip(size, raster.shape, strict=True))
    chosen = bands.of(raster)[:3]
    with explained(raster):
        small = raster.read(chosen, out_shape=(len(chosen), *shape), resampling=Resampling.average)
    rgb = _rgb(bands.scaled(small)[::-1])
    return estimator.whole([estimator.preprocessing(rgb, size)], [size])[0]


def _valid(raster: rasterio.DatasetReader, box: Box) -> np.ndarray:
    top, left, bottom, right = box
    return raster.dataset_mask(window=Window(left, top, right - left, bottom - top)) > 0


def _rgb(values: np.ndarray) -> np.ndarray:
    """Return bands (B, H, W) with blue first as RGB (H, W, 3); a single band is repeated."""
    colours = values[:3][::-1] if len(values) >= 3 else values[:1].repeat(3, 0)
    return np.ascontiguousarray(colours.transpose(1, 2, 0))
