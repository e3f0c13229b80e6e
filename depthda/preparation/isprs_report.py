"""What a prepared ISPRS set holds, in lines."""

import os
from typing import Any

from depthda.datasets.isprs import CLASSES
from depthda.errors import many
from depthda.preparation.isprs_area import DEPTHS
from depthda.preparation.isprs_files import LAYOUTS


def describe(manifest: dict[str, Any], out: str | os.PathLike) -> list[str]:
    """What is in ``out``, in lines: areas, tiles, heights, oddities, and pixels by class."""
    areas = manifest['areas']
    every = LAYOUTS[manifest['dataset']].dataset.SPLITS['all']
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
        for product, facts in entry['products'].items():
            if facts.get('recoloured'):
                lines.append(
                    f'{facts["file"]}: {many(facts["recoloured"], "pixel")} got the nearest colour'
                )
            if product in DEPTHS and (facts['size'], facts['first']) != (entry['size'], [0, 0]):
                size, whole = ('×'.join(map(str, each)) for each in (facts['size'], entry['size']))
                lines.append(
                    f'{facts["file"]}: {size} from column {facts["first"][0]}, row '
                    f'{facts["first"][1]} of its image ({area}, {whole}): where it has nothing '
                    'there is no depth'
                )
            for name, number in facts.get('pixels', {}).items():
                totals[name] += number
    if whole := sum(totals.values()):
        lines.append('pixels by class:')
        lines += [
            f'  {name:<20} {number:>13,} {number / whole:7.2%}' for name, number in totals.items()
        ]
    return lines
