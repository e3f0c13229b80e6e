"""What a prepared folder holds, in lines."""

import os
from collections.abc import Mapping
from typing import Any

from depthda.errors import few, many
from depthda.preparation.class_list import IGNORED


def describe(manifest: Mapping[str, Any], out: str | os.PathLike) -> list[str]:
    """What is in ``out``: images, splits, depth, oddities, and pixels by class."""
    scenes, settings = manifest['scenes'], manifest['settings']
    tiles = sum(len(entry['tiles']) for entry in scenes.values())
    tile = settings['tile']
    domain = f', domain {manifest["domain"]}' if manifest['domain'] else ''
    written = many(tiles, 'picture') if tile is None else f'{many(tiles, "tile")} of {tile}²'
    lines = [f'{out}: {written} of {many(len(scenes), "image")}{domain}']
    folders = ['images', 'labels'] if manifest['labels'] else ['images']
    folders += [manifest['depth']] if manifest['depth'] else []
    files = ', '.join(f'{folder} ({many(tiles, "file")})' for folder in folders)
    lines.append(f'written: {files}')
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
    small = [
        name for name, entry in scenes.items() if tile is not None and min(entry['size']) < tile
    ]
    if small:
        lines.append(
            f'smaller than a tile, and kept whole: {many(len(small), "image")} ({few(small)}); '
            'training crops are padded'
        )
    if manifest['depth']:
        lines += _depth(manifest)
    if odd := [name for name, entry in scenes.items() if entry.get('recoloured')]:
        lines.append(
            f'labels with colours of no class, which got the nearest: {many(len(odd), "image")} '
            f'({few(odd)})'
        )
    if manifest['labels']:
        lines += _classes(manifest)
    return lines


def _depth(manifest: Mapping[str, Any]) -> list[str]:
    lines, scenes = [], manifest['scenes']
    if span := manifest['settings']['depth_range']:
        lines.append(f'heights: {span[0]:g} is depth 0, {span[1]:g} is depth 1')
        if span[0] == span[1]:
            lines.append('warning: all heights are the same, so they tell nothing')
    valid = sum(entry['depth_pixels'][0] for entry in scenes.values() if entry['tiles'])
    seen = sum(entry['depth_pixels'][1] for entry in scenes.values() if entry['tiles'])
    lines.append(f'depth in {manifest["depth"]}: {valid / seen:.2%} of the pixels have one')
    if not valid:
        lines.append('warning: no pixel has a depth (0 is none): check the depth maps')
    elif bare := [name for name, entry in scenes.items() if not entry['depth_pixels'][0]]:
        lines.append(f'without any depth: {many(len(bare), "image")} ({few(bare)})')
    return lines


def _classes(manifest: Mapping[str, Any]) -> list[str]:
    numbers = [entry['pixels'] for entry in manifest['scenes'].values()]
    totals = [sum(column) for column in zip(*numbers, strict=True)]
    names = [*manifest['classes'], 'ignored']
    width, whole = max(20, *map(len, names)), max(sum(totals), 1)
    rows = zip(names, totals, strict=True)
    lines = ['pixels by class:'] + [
        f'  {name:<{width}} {count:>15,} {count / whole:7.2%}' for name, count in rows
    ]
    absent = [name for name, count in zip(names, totals, strict=True) if not count]
    of_none = [key for name, key in manifest['settings']['classes'] if name == 'ignore']
    if absent and totals[-1] and of_none == [IGNORED]:
        lines.append(
            f'warning: no pixel of {few(absent)}; {many(totals[-1], "pixel")} have the value '
            f"{IGNORED}, which counts as ignored: write '{absent[0]} {IGNORED}' in the list of "
            'classes if it is a class'
        )
    return lines
