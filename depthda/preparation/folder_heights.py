"""The heights of a set looked at before they are cut: one range for all, and what is wrong."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from depthda.depth.maps import clipping_warning
from depthda.depth.surface.no_data import suspect_height, typical_no_data
from depthda.depth.surface.percentiles import count_coarse
from depthda.errors import UserError, few
from depthda.io.rasters import open_raster
from depthda.preparation.folder_rows import Cut, Range
from depthda.preparation.grids import Placed
from depthda.preparation.sources import SourceFile
from depthda.workers import each_done

HeightFile = Path | SourceFile

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
    spans = height_spans(rasters, cut.depth_range, '--depth-range', pool, progress, report)
    if not spans:
        raise UserError(f'none of the {len(rasters)} height files holds a height: write them again')
    low, high = min(span.low for span in spans.values()), max(span.high for span in spans.values())
    flat = sorted(path.name for path, span in spans.items() if _is_flat(span, low, high))
    if low < high and 2 * len(flat) >= len(spans):
        report(
            f'warning: {len(flat)} of {len(spans)} height files are flat, below {_FLAT:.0%} of the '
            f'range of all, {low:g} to {high:g} ({few(flat)}): check whether all are in the same '
            'unit'
        )
    return cut if cut.depth_range is not None else replace(cut, depth_range=(low, high))


class Span(NamedTuple):
    """Lowest and highest height of a raster; how many heights it has, and a given range clips."""

    low: float
    high: float
    known: int
    clipped: int


def height_spans(
    rasters: Sequence[HeightFile],
    given: Range | None,
    option: str,
    pool: Executor | None,
    progress: Callable[[str, int, int], None],
    report: Callable[[str], None],
) -> dict[HeightFile, Span]:
    """Read the span of each raster that holds a height.

    A range that the user has ``given`` with ``option`` is checked against all heights.
    """
    progress('heights', 0, len(rasters))
    work = functools.partial(height_span, option=option, given=given)
    spans = {}
    for done, (raster, span) in enumerate(each_done(work, rasters, pool), 1):
        spans |= {raster: span} if span else {}
        progress('heights', done, len(rasters))
    if given is not None and spans:
        lows, highs, known, clipped = zip(*spans.values(), strict=True)
        if min(lows) >= given[1] or max(highs) <= given[0]:
            raise UserError(
                f'all heights are {min(lows):g} to {max(highs):g}, so {option} {given[0]:g} '
                f'{given[1]:g} would make one depth of them: give a range in the unit of the files'
            )
        for line in clipping_warning(sum(clipped), sum(known), 'heights', option):
            report(line)
    return spans


def height_span(path: HeightFile, option: str, given: Range | None = None) -> Span | None:
    """Read lowest and highest of a raster, a strip at a time; None: it holds no height.

    What looks like no-data that was not declared is refused: it would squeeze all other heights.
    With a range that the user has ``given``, heights inside are heights, and outliers are clipped;
    typical no-data outside of it is refused still, for it would become depth 0 or 1.
    """
    low, high, counts, clipped = np.inf, -np.inf, 0, 0
    if isinstance(path, SourceFile):
        path.check()
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
                if given is not None:
                    known = values[valid]
                    clipped += int(np.sum(known < given[0]) + np.sum(known > given[1]))
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
            f'or give a {option} LOW HIGH that includes it if it is a height'
        )
    return Span(low, high, int(counts.sum()), clipped)


def _is_flat(span: Span, low: float, high: float) -> bool:
    return span.high - span.low < _FLAT * (high - low)
