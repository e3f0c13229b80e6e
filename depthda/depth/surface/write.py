"""Write the depth map of one surface model, and collect the counts for the report of the run."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from depthda.depth.maps import normalize_heights, to_codes
from depthda.depth.surface.model import Relief, Surface, world_file
from depthda.depth.surface.no_data import suspect_height
from depthda.depth.surface.percentiles import count_coarse
from depthda.io.files import atomic_path
from depthda.io.grids import Grid
from depthda.io.png import png_strips

Range = tuple[float, float]

_ROWS = 64  # rows converted at once, because float64 needs four times the memory of uint16
_FLAT_SPAN = 655  # a map whose codes span no more than this (1 % of the range) is flat


@dataclass(frozen=True)
class Recipe:
    """The settings that decide a map, apart from its surface model."""

    value_range: Range  # heights that become depth 0 and 1; heights outside are clipped
    fill: bool  # fill pixels without height with the nearest height; needs the map in memory
    key: str  # hash of all settings, for the note of each map


def write_map(
    surface: Surface, grid: Grid, identity: Mapping[str, object], path: Path, recipe: Recipe
) -> None:
    """Write the map and, for a georeferenced surface model, the world file (.pgw) next to it."""
    tally = Tally(recipe.value_range)
    with png_strips(path, grid.width, grid.height) as png:
        strips = _codes(surface.strips(), tally)
        if recipe.fill:
            strips = iter([fill_nearest(np.concatenate(list(strips)))])
        for codes in strips:
            png.write(codes)
        note = {'settings': recipe.key, 'input': dict(identity), **tally.counts()}
        png.note = json.dumps(note)
    # The world file comes last, so that a failed map leaves none behind.
    world, content = world_path(path), world_file(grid)
    if content is None:
        world.unlink(missing_ok=True)
    else:
        with atomic_path(world) as temporary:
            temporary.write_text(content)


def world_path(path: Path) -> Path:
    """Return the path of the world file of a map."""
    return path.with_suffix('.pgw')


def fill_nearest(codes: np.ndarray) -> np.ndarray:
    """Replace each code 0 by the nearest other code; a map that is 0 everywhere stays unchanged."""
    empty = codes == 0
    if empty.all() or not empty.any():
        return codes
    row, column = distance_transform_edt(empty, return_distances=False, return_indices=True)
    return codes[row, column]


class Tally:
    """Counts over the strips of one surface model."""

    def __init__(self, value_range: Range) -> None:
        self.range = value_range
        self._sums: Counter[str] = Counter()
        self._raw = 0  # histogram of the heights on disk, which include suspicious values
        # The lowest and the highest value of each strip: heights on disk, terrain, codes.
        self._heights, self._terrain, self._codes = [], [], []

    def add(self, strip: Relief, codes: np.ndarray) -> None:
        known, raw = strip.heights[strip.valid], strip.raw[strip.valid]
        low, high = self.range
        self._sums.update(
            pixels=codes.size,
            no_height=codes.size - known.size,
            clipped_low=int(np.count_nonzero(known < low)),
            clipped_high=int(np.count_nonzero(known > high)),
            below_ground=strip.below_ground,
        )
        if known.size:
            self._raw += count_coarse(raw)
            self._heights += _ends(raw)
            self._codes += _ends(codes[strip.valid])
            if strip.terrain is not None:
                self._terrain += _ends(strip.terrain[strip.valid])

    def counts(self) -> dict[str, object]:
        """Return the sums, whether the map has relief, and a height that looks like no-data."""
        ends, codes = self._heights, self._codes
        suspect = suspect_height(self._raw, min(ends), max(ends), self._terrain) if ends else None
        relief = bool(codes) and max(codes) - min(codes) > _FLAT_SPAN
        return {**self._sums, 'relief': relief, 'suspect': suspect}


def _ends(values: np.ndarray) -> list:
    return [values.min().item(), values.max().item()]


def _codes(strips: Iterator[Relief], tally: Tally) -> Iterator[np.ndarray]:
    for strip in strips:
        codes = np.empty(strip.heights.shape, np.uint16)
        for top in range(0, len(codes), _ROWS):
            part = np.s_[top : top + _ROWS]
            depth = normalize_heights(strip.heights[part], strip.valid[part], tally.range)
            codes[part] = to_codes(depth)
        tally.add(strip, codes)
        yield codes
