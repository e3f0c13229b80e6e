"""The lowest and highest height of rasters, read a strip at a time."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from depthda.depth.maps import clipping_warning
from depthda.depth.surface.no_data import suspect_height, typical_no_data
from depthda.depth.surface.percentiles import count_coarse
from depthda.errors import UserError
from depthda.io.grids import check_heights
from depthda.io.sources import File, open_source
from depthda.workers import each_done

_ROWS = 1024  # rows read at once
Range = tuple[float, float]


class Span(NamedTuple):
    """The lowest and highest height of a raster, and the counts of all and of clipped heights."""

    low: float
    high: float
    known: int
    clipped: int


def whole_range(spans: dict[File, Span]) -> Range:
    """Return the lowest and the highest height of all files."""
    lows, highs, *_ = zip(*spans.values(), strict=True)
    return min(lows), max(highs)


def height_spans(
    rasters: Sequence[File], given: Range | None, option: str, pool, progress: Callable, report
) -> dict[File, Span]:
    """Read the span of each raster that holds a height.

    A range that the user has ``given`` with ``option`` is checked against all heights.
    """
    work = partial(height_span, option=option, given=given)
    found = each_done(work, rasters, pool, partial(progress, 'heights'))
    spans = {raster: span for raster, span in found if span}
    if given and spans:
        low, high = whole_range(spans)
        if low >= given[1] or high <= given[0]:
            raise UserError(
                f'all heights are {low:g} to {high:g}, so {option} {given[0]:g} {given[1]:g} would '
                'map all to one depth: give a range in the unit of the files'
            )
        _, _, known, clipped = map(sum, zip(*spans.values(), strict=True))
        for line in clipping_warning(clipped, known, 'heights', option):
            report(line)
    return spans


def height_span(path: File, option: str, given: Range | None = None) -> Span | None:
    """Read the span of a raster, a strip at a time; None if it holds no height.

    A height that looks like undeclared no-data is refused, because it would squeeze all other
    heights into a small range of depth. With a range that the user has ``given``, values inside
    this range are accepted as heights, and outliers are clipped. But typical no-data values outside
    this range are still refused, because they would become depth 0 or 1.
    """
    low, high, counts, clipped = np.inf, -np.inf, 0, 0
    with open_source(path) as raster:
        check_heights(raster)
        for first in range(0, raster.height, _ROWS):
            window = ((first, min(first + _ROWS, raster.height)), (0, raster.width))
            known = raster.read(1, window=window, masked=True).compressed()
            known = known[np.isfinite(known)]
            if known.size:
                low, high = min(low, float(known.min())), max(high, float(known.max()))
                counts = counts + count_coarse(known)
                if given:
                    clipped += int(np.sum((known < given[0]) | (known > given[1])))
    if low > high:
        return None
    outside = [end for end in (low, high) if given and not given[0] <= end <= given[1]]
    suspect = typical_no_data(outside) if given else suspect_height(counts, low, high)
    if suspect is not None:
        raise UserError(
            f'{path} has the height {suspect:g}, which looks like no-data that the file does not '
            f'declare: declare it in every such file (rio edit-info --nodata={suspect!r} FILE), '
            f'or give a {option} LOW HIGH that includes it if it is a height'
        )
    return Span(low, high, int(counts.sum()), clipped)
