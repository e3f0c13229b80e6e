"""Measure the distance of channel means and deviations between translated and target images.

    python tools/docs/colour_distance.py work_dirs/tables/synthetic-drdg \\
        docs/tables/translation-colours.json

For each row of the table, the distance of source to target and of translated images to target is
written, as a mean over runs, in grey levels (Euclidean over the three channels of Train).
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np


def statistics(folder: Path) -> np.ndarray:
    """Return the means and deviations of the channels over all images, 2×3."""
    images = [cv2.imread(str(path)).reshape(-1, 3) for path in sorted(folder.glob('*.png'))]
    pixels = np.concatenate(images).astype(np.float64)
    return np.stack([pixels.mean(0), pixels.std(0)])


def main(table: str, out: str) -> None:
    rows = defaultdict(list)
    for manifest in sorted(Path(table).glob('*/*/translated/translation.json')):
        made = json.loads(manifest.read_text())
        pair = made['trained_on']
        domains = {
            name: Path(pair[name]['data_root'], 'Train', pair[name]['domains'][0], 'images_png')
            for name in ('source', 'target')
        }
        source, target = (statistics(domains[name]) for name in ('source', 'target'))
        translated = manifest.parent / 'Train' / pair['source']['domains'][0] / 'images_png'
        images = (source, statistics(translated))
        distances = [np.linalg.norm(found - target, axis=1) for found in images]
        rows[manifest.parts[-4]].append(np.stack(distances))
    result = {}
    for row, runs in rows.items():
        (mean_before, std_before), (mean_after, std_after) = np.mean(runs, axis=0).round(2).tolist()
        result[row] = dict(
            runs=len(runs),
            means=dict(source=mean_before, translated=mean_after),
            deviations=dict(source=std_before, translated=std_after),
        )
    Path(out).write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
