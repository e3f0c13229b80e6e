"""What a run over surface models ends with: range, shares, and what is worth a look."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from depthda.depth.maps import clipping_warning
from depthda.depth.surface.normalize import Done

_NAMED = 5  # files that are named before the rest is a number


def describe(done: Done, out: str | Path, filled: bool = False) -> list[str]:
    """The lines of the report, and one for each warning."""
    maps, low, high = done.maps, done.range['low'], done.range['high']
    lines = [
        f'{out}: {len(maps):,} depth maps, {done.written:,} of them made now',
        f'range: {low:.2f} is depth 0 and {high:.2f} is depth 1{_origin(done.range)}',
        *_shares(maps, filled),
    ]
    flat = [name for name, each in maps.items() if not each['relief']]
    if 2 * len(flat) >= len(maps):
        lines.append(
            f'warning: {len(flat)} of {len(maps)} maps are flat, below 1 % of the range '
            f'({_names(flat)}): check the '
            'files, and whether all are in the same unit'
        )
    elif flat:
        lines.append(f'without relief: {_names(flat)}')
    if done.small:
        lines.append(
            f'warning: the window is larger than the picture in {_names(done.small)}, so hills are '
            'subtracted as well: give a smaller window, or larger pictures'
        )
    known = _sum(maps, 'pixels') - _sum(maps, 'no_height')
    clipped = _sum(maps, 'clipped_low') + _sum(maps, 'clipped_high')
    lines += clipping_warning(clipped, known, 'heights', 'the range')
    lines += _warnings(maps)
    return lines


def _origin(found: Mapping[str, Any]) -> str:
    if found['percentiles'] is None:
        return ''
    low, high = found['percentiles']
    return f' (percentiles {low:g} and {high:g} of all heights)'


def _shares(maps: Mapping[str, Mapping[str, Any]], filled: bool) -> Iterator[str]:
    pixels = _sum(maps, 'pixels')
    absent = _sum(maps, 'no_height')
    concerned = sum(each['no_height'] > 0 for each in maps.values())
    now = f': {"the nearest height" if filled else "no depth"} now' if absent else ''
    yield f'no height: {_share(absent, pixels)} of all pixels, in {concerned:,} files{now}'
    known = pixels - absent
    below, above = (_share(_sum(maps, f'clipped_{end}'), known) for end in ('low', 'high'))
    yield f'clipped: {below} of the heights were below the range and {above} above it'
    if under := _sum(maps, 'below_ground'):
        yield f'below the ground: {_share(under, known)} of the heights, which are 0 now'


def _warnings(maps: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """One for each value that looks like no-data."""
    suspects: dict[float, list[str]] = {}
    for name, each in maps.items():
        if each['suspect'] is not None:
            suspects.setdefault(each['suspect'], []).append(name)
    for value, names in sorted(suspects.items()):
        terrain = any('terrain' in maps[name]['input'] for name in names)
        where = _names(names) + (' or the terrain models below' if terrain else '')
        yield (
            f'warning: {value:g} counts as a height in {where}: if it means no-data, run '
            f'again with --nodata={value!r} and another --out'
        )


def _sum(maps: Mapping[str, Mapping[str, Any]], key: str) -> int:
    return sum(each[key] for each in maps.values())


def _share(part: int, whole: int) -> str:
    return f'{100 * part / whole:.2f} %' if whole else 'none'


def _names(names: Sequence[str]) -> str:
    more = f' and {len(names) - _NAMED:,} more' if len(names) > _NAMED else ''
    return ', '.join(names[:_NAMED]) + more
