"""Turn a land-cover map into polygons with class and area."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from rasterio.features import shapes
from rasterio.warp import transform

from depthda.errors import UserError
from depthda.inference.areas import ring_area
from depthda.inference.map_file import NO_DATA
from depthda.io.files import atomic_path
from depthda.io.geopackage import Polygon, Ring, write_geopackage
from depthda.io.grids import Grid

_BATCH = 2000  # polygons that are converted to degrees at a time
_AREA = 'hectares'
_FIELDS = {'class': str, 'value': int, _AREA: float}


def vectorise(
    source: str | Path,
    out: str | Path,
    classes: Sequence[str],
    min_area: float = 0.0,
    simplify: float = 0.0,
) -> int:
    """Write the polygons of a map with their classes and areas, and return their number.

    Areas are in hectares. If the map has no coordinate system, no areas are written.

    Args:
        out: The file to write: a ``.gpkg`` in the coordinate system of the map, or a ``.geojson``
            in longitude and latitude, as its standard requires.
        min_area: Smallest area of a polygon in square metres, or in pixels if the map has no
            coordinate system. Smaller polygons are left out.
        simplify: Largest distance in pixels by which an edge may move. Each polygon is simplified
            separately, so gaps and overlaps of that width may appear between neighbours.
    """
    out = Path(out)
    if out.suffix.lower() not in ('.gpkg', '.geojson', '.json'):
        raise UserError(f'--vector {out}: use a name that ends in .gpkg or .geojson.')
    with rasterio.open(source) as raster, atomic_path(out) as temporary:
        grid = Grid.of(raster)
        polygons = _polygons(raster, grid, min_area, simplify)
        if out.suffix.lower() == '.gpkg':
            features = (
                (polygon, _attributes(classes, value, area, grid))
                for polygon, value, area in polygons
            )
            fields = {name: kind for name, kind in _FIELDS.items() if grid.crs or name != _AREA}
            return write_geopackage(temporary, 'land_cover', grid.crs, fields, features)
        return _write_geojson(temporary, grid, classes, polygons)


def _attributes(classes: Sequence[str], value: int, area: float, grid: Grid) -> dict[str, Any]:
    attributes = {'class': classes[value], 'value': value}
    # Without a coordinate system, the area is a number of pixels.
    return attributes if grid.crs is None else attributes | {_AREA: area / 10_000}


def _polygons(
    raster: rasterio.DatasetReader, grid: Grid, min_area: float, simplify: float
) -> Iterator[tuple[Polygon, int, float]]:
    """Yield the rings (in map coordinates), the class index and the area of each region of a map.

    The area is in square metres, or in pixels without a coordinate system.
    """
    band = rasterio.band(raster, 1)
    to_pixels = ~grid.transform
    # GDAL returns polygons in map coordinates. In pixel coordinates, their corners are integers.
    for shape, value in shapes(band, connectivity=4):
        if int(value) == NO_DATA:
            continue
        rings = [
            [tuple(map(round, to_pixels @ point)) for point in ring]
            for ring in shape['coordinates']
        ]
        area = sum(ring_area(grid, ring) * (1 if i == 0 else -1) for i, ring in enumerate(rings))
        if area < min_area:
            continue
        if simplify:
            rings = [simplified(ring, simplify) for ring in rings]
        placed = [[grid.transform @ point for point in ring] for ring in rings if len(ring) >= 4]
        yield placed, int(value), area


def simplified(ring: Ring, distance: float) -> Ring:
    """Return a ring (in pixels) with fewer corners; those removed are within ``distance`` of it."""
    points = np.array(ring[:-1], np.float32)[:, None]
    kept = cv2.approxPolyDP(points, distance, closed=True)[:, 0]
    if len(kept) < 3:
        return ring
    return [tuple(map(float, point)) for point in (*kept, kept[0])]


def _write_geojson(
    path: Path, grid: Grid, classes: Sequence[str], polygons: Iterator[tuple[Polygon, int, float]]
) -> int:
    count = 0
    with open(path, 'w', encoding='utf-8') as file:
        file.write('{"type": "FeatureCollection", "features": [\n')
        while batch := list(islice(polygons, _BATCH)):
            for polygon, (_, value, area) in zip(_in_degrees(batch, grid), batch, strict=True):
                geometry = {'type': 'Polygon', 'coordinates': polygon}
                properties = _attributes(classes, value, area, grid)
                feature = {'type': 'Feature', 'properties': properties, 'geometry': geometry}
                file.write((',\n' if count else '') + json.dumps(feature))
                count += 1
        file.write('\n]}\n')
    return count


def _in_degrees(batch: list[tuple[Polygon, int, float]], grid: Grid) -> Iterator[Polygon]:
    """Yield polygons in longitude and latitude, or unchanged if the map has no CRS."""
    points = [point for polygon, _, _ in batch for ring in polygon for point in ring]
    if grid.crs is not None:
        degrees = transform(grid.crs, 'OGC:CRS84', *zip(*points, strict=True))
        points = [(round(x, 8), round(y, 8)) for x, y in zip(*degrees, strict=True)]
    remaining = iter(points)
    for polygon, _, _ in batch:
        yield [list(islice(remaining, len(ring))) for ring in polygon]
