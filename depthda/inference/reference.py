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
    with rasterio.open(path) as found, open_raster(reference) as truth:
        check_aligned(truth, found)
        if truth.count != 1:
            raise UserError(f'{reference} has {truth.count} bands: give labels as one band.')
        for top in range(0, found.height, _ROWS):
            rows = min(_ROWS, found.height - top)
            window = Window(0, top, found.width, rows)
            labels, own = found.read(1, window=window), truth.read(1, window=window)
            own = np.where(truth.read_masks(1, window=window) > 0, own, NO_DATA).astype(np.int64)
            own[labels == NO_DATA] = NO_DATA
            if ((own >= len(classes)) & (own != NO_DATA)).any():
                raise UserError(
                    f'{reference} has the value {own[own != NO_DATA].max()}: labels are indices of '
                    f'classes, 0 to {len(classes) - 1}, and 255 where there is none. (LoveDA has '
                    '1 to 7, and 0 where there is none.)'
                )
            labels = torch.from_numpy(np.where(labels == NO_DATA, 0, labels).astype(np.int64))
            total += joint_counts(labels, torch.from_numpy(own), len(classes))
    if not total[:-1].sum():
        raise UserError(f'{reference} has no label where {path} has a class.')
    report = group_report(classes, 1, total, None)
    return {'headline': 'all', 'aggregate': 'global', 'groups': {'all': report}}
