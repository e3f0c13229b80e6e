"""Inspect the heights of a dataset before they are cut: find their range and their faults."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from depthda.depth.surface.spans import combined_range
from depthda.errors import UserError, few, many
from depthda.preparation.scene import Cut, Report

_FLAT = 0.01  # a file is flat if its heights span less than this share of the range of all


def with_range(cut: Cut, depths: Sequence[Path], read_spans: Callable, report: Report) -> Cut:
    """Return ``cut`` with one height range for all images.

    With a range per image, equal heights would get different depths. A range in ``cut`` is checked
    against the heights. ``read_spans`` is ``height_spans``.
    """
    maps = [path for path in depths if path.suffix.lower() == '.png']
    rasters = [path for path in depths if path.suffix.lower() != '.png']
    if maps and rasters:
        raise UserError(
            f'{maps[0]} is a depth map and {rasters[0]} contains heights, but the two have no '
            'common scale: use one kind only (depthda normalize-dsm converts heights to depth maps)'
        )
    if maps and (cut.depth_range or cut.warp):
        raise UserError(
            f'--depth-range and --warp-depth only apply to heights in TIFFs, but {maps[0].parent} '
            'contains PNG depth maps, which are copied unchanged: remove the option'
        )
    if not rasters:
        return cut
    spans = read_spans(rasters, cut.depth_range, '--depth-range')
    if not spans:
        raise UserError(
            f'no heights were found in {many(len(rasters), "height file")}: export them again'
        )
    low, high = combined_range(spans)
    least = _FLAT * (high - low)
    flat = sorted(path.name for path, span in spans.items() if span.high - span.low < least)
    if 2 * len(flat) >= len(spans):
        report(
            f'warning: the heights in {len(flat)} of {len(spans)} files ({few(flat)}) span less '
            f'than {_FLAT:.0%} of the range of all heights, {low:g} to {high:g}: check that all '
            'files use the same unit'
        )
    return replace(cut, depth_range=cut.depth_range or (low, high))
