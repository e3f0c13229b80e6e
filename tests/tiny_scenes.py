"""Folders of small scenes with heights and labels in colours."""

from pathlib import Path

import numpy as np
from rasterio.transform import from_origin
from tiny_rasters import write_raster

COLOURS = {(255, 255, 0): 0, (0, 90, 0): 1, (0, 0, 0): 255}
CLASSES = '# two\nfield 255 255 0\nold wood 0 90 0\nignore 0 0 0\n'
NO_HEIGHT = -9999.0


def write(path, pixels, place=None, nodata=None, crs='EPSG:32632', pixel=0.5, **more):
    """Write a scene; ``place`` is its upper left corner on the map."""
    where = {} if place is None else dict(crs=crs, transform=from_origin(*place, pixel, pixel))
    write_raster(path, pixels, nodata=nodata, **where, **more)


class Scenes:
    """Random scenes, adjacent to each other, in the folders ``rgb``, ``mask`` and ``dsm``."""

    def __init__(self, root: Path, sizes=((20, 26), (16, 16), (33, 16)), seed=0):
        self.root, self.sizes = root, sizes
        rng = np.random.default_rng(seed)
        self.images, self.labels, self.heights, self.places = [], [], [], []
        east = 500000.0
        for n, (height, width) in enumerate(sizes):
            self.images.append(rng.integers(0, 256, (height, width, 3), np.uint8))
            self.labels.append(rng.integers(0, len(COLOURS), (height, width)))
            heights = rng.uniform(150 - 30 * n, 250 + 20 * n, (height, width)).astype(np.float32)
            heights[rng.random((height, width)) < 0.1] = NO_HEIGHT
            self.heights.append(heights)
            self.places.append((east, 5000000.0))
            east += width * 0.5
        palette = np.array(list(COLOURS), np.uint8)
        for n, place in enumerate(self.places):
            write(root / f'rgb/town_{n}_RGB.tif', self.images[n], place)
            write(root / f'mask/town_{n}.png', palette[self.labels[n]])
            write(root / f'dsm/town_{n}_dsm.tif', self.heights[n], place, nodata=NO_HEIGHT)
        root.mkdir(exist_ok=True)
        (root / 'classes.txt').write_text(CLASSES)

    def settings(self, **more):
        from depthda.datasets.class_list import read_classes
        from depthda.preparation.folder import FolderSettings
        from depthda.preparation.scene import Cut

        cut = dict(tile=12, stride=8, classes=read_classes(self.root / 'classes.txt'))
        cut |= more.pop('cut', {})
        folders = dict(images='rgb', labels='mask', depth='dsm')
        fields = {name: self.root / folder for name, folder in folders.items()}
        fields |= dict(image_suffix='_RGB.tif', depth_suffix='_dsm.tif') | more
        if fields['depth'] is None and 'depth_suffix' not in more:
            fields['depth_suffix'] = None
        return FolderSettings(**fields, cut=Cut(**cut))
