"""Labels that are polygons, burnt onto the grid of an image."""

from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.features import rasterize

from depthda.datasets.class_list import IGNORED, ClassList
from depthda.errors import UserError, few
from depthda.io.grids import is_georeferenced
from depthda.io.polygons import read_polygons
from depthda.io.sources import File
from depthda.preparation.cut import ClassRows


class PolygonRows(ClassRows):
    """Rows of class indices, burnt from polygons; pixels in no polygon are ignored.

    A pixel is in a polygon if its centre is. Where polygons overlap, the later one counts. The
    attribute ``field`` of a polygon is the name of a class or its value in the class list.
    """

    def __init__(
        self, file: File, image: rasterio.DatasetReader, classes: ClassList, field: str
    ) -> None:
        super().__init__(file, image, classes)
        if not is_georeferenced(image):
            raise UserError(
                f'{image.name} has no georeference, so polygons cannot be placed on it: use label '
                'maps, or georeference the image.'
            )
        names = {name.lower(): index for index, name in enumerate(classes.names)}
        index_of = names | {str(value): index for value, index in classes.values.items()}
        index_of['ignore'] = IGNORED
        features = read_polygons(str(file), image.crs, field)
        polygons = [(shape, _text(value)) for shape, value in features]
        if missing := {text for _, text in polygons if text.lower() not in index_of}:
            values = few(map(repr, sorted(missing, key=str.lower)), 5)
            raise UserError(
                f'{file} has the {field} {values}, but the class list has only '
                f'{few(classes.names, 8)}: add each missing value as a class or as ignore.'
            )
        self._shapes = [(shape, index_of[text.lower()]) for shape, text in polygons]

    def read(self, first: int, rows: int) -> np.ndarray:
        transform = self.raster.transform @ Affine.translation(0, first)
        shape = rows, self.raster.width
        return rasterize(self._shapes, shape, fill=IGNORED, transform=transform, dtype='uint8')


def _text(value: Any) -> str:
    """Return an attribute as text; many programs store whole numbers as 11.0."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
