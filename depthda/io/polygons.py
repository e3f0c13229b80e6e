"""Read polygons from a GeoPackage or GeoJSON file, in the coordinate system of a raster."""

import json
from pathlib import Path
from typing import Any

from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform_geom

from depthda.errors import UserError
from depthda.io.geopackage import read_geopackage

_KINDS = ('Polygon', 'MultiPolygon')
_SUFFIXES = ('.gpkg', '.geojson', '.json')


def is_polygon_file(path: str | Path) -> bool:
    """Return whether the suffix of a path is that of a GeoPackage or a GeoJSON file."""
    return Path(path).suffix.lower() in _SUFFIXES


def read_polygons(
    path: str | Path, crs: CRS | None, field: str | None = None
) -> list[tuple[dict[str, Any], Any]]:
    """Return GeoJSON geometries in the coordinate system ``crs``, with their values of ``field``.

    Without ``field``, the values are None. If the file or the raster (``crs``) has no coordinate
    system, the coordinates stay as they are.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'the polygon file {path} does not exist: correct the path.')
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise UserError(f'{path} is not a polygon file: export the polygons as .gpkg or .geojson.')
    if suffix == '.gpkg':
        file_crs, features = read_geopackage(path, field)
        polygons = [
            ({'type': 'MultiPolygon', 'coordinates': parts}, value) for parts, value in features
        ]
    else:
        file_crs, polygons = _geojson(path, field)
    if not polygons:
        raise UserError(f'{path} contains no polygons: export the layer that has the polygons.')
    if file_crs is None or crs is None or file_crs == crs:
        return polygons
    try:
        return [(transform_geom(file_crs, crs, geometry), value) for geometry, value in polygons]
    except (RasterioError, CPLE_BaseError) as error:
        raise UserError(
            f'{path} cannot be transformed to {crs.to_string()} ({error}), because its coordinates '
            f'are not in {file_crs.to_string()}: export it again with the right coordinate system.'
        ) from error


def _geojson(path: Path, field: str | None) -> tuple[CRS, list[tuple[dict, Any]]]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise UserError(f'{path} is not JSON ({error}): export it again.') from error
    kind = content.get('type') if isinstance(content, dict) else None
    # Older files may name another system; the standard allows only longitude and latitude.
    crs_name = ((content.get('crs') or {}).get('properties') or {}).get('name') if kind else None
    if kind in _KINDS:
        content = {'type': 'Feature', 'properties': {}, 'geometry': content}
    features = content['features'] if kind == 'FeatureCollection' else [content]
    polygons = []
    for number, feature in enumerate(features if kind else (), 1):
        geometry, values = feature.get('geometry'), feature.get('properties') or {}
        if not geometry:
            raise UserError(f'feature {number} of {path} has no geometry: remove the feature.')
        if geometry.get('type') not in _KINDS:
            raise UserError(
                f'{path} contains a {geometry.get("type")} (feature {number}): keep only polygons.'
            )
        if field is not None and field not in values:
            raise UserError(
                f'feature {number} of {path} has no field {field!r}: its fields are '
                f'{", ".join(values) or "none"}.'
            )
        polygons.append((geometry, values.get(field)))
    return CRS.from_user_input(crs_name or 'OGC:CRS84'), polygons
