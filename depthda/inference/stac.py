"""Describe a map and its model as STAC items, which catalogues search by place and date.

Fields: STAC 1.1 (common metadata) and its extensions projection 2.0, classification 2.0, raster 2.0
and processing 1.2. The item of the map links to that of the model (see ``stac_model``).
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rasterio.transform import array_bounds
from rasterio.warp import transform, transform_bounds

from depthda.inference.areas import pixel_size
from depthda.inference.dates import Span
from depthda.inference.map_file import NO_DATA
from depthda.inference.map_options import MapOptions
from depthda.inference.model import LandCoverModel
from depthda.inference.predict import STEPS, MapResult
from depthda.inference.stac_model import class_objects, model_item, model_name, stac_item
from depthda.io.files import write_json
from depthda.io.grids import Grid
from depthda.io.rasters import open_raster
from depthda.version import __version__

_EXTENSIONS = ('projection/v2.0.0', 'classification/v2.0.0', 'raster/v2.0.0', 'processing/v1.2.0')
_LON_LAT = 'OGC:CRS84'
_PARTS = 4  # line segments per side of the outline, which is curved in longitude and latitude
_DIGITS = 7  # decimals of degrees; the last is about a centimetre
# The files of a map by the end of their names: key, title, media type, role.
_COG = 'image/tiff; application=geotiff; profile=cloud-optimized'
_FILES = {
    '.tif.aux.xml': ('class_table', 'Class names and areas', 'application/xml', 'metadata'),
    '_confidence.tif': ('confidence', 'Largest probability of each pixel', _COG, 'data'),
    '_probabilities.tif': ('probabilities', 'Probability of each class', _COG, 'data'),
    '.gpkg': ('polygons', 'Polygons', 'application/geopackage+sqlite3', 'data'),
    '.geojson': ('geojson', 'Polygons in longitude and latitude', 'application/geo+json', 'data'),
    '.png': ('preview', 'Preview with legend', 'image/png', 'overview'),
}


def write_items(
    model: LandCoverModel,
    where: str,
    result: MapResult,
    files: Sequence[Path],
    span: Span,
    options: MapOptions,
) -> list[Path]:
    """Write the items of a map and of its model next to the map, and return their paths.

    Args:
        where: The model's checkpoint, bundle folder or name on the hub.
        files: All files of the map, the map itself first.
        span: When the scene was taken.
    """
    path = files[0]
    targets = path.with_suffix('.json'), path.with_name(f'{path.stem}_model.json')
    about = f'Date and use are those of the map {path.name}.'
    described = model_item(model, where, targets[1], options.settings, about)
    described['properties'] |= _dates(span)
    write_json(targets[1], described)
    write_json(targets[0], map_item(model, result, files, span, targets[1]))
    return list(targets)


def map_item(
    model: LandCoverModel, result: MapResult, files: Sequence[Path], span: Span, described: Path
) -> dict[str, Any]:
    """Return the item of a map; ``described`` is the path of its model's item."""
    path = files[0]
    with open_raster(path) as raster:
        grid = Grid.of(raster)
    properties = _dates(span) | _crs(grid)
    properties['description'] = f'Land cover of {result.source.name}, predicted by a network.'
    properties['processing:level'] = 'L4'
    properties['processing:software'] = {'depthda': __version__}
    link = {'rel': 'derived_from', 'href': quote(described.name), 'type': 'application/geo+json'}
    link |= {'title': 'The model', 'mlm:name': model_name(model)}
    assets = dict(_assets(model, result, files, grid))
    item = stac_item(path, _EXTENSIONS, properties, [link], assets)
    return item | footprint(grid) if grid.crs is not None else item


