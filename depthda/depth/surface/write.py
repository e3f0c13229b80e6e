"""One surface model made into one depth map, and what was counted on the way."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from depthda.depth.maps import normalize_heights, to_codes
from depthda.depth.surface.model import Relief, Surface, SurfaceGrid, world_file
from depthda.depth.surface.no_data import suspect_height
from depthda.depth.surface.percentiles import count_coarse
from depthda.io.files import atomic_path
from depthda.io.png import png_strips

Range = tuple[float, float]

_ROWS = 64  # normalised at once: in double precision they take four times the room
_RELIEF = 655  # codes, 1 % of the range: a map that spans no more is flat


@dataclass(frozen=True)
class Recipe:
    """What decides a map, besides its surface model.

    Args:
        value_range: Heights that become depth 0 and 1; what lies outside is clipped.
        fill: Give "no depth" the nearest valid height. The whole map is in memory for that.
        key: Stands for all settings, in the note of each map.
    """

    value_range: Range
    fill: bool
    key: str


def write_map(
    surface: Surface, grid: SurfaceGrid, identity: Mapping[str, object], path: Path, recipe: Recipe
) -> None:
    """Write the map and, for a surface model that has a place, the world file (.pgw) beside it."""
    tally = Tally(recipe.value_range)
    with png_strips(path, grid.width, grid.height) as picture:
        strips = _codes(surface.strips(), tally)
        if recipe.fill:
            strips = iter([fill_nearest(np.concatenate(list(strips)))])
        for codes in strips:
            picture.write(codes)
        said = {'settings': recipe.key, 'input': dict(identity), **tally.counts()}
        picture.note = json.dumps(said)
    # Last, so that a map that could not be written leaves none.
    _write_world(path, world_file(grid))


def world_path(path: Path) -> Path:
    return path.with_suffix('.pgw')


def fill_nearest(codes: np.ndarray) -> np.ndarray:
    """Give each code 0 the nearest other one; a map of nothing but 0 stays as it is."""
    empty = codes == 0
    if empty.all() or not empty.any():
        return codes
    row, column = distance_transform_edt(empty, return_distances=False, return_indices=True)
    return codes[row, column]


class Tally:
    """Counts over the strips of one surface model."""

    def __init__(self, value_range: Range) -> None:
        self.range = value_range
        self._sums = dict.fromkeys(
            ('pixels', 'no_height', 'clipped_low', 'clipped_high', 'below_ground'), 0
        )
        self._raw = 0  # of heights as they are on disk, so of the suspect ones too
        self._ends: list[float] = []
        self._terrain: list[float] = []
        self._codes: list[int] = []

    def add(self, strip: Relief, codes: np.ndarray) -> None:
        known, raw = strip.heights[strip.valid], strip.raw[strip.valid]
        low, high = self.range
        for key, count in (
            ('pixels', codes.size),
            ('no_height', codes.size - known.size),
            ('clipped_low', np.count_nonzero(known < low)),
            ('clipped_high', np.count_nonzero(known > high)),
            ('below_ground', strip.below),
        ):
            self._sums[key] += int(count)
        if known.size:
            self._raw += count_coarse(raw)
            self._ends = [*self._ends, float(raw.min()), float(raw.max())]
            if strip.terrain is not None:
                level = strip.terrain[strip.valid]
                self._terrain += [float(level.min()), float(level.max())]
            seen = codes[strip.valid]
            self._codes = [*self._codes, int(seen.min()), int(seen.max())]

    def counts(self) -> dict[str, object]:
        """The sums; whether the codes differ enough; a height that looks like no-data, or None."""
        spread = max(self._codes) - min(self._codes) if self._codes else 0
        relief = spread > _RELIEF
        return {**self._sums, 'relief': relief, 'suspect': self._suspect()}

    def _suspect(self) -> float | None:
        if not self._ends:
            return None
        return suspect_height(self._raw, min(self._ends), max(self._ends), self._terrain)


def _codes(strips: Iterator[Relief], tally: Tally) -> Iterator[np.ndarray]:
    for strip in strips:
        codes = np.empty(strip.heights.shape, np.uint16)
        for top in range(0, len(codes), _ROWS):
            part = np.s_[top : top + _ROWS]
            codes[part] = to_codes(
                normalize_heights(strip.heights[part], strip.valid[part], tally.range)
            )
        tally.add(strip, codes)
        yield codes


def _write_world(path: Path, content: str | None) -> None:
    world = world_path(path)
    if content is None:
        world.unlink(missing_ok=True)
        return
    with atomic_path(world) as beside:
        beside.write_text(content)
