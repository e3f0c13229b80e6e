"""Describe what a prepared folder holds, in lines of text."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from depthda.datasets.isprs_areas import CLASSES
from depthda.errors import few, many
from depthda.preparation.class_list import IGNORED
from depthda.preparation.isprs_files import LAYOUTS


def describe_folder(manifest: Mapping[str, Any], out: str | os.PathLike) -> list[str]:
    """Describe a prepared folder of images: files, splits, depth, faults, and pixels by class."""
    scenes, settings = manifest['scenes'], manifest['settings']
    tiles = sum(len(entry['tiles']) for entry in scenes.values())
    tile = settings['tile']
    domain = f', domain {manifest["domain"]}' if manifest['domain'] else ''
    written = many(tiles, 'picture') if tile is None else f'{many(tiles, "tile")} of {tile}²'
    folders = ['images', *['labels'] * manifest['labels'], *filter(None, [manifest['depth']])]
    lines = [
        f'{out}: {written} of {many(len(scenes), "image")}{domain}',
        'written: ' + ', '.join(f'{folder} ({many(tiles, "file")})' for folder in folders),
    ]
    if manifest['splits']:
        counts = ', '.join(f'{name} {count:,}' for name, count in manifest['splits'].items())
        lines.append(f'splits: {counts}')
    if crossing := manifest['crossing']:
        lines.append(f'left out, on both sides of a cut: {many(crossing, "tile")}')
    if unlisted := manifest['unlisted']:
        lines.append(f'left out, in no list: {many(unlisted, "image")}')
    if shared := manifest['shared']:
        lines.append(
            f'warning: {many(shared, "pair")} of pictures in different splits with the same '
            'ground, so scores would be too good: --split-by block splits the ground'
        )
    if empty := sum(entry['empty'] for entry in scenes.values()):
        lines.append(f'left out, without a pixel of an image: {many(empty, "tile")}')
    if tile is not None and (small := _names(scenes, lambda entry: min(entry['size']) < tile)):
        lines.append(f'smaller than a tile, and kept whole: {small}; training crops are padded')
    if missing := sum(entry.get('nan_pixels', 0) for entry in scenes.values()):
        names = _names(scenes, lambda entry: entry.get('nan_pixels'))
        lines.append(
            f'warning: {many(missing, "pixel")} without a value (NaN) became 0, in {names}: give '
            'their labels a value that is ignored'
        )
    lines += _depth_lines(manifest) if manifest['depth'] else []
    if recoloured := _names(scenes, lambda entry: entry.get('recoloured')):
        lines.append(f'labels with colours of no class, which got the nearest: {recoloured}')
    return lines + (_label_lines(manifest) if manifest['labels'] else [])


def describe_isprs(manifest: Mapping[str, Any], out: str | os.PathLike) -> list[str]:
    """Describe a prepared ISPRS dataset: areas, tiles, heights, faults, and pixels by class."""
    areas, every = manifest['areas'], LAYOUTS[manifest['dataset']].areas
    tiles = sum(entry['tiles'] for entry in areas.values())
    lines = [
        f'{out}: {many(tiles, "tile")} of {many(len(areas), "area")}, each {manifest["tile"]}²'
    ]
    if missing := [area for area in every if area not in areas]:
        lines.append(f'without {len(missing)} of {len(every)} areas: {", ".join(missing)}')
    if manifest['dsm_range']:
        low, high = manifest['dsm_range']['metres']
        lines.append(f'DSM: {low:.2f} m is depth 0, {high:.2f} m is depth 1')
    totals = dict.fromkeys((*CLASSES, 'ignored'), 0)
    for area, entry in areas.items():
        for facts in entry['products'].values():
            if facts.get('recoloured'):
                lines.append(
                    f'{facts["file"]}: {many(facts["recoloured"], "pixel")} got the nearest colour'
                )
            if 'first' in facts and (facts['size'], facts['first']) != (entry['size'], [0, 0]):
                size, whole = ('×'.join(map(str, part['size'])) for part in (facts, entry))
                column, row = facts['first']
                lines.append(
                    f'{facts["file"]}: {size} from column {column}, row {row} of its image '
                    f'({area}, {whole}): there is no depth outside'
                )
            for name, number in facts.get('pixels', {}).items():
                totals[name] += number
    return lines + (_pixel_lines(totals, totals.values()) if any(totals.values()) else [])


def _depth_lines(manifest: Mapping[str, Any]) -> list[str]:
    lines, scenes = [], manifest['scenes']
    if span := manifest['settings']['depth_range']:
        lines.append(f'heights: {span[0]:g} is depth 0, {span[1]:g} is depth 1')
        if span[0] == span[1]:
            lines.append('warning: all heights are the same, so they carry no information')
    counts = [entry['depth_pixels'] for entry in scenes.values() if entry['tiles']]
    valid, seen = map(sum, zip(*counts, strict=True))
    lines.append(f'depth in {manifest["depth"]}: {valid / seen:.2%} of the pixels have one')
    if not valid:
        lines.append('warning: no pixel has a depth (all are 0): check the depth maps')
    elif bare := _names(scenes, lambda entry: not entry['depth_pixels'][0]):
        lines.append(f'without any depth: {bare}')
    return lines


def _label_lines(manifest: Mapping[str, Any]) -> list[str]:
    numbers = [entry['pixels'] for entry in manifest['scenes'].values()]
    totals = [sum(column) for column in zip(*numbers, strict=True)]
    names = [*manifest['classes'], 'ignored']
    lines = _pixel_lines(names, totals)
    absent = [name for name, count in zip(names, totals, strict=True) if not count]
    ignored = [key for name, key in manifest['settings']['classes'] if name == 'ignore']
    if absent and totals[-1] and ignored == [IGNORED]:
        lines.append(
            f'warning: no pixel of {few(absent)}; {many(totals[-1], "pixel")} have the value '
            f"{IGNORED}, which counts as ignored: write '{absent[0]} {IGNORED}' in the list of "
            'classes if it is a class'
        )
    return lines


def _pixel_lines(names: Iterable[str], totals: Iterable[int]) -> list[str]:
    counts = dict(zip(names, totals, strict=True))
    width, whole = max(20, *map(len, counts)), max(sum(counts.values()), 1)
    rows = [
        f'  {name:<{width}} {count:>15,} {count / whole:7.2%}' for name, count in counts.items()
    ]
    return ['pixels by class:', *rows]


def _names(scenes: Mapping[str, Mapping], chosen) -> str:
    """Count and name the images whose entries are ``chosen``; '' if there are none."""
    names = [name for name, entry in scenes.items() if chosen(entry)]
    return f'{many(len(names), "image")} ({few(names)})' if names else ''
