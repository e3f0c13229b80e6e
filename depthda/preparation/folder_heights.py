"""The heights of a set looked at before they are cut: one range for all, and what is wrong."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import numpy as np

from depthda.depth.surface.no_data import suspect_height, typical_no_data
from depthda.depth.surface.percentiles import count_coarse
from depthda.errors import UserError, few
from depthda.io.rasters import open_raster
from depthda.preparation.folder_rows import Cut, Range
from depthda.preparation.grids import Placed
from depthda.workers import each_done

_FLAT = 0.01  # of the range


def with_range(
    cut: Cut,
    depths: Sequence[Path],
    pool: Executor | None,
    progress: Callable[[str, int, int], None],
    report: Callable[[str], None],
) -> Cut:
    """One range for all heights: with one for each image, equal heights would differ.

    A range that was given is checked against the heights.
    """
    rasters = [path for path in depths if path.suffix.lower() != '.png']
    if depths and not rasters and (cut.depth_range or cut.warp):
        raise UserError(
            f'--depth-range and --warp-depth are about heights in TIFFs, and {depths[0].parent} '
            'holds PNG depth maps, which are taken as they are: drop the option'
        )
    if not rasters:
        return cut
    if len(rasters) < len(depths):
        maps = next(path for path in depths if path.suffix.lower() == '.png')
        raise UserError(
            f'{maps} is a depth map and {rasters[0]} is a file of heights, and the two have no '
            'common scale: give one kind (tools/normalize_dsm.py makes maps of heights)'
        )
    progress('heights', 0, len(rasters))
    work = functools.partial(height_range, given=cut.depth_range)
    spans = {}
    for done, (path, span) in enumerate(each_done(work, rasters, pool), 1):
        spans |= {path: span} if span else {}
        progress('heights', done, len(rasters))
    if not spans:
        raise UserError(f'none of the {len(rasters)} height files holds a height: write them again')
    low, high = min(low for low, _ in spans.values()), max(high for _, high in spans.values())
    if cut.depth_range is not None:
        _check_given(cut.depth_range, low, high)
    flat = sorted(path.name for path, span in spans.items() if _is_flat(span, low, high))
    if low < high and 2 * len(flat) >= len(spans):
        report(
            f'warning: {len(flat)} of {len(spans)} height files are flat, below {_FLAT:.0%} of the '
            f'range of all, {low:g} to {high:g} ({few(flat)}): check whether all are in the same '
            'unit'
        )
    return cut if cut.depth_range is not None else replace(cut, depth_range=(low, high))


def height_range(path: Path, given: Range | None = None) -> Range | None:
    """Lowest and highest of a raster, read a strip at a time; None: it holds no height.

    What looks like no-data that was not declared is refused: it would squeeze all other heights.
    With a range that the user has ``given``, heights inside are heights, and outliers are clipped;
    typical no-data outside of it is refused still, for it would become depth 0 or 1.
    """
    low, high, counts = np.inf, -np.inf, 0
    with open_raster(path) as raster:
        if raster.count != 1:
            raise UserError(f'{path} has {raster.count} bands: heights are one')
        if np.dtype(raster.dtypes[0]).kind == 'c':
            raise UserError(f'{path} has complex numbers: save heights as float32')
        placed = Placed(raster, 0, 0)
        for first in range(0, raster.height, 1024):
            values, valid = placed.read_rows(first, min(1024, raster.height - first), raster.width)
            if valid.any():
                low = min(low, float(values[valid].min()))
                high = max(high, float(values[valid].max()))
                counts = counts + count_coarse(values[valid])
    if low > high:
        return None
    if given is None:
        suspect = suspect_height(counts, low, high)
    else:
        suspect = typical_no_data(end for end in (low, high) if not given[0] <= end <= given[1])
    if suspect is not None:
        raise UserError(
            f'{path} has the height {suspect:g}, which looks like no-data that the file does not '
            f'declare: declare it in every such file (rio edit-info --nodata={suspect!r} FILE), '
            'or give a --depth-range LOW HIGH that includes it if it is a height'
        )
    return low, high


def _check_given(given: Range, low: float, high: float) -> None:
    if low >= given[1] or high <= given[0]:
        raise UserError(
            f'all heights are {low:g} to {high:g}, so --depth-range {given[0]:g} {given[1]:g} '
            'would make one depth of them: give a range in the unit of the files'
        )


def _is_flat(span: Range, low: float, high: float) -> bool:
    return span[1] - span[0] < _FLAT * (high - low)
