"""Score a finished map against labels on its grid."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from rasterio.windows import Window

from depthda.errors import UserError
from depthda.evaluation.confusion import joint_counts
from depthda.evaluation.score_report import group_report
from depthda.inference.map_file import NO_DATA
from depthda.io.grids import check_aligned
from depthda.io.rasters import open_raster

_ROWS = 1024


def score_map(path: str | Path, reference: str | Path, classes: list[str]) -> dict[str, Any]:
    """Return the scores of a map as a report like that of ``depthda test``.

    ``reference`` is a label map: one band of class indices. Pixels with 255 or its no-data value,
    and pixels where the map has no class, do not count.
    """
    total = torch.zeros(len(classes) + 1, len(classes), dtype=torch.int64)
    with rasterio.open(path) as land_cover, open_raster(reference) as labels:
        check_aligned(labels, land_cover)
        if labels.count != 1:
            raise UserError(f'{reference} has {labels.count} bands: use a label map with one band.')
        for top in range(0, land_cover.height, _ROWS):
            rows = min(_ROWS, land_cover.height - top)
            window = Window(0, top, land_cover.width, rows)
            predicted, expected = land_cover.read(1, window=window), labels.read(1, window=window)
            has_label = labels.read_masks(1, window=window) > 0
            expected = np.where(has_label, expected, NO_DATA).astype(np.int64)
            expected[predicted == NO_DATA] = NO_DATA
            if ((expected >= len(classes)) & (expected != NO_DATA)).any():
                raise UserError(
                    f'{reference} has the value {expected[expected != NO_DATA].max()}: labels must '
                    f'be class indices from 0 to {len(classes) - 1}, or 255 where there is no '
                    'label. (LoveDA has 1 to 7, and 0 where there is no label.)'
                )
            predicted = np.where(predicted == NO_DATA, 0, predicted).astype(np.int64)
            counted = torch.from_numpy(predicted), torch.from_numpy(expected)
            total += joint_counts(*counted, len(classes))
    if not total[:-1].sum():
        raise UserError(
            f'{reference} has no label where {path} has a class: check that it is the label map of '
            'this scene.'
        )
    report = group_report(classes, 1, total, None)
    return {'headline': 'all', 'aggregate': 'global', 'groups': {'all': report}}
