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

_ROWS = 1024  # rows that are read at a time
Range = tuple[float, float]


class Span(NamedTuple):
    """The lowest and highest height of a raster, and the counts of all and of clipped heights."""

    low: float
    high: float
    known: int
    clipped: int


def combined_range(spans: dict[File, Span]) -> Range:
    """Return the lowest and the highest height of all files."""
    lows, highs, *_ = zip(*spans.values(), strict=True)
    return min(lows), max(highs)


def height_spans(
    rasters: Sequence[File], limits: Range | None, option: str, pool, progress: Callable, report
) -> dict[File, Span]:
    """Return the lowest and highest height of each raster; rasters of only no-data are left out.

    If the user has set ``limits`` with ``option``, it is an error if all heights are below or above
    them, and a warning is reported if most heights are outside.
    """
    work = partial(height_span, option=option, limits=limits)
    results = each_done(work, rasters, pool, partial(progress, 'heights'))
    spans = {raster: span for raster, span in results if span}
    if limits and spans:
        low, high = combined_range(spans)
        if low >= limits[1] or high <= limits[0]:
            raise UserError(
                f'the heights span {low:g} to {high:g}, so {option} {limits[0]:g} {limits[1]:g} '
                'would map all of them to one depth: use a range in the unit of the files'
            )
        _, _, known, clipped = map(sum, zip(*spans.values(), strict=True))
        for line in clipping_warning(clipped, known, 'heights', option):
            report(line)
    return spans


def height_span(path: File, option: str, limits: Range | None = None) -> Span | None:
    """Read the span of a raster, a strip at a time; return None if all of it is no-data.

    A height that looks like undeclared no-data is refused, because it would squeeze all other
    heights into a small range of depth. If the user has set ``limits``, values inside them are
    accepted as heights, and other values are clipped. But a typical no-data value outside the
    limits is still refused, because it would become depth 0 or 1.
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
                if limits:
                    clipped += int(np.sum((known < limits[0]) | (known > limits[1])))
    if low > high:
        return None
    outside = [end for end in (low, high) if limits and not limits[0] <= end <= limits[1]]
    suspect = typical_no_data(outside) if limits else suspect_height(counts, low, high)
    if suspect is not None:
        raise UserError(
            f'{path} has the height {suspect:g}, which looks like undeclared no-data: declare it '
            f'in every such file (rio edit-info --nodata={suspect!r} FILE), or, if it is a height, '
            f'set {option} LOW HIGH to a range that includes it'
        )
    return Span(low, high, int(counts.sum()), clipped)