def footprint(grid: Grid) -> dict[str, Any]:
    """Return ``geometry`` and ``bbox`` (west, south, east, north) of a scene in degrees.

    If it crosses the date line, west is larger than east, and the outline is two rectangles.
    """
    left, bottom, right, top = array_bounds(grid.height, grid.width, grid.transform)
    # Rows may run north and columns west, so the ends may be swapped.
    bounds = min(left, right), min(bottom, top), max(left, right), max(bottom, top)
    box = [round(side, _DIGITS) for side in transform_bounds(grid.crs, _LON_LAT, *bounds)]
    if not all(map(math.isfinite, box)):
        return {'geometry': None}
    west, south, east, north = box
    if west > east:
        halves = [west, south, 180.0, north], [-180.0, south, east, north]
        rings = [[_rectangle(half)] for half in halves]
        return {'geometry': {'type': 'MultiPolygon', 'coordinates': rings}, 'bbox': box}
    steps = [i / _PARTS for i in range(_PARTS)]
    # Go around the scene from its first pixel: down, right, up, left.
    corners = [(0, t) for t in steps] + [(t, 1) for t in steps]
    corners += [(1, 1 - t) for t in steps] + [(1 - t, 0) for t in steps]
    points = [grid.transform @ (x * grid.width, y * grid.height) for x, y in corners]
    if grid.transform.determinant > 0:  # rows run north, so this order is clockwise
        points.reverse()
    placed = zip(*transform(grid.crs, _LON_LAT, *zip(*points, strict=True)), strict=True)
    ring = [[round(x, _DIGITS), round(y, _DIGITS)] for x, y in placed]
    # The edges of an image of the whole Earth may have no longitude and latitude.
    known = all(math.isfinite(value) for point in ring for value in point)
    ring = [*ring, ring[0]] if known else _rectangle(box)
    return {'geometry': {'type': 'Polygon', 'coordinates': [ring]}, 'bbox': box}


def _rectangle(box: Sequence[float]) -> list[list[float]]:
    west, south, east, north = box
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def _assets(
    model: LandCoverModel, result: MapResult, files: Sequence[Path], grid: Grid
) -> Iterable[tuple[str, dict[str, Any]]]:
    path, *others = files
    classes = class_objects(model.classes, model.palette)
    total = max(1, sum(result.pixels.values()))
    counted = [
        item | {'count': count, 'percentage': round(100 * count / total, 4)}
        for item, count in zip(classes, result.pixels.values(), strict=True)
    ]
    no_data = dict(value=NO_DATA, name='no_data', title='no data', nodata=True)
    size = {
        'data_type': 'uint8',
        'nodata': NO_DATA,
        'proj:shape': [grid.height, grid.width],
        'proj:transform': list(grid.transform)[:6],
    }
    if (metres := pixel_size(grid)) is not None:
        size['raster:spatial_resolution'] = round(metres, 4)
    labels = _asset(path, 'Land cover', _COG, 'data') | size
    yield 'labels', labels | {'classification:classes': [*counted, no_data]}
    for file in others:
        end = file.name[len(path.stem) :].replace('.tiff', '.tif')
        name, *described = _FILES[end]
        asset = _asset(file, *described)
        if end.endswith('.tif'):
            asset |= size | {'raster:scale': 1 / STEPS}
        if end == '_probabilities.tif':
            asset['bands'] = [dict(name=item['name'], title=item['title']) for item in classes]
        if end == '.geojson' and grid.crs is not None:
            asset['proj:code'] = _LON_LAT
        if end == '.png':
            asset['proj:code'] = None  # the picture has margins, so it is not on the map's grid
        yield name, asset


def _asset(path: Path, title: str, media: str, role: str) -> dict[str, Any]:
    return {'href': quote(path.name), 'title': title, 'type': media, 'roles': [role]}


def _crs(grid: Grid) -> dict[str, Any]:
    code = grid.crs and grid.crs.to_authority()
    fields = {'proj:code': ':'.join(code) if code else None}
    if grid.crs is not None and not code:
        fields['proj:wkt2'] = grid.crs.to_wkt(version='WKT2_2019')
    return fields


def _dates(span: Span) -> dict[str, str | None]:
    first, last = (moment.isoformat().replace('+00:00', 'Z') for moment in span)
    if first == last:
        return {'datetime': first}
    return {'datetime': None, 'start_datetime': first, 'end_datetime': last}
