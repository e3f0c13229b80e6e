"""Write and read polygons in a GeoPackage, an SQLite file with geometries in WKB."""

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rasterio.crs import CRS

from depthda.errors import UserError

Ring = Sequence[tuple[float, float]]
Polygon = Sequence[Ring]  # the outer ring, then the inner rings, each closed
_ID = 0x47504B47  # "GPKG"
_VERSION = 10300
# The tables that the standard requires (OGC 12-128r18, Annex C).
_SCHEMA = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY,
    organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL,
    definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT NOT NULL,
    identifier TEXT UNIQUE, description TEXT DEFAULT '', last_change DATETIME NOT NULL,
    min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
    geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL,
    m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name));
"""
_UNKNOWN = (
    ('Undefined Cartesian SRS', -1, 'NONE', -1, 'undefined', None),
    ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', None),
)
_TYPES = {int: 'INTEGER', float: 'REAL', str: 'TEXT'}


def write_geopackage(
    path: str | Path,
    layer: str,
    crs: CRS | None,
    fields: Mapping[str, type],
    features: Iterable[tuple[Polygon, Mapping[str, Any]]],
) -> int:
    """Write polygons with their attributes to a new file; return their number."""
    path = Path(path)
    path.unlink(missing_ok=True)
    file = sqlite3.connect(path)
    try:
        file.execute(f'PRAGMA application_id = {_ID}')
        file.execute(f'PRAGMA user_version = {_VERSION}')
        file.executescript(_SCHEMA)
        srs_id = _add_crs(file, crs)
        columns = ', '.join(f'"{name}" {_TYPES[kind]}' for name, kind in fields.items())
        file.execute(f'CREATE TABLE "{layer}" (fid INTEGER PRIMARY KEY, geom POLYGON, {columns})')
        marks = ', '.join('?' * (len(fields) + 1))
        names = ', '.join(f'"{name}"' for name in ('geom', *fields))
        box, count = [float('inf'), float('inf'), -float('inf'), -float('inf')], 0
        for polygon, values in features:
            row = (_blob(polygon, srs_id), *(values[name] for name in fields))
            file.execute(f'INSERT INTO "{layer}" ({names}) VALUES ({marks})', row)
            xs, ys = zip(*polygon[0], strict=True)
            box = [min(box[0], *xs), min(box[1], *ys), max(box[2], *xs), max(box[3], *ys)]
            count += 1
        extent = box if count else [None] * 4
        file.execute(
            'INSERT INTO gpkg_contents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
            # A fixed date, so that two runs write the same file.
            (layer, 'features', layer, '', '2000-01-01T00:00:00.000Z', *extent, srs_id),
        )
        file.execute(
            'INSERT INTO gpkg_geometry_columns VALUES (?, ?, ?, ?, 0, 0)',
            (layer, 'geom', 'POLYGON', srs_id),
        )
        file.commit()
    finally:
        file.close()
    return count


def read_geopackage(
    path: str | Path, field: str | None = None
) -> tuple[CRS | None, list[tuple[list[Polygon], Any]]]:
    """Return the coordinate system, and the polygons of each feature with its value of ``field``.

    Without ``field``, the values are None.
    """
    file = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
    try:
        query = 'SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns'
        layers = file.execute(query).fetchall()
        if len(layers) != 1:
            names = ', '.join(row[0] for row in layers) or 'none'
            raise UserError(
                f'{path} needs exactly one layer of polygons, but its layers are {names}: save one '
                'layer in a separate file.'
            )
        layer, column, srs_id = layers[0]
        names = [row[1] for row in file.execute(f'PRAGMA table_info("{layer}")')]
        if field is not None and field not in names:
            raise UserError(f'{path} has no field {field!r}: its fields are {", ".join(names)}.')
        value = 'NULL' if field is None else f'"{field}"'
        query = f'SELECT "{column}", {value} FROM "{layer}"'
        features = [(list(_polygons(blob)), value) for blob, value in file.execute(query) if blob]
        definition = file.execute(
            'SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys '
            'WHERE srs_id = ?',
            (srs_id,),
        ).fetchone()
    except sqlite3.DatabaseError as error:
        raise UserError(f'{path} is not a GeoPackage ({error}): export it again.') from error
    finally:
        file.close()
    return _crs(definition), features


def _add_crs(file: sqlite3.Connection, crs: CRS | None) -> int:
    rows = list(_UNKNOWN)
    srs_id = -1
    if crs is not None:
        code = crs.to_epsg()
        srs_id = code or 100_000
        organization = ('EPSG', code) if code else ('NONE', srs_id)
        rows.append((crs.to_string()[:200], srs_id, *organization, crs.to_wkt(), None))
    if srs_id != 4326:
        wgs84 = CRS.from_epsg(4326)
        rows.append(('WGS 84', 4326, 'EPSG', 4326, wgs84.to_wkt(), None))
    file.executemany('INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)', rows)
    return srs_id


def _crs(definition: tuple | None) -> CRS | None:
    if definition is None or definition[2] == 'undefined':
        return None
    organization, code, wkt = definition
    return CRS.from_epsg(code) if organization.upper() == 'EPSG' else CRS.from_wkt(wkt)


def _blob(polygon: Polygon, srs_id: int) -> bytes:
    """Return a geometry as GeoPackage stores it: a header without envelope, then WKB."""
    parts = [b'GP', struct.pack('<BBi', 0, 1, srs_id), struct.pack('<BII', 1, 3, len(polygon))]
    for ring in polygon:
        parts.append(struct.pack('<I', len(ring)))
        parts += [struct.pack('<dd', *point) for point in ring]
    return b''.join(parts)


def _polygons(blob: bytes) -> Iterator[Polygon]:
    """Yield the polygons of a geometry, which may be a multi-polygon and may have Z or M values."""
    flags = blob[3]
    envelope = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}[(flags >> 1) & 7]
    yield from _Wkb(blob, 8 + envelope).polygons()


class _Wkb:
    """Read well-known binary (WKB), beginning at a position."""

    def __init__(self, content: bytes, position: int) -> None:
        self._content, self._position, self._order = content, position, '<'

    def polygons(self) -> Iterator[Polygon]:
        self._order = '<' if self._take('B')[0] else '>'
        kind = self._take('I')[0]
        # Extra axes: ISO adds 1000, 2000 or 3000 to the type, the older EWKB sets high bits.
        axes = 2 + {0: 0, 1: 1, 2: 1, 3: 2}[(kind % 2**28) // 1000]
        axes += bool(kind & 2**31) + bool(kind & 2**30)
        base = (kind % 2**28) % 1000
        if base == 6:
            for _ in range(self._take('I')[0]):
                yield from self.polygons()
        elif base == 3:
            yield [self._ring(axes) for _ in range(self._take('I')[0])]
        else:
            raise UserError(
                'a geometry is neither a polygon nor a multi-polygon: keep only polygons.'
            )

    def _ring(self, axes: int) -> Ring:
        count = self._take('I')[0]
        values = self._take(f'{count * axes}d')
        return list(zip(values[::axes], values[1::axes], strict=True))

    def _take(self, form: str) -> tuple:
        form = self._order + form
        values = struct.unpack_from(form, self._content, self._position)
        self._position += struct.calcsize(form)
        return values
