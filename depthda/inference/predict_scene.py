"""Predict a scene in bands of rows, so that memory holds only one band at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depthda.console import warn
from depthda.errors import UserError, many
from depthda.inference.model import LandCoverModel
from depthda.inference.scene import RowReader
from depthda.io.grids import Grid
from depthda.models.segmentors.sliding_window import Window, WindowGrid
from depthda.progress import show_progress

Area = Callable[[int, int], np.ndarray]  # (first row, end row) -> which of their pixels to predict
Sources = tuple[RowReader, RowReader | None, Area | None]  # image, depth, area


@dataclass(frozen=True)
class Settings:
    """How a scene goes through the network."""

    window: int  # side of a window in pixels
    overlap: int  # smallest number of pixels that neighbouring windows share
    batch: int = 4  # number of windows in each forward pass
    amp: bool = False  # compute in bfloat16 where it is safe
    # Average over the image and its mirror images ('flips'), or all flips and quarter turns ('d4').
    tta: str | None = None

    def __post_init__(self) -> None:
        if self.window < 1 or not 0 <= self.overlap < self.window or self.batch < 1:
            raise UserError(
                f'--window {self.window} --overlap {self.overlap} --batch {self.batch}: window and '
                'batch must be 1 or more, and the overlap must be 0 or more and smaller than the '
                'window.'
            )
        if self.tta not in (None, *VIEWS):
            raise UserError(f'--tta {self.tta}: use {" or ".join(VIEWS)}.')

    def grid(self, scene: Grid) -> WindowGrid:
        size, step = (self.window, self.window), self.window - self.overlap
        return WindowGrid(scene.height, scene.width, size, (step, step), blended=True)


# For each view: the number of quarter turns, and whether the image is mirrored first.
VIEWS = {
    'flips': [(0, False), (0, True), (2, False), (2, True)],
    'd4': [(turns, mirrored) for turns in range(4) for mirrored in (False, True)],
}


def scene_bands(
    model: LandCoverModel, scene: Grid, sources: Sources, settings: Settings, first: int = 0
) -> Iterator[tuple[int, Tensor, np.ndarray]]:
    """Yield bands of rows: (first row, logits (K, rows, W), where the scene has data (rows, W)).

    Windows without data are not computed; their logits are 0. The next rows are read while the
    network computes. Bands begin at row ``first``, with the same values as in a run from the top.
    """
    grid = settings.grid(scene)
    validity: dict[int, np.ndarray] = {}
    rows = [y for y in grid.rows if y + grid.size[0] > first]
    batches = _batches(model, grid, rows, sources, settings, validity)
    for top, logits in grid.bands(batches, top=rows[0]):
        if top in validity:
            start, strip = top, validity.pop(top)
        # A band ends where the next row of windows begins, so one strip covers all of the band.
        valid = strip[top - start :][: logits.shape[2]]
        skip = min(max(first - top, 0), len(valid))
        if skip < len(valid):
            yield top + skip, logits[0, :, skip:], valid[skip:]


def _batches(
    model: LandCoverModel,
    grid: WindowGrid,
    rows: list[int],
    sources: Sources,
    settings: Settings,
    validity: dict[int, np.ndarray],
) -> Iterator[tuple[list[Window], Tensor]]:
    """Yield windows with their logits, and note where each row of windows has data."""
    h, w = grid.size
    batch, done, total = settings.batch, 0, len(rows) * len(grid.columns)
    with ThreadPoolExecutor(1) as reader, show_progress('windows', total) as show:
        pending = reader.submit(_Strip.read, *sources, rows[0], rows[0] + h)
        for number, y in enumerate(rows):
            strip = pending.result()
            if number + 1 < len(rows):
                next_top = rows[number + 1]
                pending = reader.submit(_Strip.read, *sources, next_top, next_top + h)
            validity[y] = strip.requested
            columns = [x for x in grid.columns if strip.requested[:, x : x + w].any()]
            # A batch stays within one row of windows, so that a run can begin at any such row.
            while columns:
                part = columns[:batch]
                crops = [strip.crop(x, x + w) for x in part]
                try:
                    logits = predict(model, crops, settings)
                except torch.OutOfMemoryError as error:
                    batch = _smaller(len(part), settings, error)
                    continue
                yield [(0, y, x) for x in part], logits
                columns = columns[batch:]
            if not strip.requested.any():
                size = (1, len(model.classes), h, w)
                yield [(0, y, 0)], torch.zeros(size, device=model.device)
            done += len(grid.columns)
            show(done)


def _smaller(batch: int, settings: Settings, error: Exception) -> int:
    """Return the batch size to try after one that did not fit into GPU memory."""
    torch.cuda.empty_cache()
    if batch == 1:
        raise UserError(
            f'a window of {settings.window} pixels does not fit into the memory of the GPU: reduce '
            '--window, add --amp, or use --device cpu.'
        ) from error
    smaller = batch // 2
    warn(f'{many(batch, "window")} do not fit into memory: continuing with {smaller} at a time')
    return smaller


class _Strip(NamedTuple):
    """The rows of one row of windows: image (B, h, W), depth (1, h, W) and where they have data.

    ``requested`` is where a map is requested. Windows still show the image outside of that area,
    so that their predictions do not depend on it.
    """

    values: np.ndarray
    depth: np.ndarray | None
    valid: np.ndarray
    requested: np.ndarray

    @classmethod
    def read(
        cls, image: RowReader, depth: RowReader | None, area: Area | None, top: int, bottom: int
    ) -> '_Strip':
        values, valid = image.read(top, bottom)
        heights = None if depth is None else depth.read(top, bottom)[0]
        requested = valid if area is None else valid & area(top, bottom)
        return cls(values, heights, valid, requested)

    def crop(self, left: int, right: int) -> Tensor:
        """Return a window with depth as the last channel, and 0 where there is no data."""
        parts = [self.values] if self.depth is None else [self.values, self.depth]
        window = np.concatenate([part[:, :, left:right] for part in parts])
        return torch.from_numpy(np.where(self.valid[:, left:right], window, 0))


def predict(model: LandCoverModel, crops: list[Tensor], settings: Settings) -> Tensor:
    """Return the logits of crops of one size, averaged over the views of the augmentation."""
    if settings.tta is None:
        return model.logits(crops, settings.amp)
    total = 0
    for turns, mirrored in VIEWS[settings.tta]:
        views = [crop.flip(-1) if mirrored else crop for crop in crops]
        logits = model.logits([view.rot90(turns, (-2, -1)) for view in views], settings.amp)
        logits = logits.rot90(-turns, (-2, -1))
        total = total + (logits.flip(-1) if mirrored else logits)
    return total / len(VIEWS[settings.tta])
