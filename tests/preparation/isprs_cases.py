"""Prepare small ISPRS downloads and read their tiles."""

import zipfile

import numpy as np
from prepared_files import read
from tiny_isprs import pack

from depthda.preparation.isprs import IsprsSettings, prepare_isprs

TILE = 8
AREAS = {'2_10': 1, '3_13': 2, '6_7': 3}
ALL_PRODUCTS = dict(bands=('irrg', 'rgb'), depth=('dsm', 'ndsm'))


def prepare(source, out, dataset='potsdam', *, run=None, **settings):
    """Prepare one or several sources; ``run`` holds further arguments of ``prepare_isprs``."""
    sources = source if isinstance(source, list) else [source]
    settings = IsprsSettings(dataset, **dict(tile=TILE) | settings)
    return prepare_isprs(sources, out, settings, **run or {})


def tiles(out, folder):
    """Yield (area, y, x, tile) of every tile; y and x index its pixels in the area, by its name."""
    for path in sorted((out / folder).iterdir()):
        area, *box = path.stem.rsplit('_', 4)
        left, top, right, bottom = map(int, box)
        y, x = np.mgrid[top:bottom, left:right]
        yield area, y, x, read(path)


def zipped(source, target, compression=zipfile.ZIP_DEFLATED):
    """Pack each folder of the download into a zip, as the owners publish it."""
    for folder in sorted(source.iterdir()):
        pack(folder, target / f'{folder.name}.zip', compression)
    return target
