"""Describe the content of a prepared folder in lines of text."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from depthda.datasets.class_list import IGNORED
from depthda.datasets.isprs_areas import CLASSES
from depthda.errors import few, many
from depthda.preparation.isprs import LAYOUTS


def describe_folder(manifest: Mapping[str, Any], out: str | os.PathLike) -> list[str]:
    """Describe a prepared folder of images: files, splits, depth, faults, and pixels by class."""
    scenes, tile, depth = manifest['scenes'], manifest['settings']['tile'], manifest['depth']
    tiles = sum(len(entry['tiles']) for entry in scenes.values())
    empty = sum(entry['empty'] for entry in scenes.values())
    missing = sum(entry.get('nan_pixels', 0) for entry in scenes.values())
    domain = f', domain {manifest["domain"]}' if manifest['domain'] else ''
    written = many(tiles, 'file') if tile is None else f'{many(tiles, "tile")} of {tile}² pixels'
    folders = ['images', *['labels'] * manifest['labels'], *[depth] * bool(depth)]
    splits = ', '.join(f'{name} {count:,}' for name, count in manifest['splits'].items())
    crossing, unlisted, shared = (manifest[key] for key in ('crossing', 'unlisted', 'shared'))
    small = _images(scenes, lambda entry: tile is not None and min(entry['size']) < tile)
    nan_images = _images(scenes, lambda entry: entry.get('nan_pixels'))
    recoloured = _images(scenes, lambda entry: entry.get('recoloured'))
    lines = [
        f'{out}: {written} from {many(len(scenes), "image")}{domain}',
        'written: ' + ', '.join(f'{folder} ({many(tiles, "file")})' for folder in folders),
        splits and f'splits: {splits}',
        crossing and f'left out (crossed by a cut between splits): {many(crossing, "tile")}',
        unlisted and f'left out (not in any list): {many(unlisted, "image")}',
        shared
        and f'warning: tiles in different splits overlap on the ground ({many(shared, "pair")}), '
        'so scores would be too good: use --split-by block, which splits by area',
        empty and f'left out (no image data): {many(empty, "tile")}',
        small and f'not cut, because smaller than a tile (training pads crops): {small}',
        missing
        and f'warning: {many(missing, "pixel")} without a value (NaN) became 0 in {nan_images}: '
        'label these pixels with an ignored value',
        *(_depth_lines(manifest) if depth else []),
        recoloured and f'unlisted label colours became the nearest listed colour: {recoloured}',
        *(_label_lines(manifest) if manifest['labels'] else []),
    ]
    return [line for line in lines if line]


def describe_isprs(manifest: Mapping[str, Any], out: str | os.PathLike) -> list[str]:
    """Describe a prepared ISPRS dataset: areas, tiles, heights, faults, and pixels by class."""
    areas, known = manifest['areas'], LAYOUTS[manifest['dataset']].areas
    tiles = many(sum(entry['tiles'] for entry in areas.values()), 'tile')
    lines = [f'{out}: {tiles} of {manifest["tile"]}² pixels from {many(len(areas), "area")}']
    if missing := [area for area in known if area not in areas]:
        lines.append(f'not included: {len(missing)} of {len(known)} areas ({", ".join(missing)})')
    if manifest['dsm_range']:
        low, high = manifest['dsm_range']['metres']
        lines.append(f'DSM: {low:.2f} m is depth 0, {high:.2f} m is depth 1')
    totals = dict.fromkeys((*CLASSES, 'ignored'), 0)
    for area, entry in areas.items():
        for facts in entry['products'].values():
            if recoloured := facts.get('recoloured'):
                pixels = many(recoloured, 'pixel')
                lines.append(f'{facts["file"]}: {pixels} got the class of the nearest colour')
            if 'first' in facts and (facts['size'], facts['first']) != (entry['size'], [0, 0]):
                size, image_size = ('×'.join(map(str, part['size'])) for part in (facts, entry))
                column, row = facts['first']
                lines.append(
                    f'{facts["file"]}: {size} pixels, from column {column} and row {row} of its '
                    f'image ({area}, {image_size}); the rest of the image has no depth'
                )
            for name, number in facts.get('pixels', {}).items():
                totals[name] += number
    return lines + (_pixel_lines(totals) if any(totals.values()) else [])


def _depth_lines(manifest: Mapping[str, Any]) -> list[str]:
    scenes, span = manifest['scenes'], manifest['settings']['depth_range']
    counts = [entry['depth_pixels'] for entry in scenes.values() if entry['tiles']]
    valid, total = map(sum, zip(*counts, strict=True))
    without_depth = _images(scenes, lambda entry: not entry['depth_pixels'][0])
    return [
        span and f'heights: {span[0]:g} is depth 0, {span[1]:g} is depth 1',
        span
        and span[0] == span[1]
        and 'warning: all heights are the same, so they carry no information',
        f'depth in {manifest["depth"]}: {valid / total:.2%} of the pixels have a value',
        without_depth and valid and f'without any depth: {without_depth}',
        not valid and 'warning: no pixel has a depth value (all are 0): check the depth maps',
    ]


def _label_lines(manifest: Mapping[str, Any]) -> list[str]:
    numbers = [entry['pixels'] for entry in manifest['scenes'].values()]
    totals = map(sum, zip(*numbers, strict=True))
    counts = dict(zip([*manifest['classes'], 'ignored'], totals, strict=True))
    absent = [name for name, count in counts.items() if not count]
    lines, ignored = _pixel_lines(counts), counts['ignored']
    without_class = [key for name, key in manifest['settings']['classes'] if name == 'ignore']
    if absent and ignored and without_class == [IGNORED]:
        lines.append(
            f'warning: no pixel has the class {few(absent)}, but the value {IGNORED}, which is '
            f'ignored, occurs in {many(ignored, "pixel")}: if {IGNORED} is a class, write '
            f"'{absent[0]} {IGNORED}' in the class list"
        )
    return lines


def _pixel_lines(counts: Mapping[str, int]) -> list[str]:
    width, total = max(20, *map(len, counts)), max(sum(counts.values()), 1)
    return ['pixels by class:'] + [
        f'  {name:<{width}} {count:>15,} {count / total:7.2%}' for name, count in counts.items()
    ]


def _images(scenes: Mapping[str, Mapping], is_chosen: Callable[[Mapping], Any]) -> str:
    """Return the number and names of images whose entry is chosen; '' if there are none."""
    names = [name for name, entry in scenes.items() if is_chosen(entry)]
    return f'{many(len(names), "image")} ({few(names)})' if names else ''
