"""The report of a run over surface models: the range, shares of pixels, and warnings."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from depthda.depth.maps import clipping_warning
from depthda.depth.surface.normalize import MappingResult
from depthda.errors import first_names, many

Entries = Mapping[str, Mapping[str, Any]]  # entries of the manifest by name

_names = partial(first_names, limit=5)


def describe(result: MappingResult, out: str | Path, filled: bool = False) -> list[str]:
    """Return the lines of the report; each warning is one line."""
    maps, low, high = result.maps, result.range['low'], result.range['high']
    origin = ''
    if percentiles := result.range['percentiles']:
        origin = ' (percentiles {:g} and {:g} of all heights)'.format(*percentiles)
    lines = [
        f'{out}: {many(len(maps), "depth map")}, {result.written:,} of them written by this run',
        f'range: {low:.2f} is depth 0 and {high:.2f} is depth 1{origin}',
        *_shares(maps, filled),
    ]
    flat = [name for name, entry in maps.items() if not entry['relief']]
    if 2 * len(flat) >= len(maps):
        swapped = ''
        if _have_terrain(maps, flat):
            swapped = ', and that the surface models and the terrain models are not swapped'
        lines.append(
            f'warning: the heights in {len(flat)} of {len(maps)} maps ({_names(flat)}) span less '
            f'than 1 % of the range: check that all files use the same unit{swapped}'
        )
    elif flat:
        lines.append(f'without relief: {_names(flat)}')
    if small := result.smaller_than_window:
        lines.append(
            f'warning: the window is larger than the raster in {_names(small)}, so hills are '
            'subtracted as well: use a smaller window, or larger rasters'
        )
    known = _sum(maps, 'pixels') - _sum(maps, 'no_height')
    clipped = _sum(maps, 'clipped_low') + _sum(maps, 'clipped_high')
    lines += clipping_warning(clipped, known, 'heights', 'the range')
    lines += _suspects(maps)
    below_ground = _sum(maps, 'below_ground')
    if 2 * below_ground > known:  # noise puts at most half of them there
        lines.append(
            f'warning: {100 * below_ground / known:.0f} % of the heights are below the ground: are '
            'the surface models and the terrain models swapped?'
        )
    return lines


def _shares(maps: Entries, filled: bool) -> Iterator[str]:
    pixels, absent = _sum(maps, 'pixels'), _sum(maps, 'no_height')
    files = sum(entry['no_height'] > 0 for entry in maps.values())
    now = f' (now {"with the nearest height" if filled else "without depth"})' if absent else ''
    yield f'no height: {_share(absent, pixels)} of all pixels, in {many(files, "file")}{now}'
    known = pixels - absent
    below, above = (_share(_sum(maps, f'clipped_{end}'), known) for end in ('low', 'high'))
    yield f'clipped: {below} of the heights were below the range and {above} above it'
    if under := _sum(maps, 'below_ground'):
        yield f'below the ground: {_share(under, known)} of the heights, which became 0'


def _suspects(maps: Entries) -> Iterator[str]:
    """Yield a warning for each value that looks like no-data."""
    suspects: dict[float, list[str]] = {}
    for name, entry in maps.items():
        if entry['suspect'] is not None:
            suspects.setdefault(entry['suspect'], []).append(name)
    for value, names in sorted(suspects.items()):
        terrain = ' or in their terrain models' if _have_terrain(maps, names) else ''
        yield (
            f'warning: {value:g} counts as a height in {_names(names)}{terrain}: if it means '
            f'no-data, run again with --nodata={value!r} and another --out'
        )


def _have_terrain(maps: Entries, names: Iterable[str]) -> bool:
    return any('terrain' in maps[name]['input'] for name in names)


def _sum(maps: Entries, key: str) -> int:
    return sum(entry[key] for entry in maps.values())


def _share(part: int, total: int) -> str:
    return f'{100 * part / total:.2f} %' if total else 'none'
