"""What a prepared folder holds, in lines."""

import os
from collections.abc import Mapping
from typing import Any


def describe(manifest: Mapping[str, Any], out: str | os.PathLike) -> list[str]:
    """What is in ``out``: images, splits, depth, oddities, and pixels by class."""
    scenes, settings = manifest['scenes'], manifest['settings']
    tiles = sum(len(entry['tiles']) for entry in scenes.values())
    tile = settings['tile']
    domain = f', domain {manifest["domain"]}' if manifest['domain'] else ''
    images = 'image' if len(scenes) == 1 else 'images'
    lines = [f'{out}: {_tiles(tiles, tile)} of {len(scenes):,} {images}{domain}']
    if manifest['splits']:
        told = ', '.join(f'{name} {count:,}' for name, count in manifest['splits'].items())
        lines.append(f'splits: {told}')
    if manifest['crossing']:
        lines.append(f'left out: {manifest["crossing"]:,} tiles that lie on both sides of a cut')
    if manifest['unlisted']:
        lines.append(f'left out: {manifest["unlisted"]:,} images that are in no list')
    if manifest['shared']:
        lines.append(
            f'warning: {manifest["shared"]:,} pairs of pictures in different splits show the same '
            'ground, so that scores would flatter: --split-by block parts the ground'
        )
    if empty := sum(entry['empty'] for entry in scenes.values()):
        lines.append(f'left out: {empty:,} tiles without a pixel of an image')
    small = [
        name for name, entry in scenes.items() if tile is not None and min(entry['size']) < tile
    ]
    if small:
        lines.append(
            f'{len(small):,} images are smaller than a tile and stay so ({_some(small)}): training '
            'crops are padded'
        )
    if manifest['depth']:
        lines += _depth(manifest)
    if odd := [name for name, entry in scenes.items() if entry.get('recoloured')]:
        lines.append(
            f'{len(odd):,} images had labels in colours of no class, which got the nearest '
            f'({_some(odd)})'
        )
    if manifest['labels']:
        lines += _classes(manifest)
    return lines


def _tiles(count: int, tile: int | None) -> str:
    many = '' if count == 1 else 's'
    return f'{count:,} picture{many}' if tile is None else f'{count:,} tile{many} of {tile}²'


def _depth(manifest: Mapping[str, Any]) -> list[str]:
    lines, scenes = [], manifest['scenes']
    if span := manifest['settings']['depth_range']:
        lines.append(f'heights: {span[0]:g} is depth 0, {span[1]:g} is depth 1')
        if span[0] == span[1]:
            lines.append('warning: all heights are the same, so they tell nothing')
    valid = sum(entry['depth_pixels'][0] for entry in scenes.values() if entry['tiles'])
    seen = sum(entry['depth_pixels'][1] for entry in scenes.values() if entry['tiles'])
    lines.append(f'depth in {manifest["depth"]}: {valid / seen:.2%} of the pixels have one')
    if bare := [name for name, entry in scenes.items() if not entry['depth_pixels'][0]]:
        lines.append(f'{len(bare):,} images have no depth at all ({_some(bare)})')
    return lines


def _classes(manifest: Mapping[str, Any]) -> list[str]:
    numbers = [entry['pixels'] for entry in manifest['scenes'].values()]
    totals = [sum(column) for column in zip(*numbers, strict=True)]
    names = [*manifest['classes'], 'ignored']
    width, whole = max(20, *map(len, names)), max(sum(totals), 1)
    rows = zip(names, totals, strict=True)
    return ['pixels by class:'] + [
        f'  {name:<{width}} {count:>15,} {count / whole:7.2%}' for name, count in rows
    ]


def _some(names: list[str]) -> str:
    return ', '.join(names[:3]) + (', …' if len(names) > 3 else '')
