"""Inspect the heights of a dataset before they are cut: find their range and their faults."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from depthda.depth.surface.spans import whole_range
from depthda.errors import UserError, few
from depthda.preparation.scene import Cut, Report

_FLAT = 0.01  # a file is flat if its heights span less than this share of the whole range


def with_range(cut: Cut, depths: Sequence[Path], read_spans: Callable, report: Report) -> Cut:
    """Return ``cut`` with one height range for all images.

    With a range per image, equal heights would get different depths. A range that was given is
    checked against the heights. ``read_spans`` is ``height_spans``.
    """
    maps = [path for path in depths if path.suffix.lower() == '.png']
    rasters = [path for path in depths if path.suffix.lower() != '.png']
    if maps and rasters:
        raise UserError(
            f'{maps[0]} is a depth map and {rasters[0]} is a file of heights, and the two have no '
            'common scale: give one kind (depthda normalize-dsm makes maps of heights)'
        )
    if maps and (cut.depth_range or cut.warp):
        raise UserError(
            f'--depth-range and --warp-depth are about heights in TIFFs, and {maps[0].parent} '
            'holds PNG depth maps, which are copied as they are: drop the option'
        )
    if not rasters:
        return cut
    spans = read_spans(rasters, cut.depth_range, '--depth-range')
    if not spans:
        raise UserError(f'none of the {len(rasters)} height files holds a height: write them again')
    low, high = whole_range(spans)
    least = _FLAT * (high - low)
    flat = sorted(path.name for path, span in spans.items() if span.high - span.low < least)
    if 2 * len(flat) >= len(spans):
        report(
            f'warning: {len(flat)} of {len(spans)} height files are flat, below {_FLAT:.0%} of the '
            f'range of all, {low:g} to {high:g} ({few(flat)}): check whether all are in the same '
            'unit'
        )
    return replace(cut, depth_range=cut.depth_range or (low, high))
