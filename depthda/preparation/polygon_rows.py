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
from depthda.preparation.cut import Rows


class PolygonRows(Rows):
    """Rows of class indices, burnt from polygons; pixels in no polygon are ignored.

    A pixel is in a polygon if its centre is. Where polygons overlap, the later one counts.

    Args:
        file: The polygons.
        image: The open image, whose grid is used.
        classes: The class list. A value of ``field`` is the name of a class or its listed value.
        field: The attribute that holds the class.
    """

    def __init__(
        self, file: File, image: rasterio.DatasetReader, classes: ClassList, field: str
    ) -> None:
        super().__init__(file, image)
        if not is_georeferenced(image):
            raise UserError(
                f'{image.name} has no georeference, so polygons cannot be placed on it: use label '
                'maps, or georeference the image.'
            )
        names = {name.lower(): index for index, name in enumerate(classes.names)}
        index_of = names | {str(value): index for value, index in classes.values.items()}
        index_of['ignore'] = IGNORED
        polygons = [
            (shape, _text(value)) for shape, value in read_polygons(str(file), image.crs, field)
        ]
        missing = sorted(
            {text for _, text in polygons if text.lower() not in index_of}, key=str.lower
        )
        if missing:
            raise UserError(
                f'{file} has the {field} {few(map(repr, missing), 5)}, but the class list has only '
                f'{few(classes.names, 8)}: add each missing value as a class or as ignore.'
            )
        self._shapes = [(shape, index_of[text.lower()]) for shape, text in polygons]
        self.counts = np.zeros(IGNORED + 1, np.int64)
        self._classes = len(classes.names)

    def read(self, first: int, rows: int) -> np.ndarray:
        transform = self.raster.transform @ Affine.translation(0, first)
        shape = rows, self.raster.width
        return rasterize(self._shapes, shape, fill=IGNORED, transform=transform, dtype='uint8')

    def count(self, tile: np.ndarray) -> None:
        self.counts += np.bincount(tile.ravel(), minlength=IGNORED + 1)

    def facts(self) -> dict[str, Any]:
        counts = self.counts[[*range(self._classes), IGNORED]]
        return dict(pixels=counts.tolist(), recoloured=False)


def _text(value: Any) -> str:
    """Return an attribute as text; many programs store whole numbers as 11.0."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
