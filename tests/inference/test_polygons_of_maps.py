"""Polygons of a map have the areas, holes and classes of its regions."""

import json

import numpy as np
import pytest
import rasterio
from matplotlib.path import Path as Outline
from rasterio.crs import CRS
from rasterio.transform import from_origin
from scipy.ndimage import label
from tiny_rasters import write_raster

from depthda.errors import UserError
from depthda.inference.areas import row_areas
from depthda.inference.polygons import simplified, vectorise
from depthda.io.geopackage import read_geopackage
from depthda.io.grids import Grid

CLASSES = ('water', 'forest', 'field', 'roof')
UTM = dict(crs='EPSG:32632', transform=from_origin(500_000, 5_400_000, 2, 0.5))  # pixels of 1 m²
DEGREES = dict(crs='EPSG:4326', transform=from_origin(7, 47.5, 0.01, 0.02))


@pytest.fixture
def labels():
    """Return blobs of classes with a hole, an island in it, a corner contact, and no data."""
    values = np.random.default_rng(5).integers(0, 4, (8, 10)).repeat(4, 0).repeat(4, 1)
    values[2:20, 2:20] = 1
    values[5:15, 5:15] = 255
    values[8:10, 8:12] = 2
    values[0, 30] = values[1, 31] = 3
    return values.astype(np.uint8)


def read(path):
    """Return class, value, hectares and rings of each polygon."""
    names = ('class', 'value', 'hectares')
    if path.suffix == '.gpkg':
        columns = [read_geopackage(path, name)[1] for name in names]
        # Each feature has one polygon.
        return [(*(value for _, value in row), row[0][0][0]) for row in zip(*columns, strict=True)]
    features = json.loads(path.read_text())['features']
    return [(*(f['properties'][n] for n in names), f['geometry']['coordinates']) for f in features]


def components(labels):
    """Return class and size of the regions of equal labels, whose pixels share edges."""
    regions = []
    for value in range(4):
        numbers, count = label(labels == value)
        regions += [(value, int((numbers == n + 1).sum())) for n in range(count)]
    return sorted(regions)


@pytest.mark.parametrize('suffix', ['.gpkg', '.geojson'])
def test_there_is_a_polygon_for_each_region_with_its_area(tmp_path, labels, suffix):
    write_raster(tmp_path / 'map.tif', labels, nodata=255, **UTM)
    count = vectorise(tmp_path / 'map.tif', tmp_path / f'map{suffix}', CLASSES)
    polygons = read(tmp_path / f'map{suffix}')
    assert sorted((value, round(area * 10_000)) for _, value, area, _ in polygons) == components(
        labels
    )
    assert count == len(polygons) and all(CLASSES[value] == name for name, value, _, _ in polygons)


@pytest.mark.parametrize('suffix', ['.gpkg', '.geojson'])
def test_areas_in_degrees_are_those_of_the_pixels_on_the_ellipsoid(tmp_path, labels, suffix):
    write_raster(tmp_path / 'map.tif', labels, nodata=255, **DEGREES)
    vectorise(tmp_path / 'map.tif', tmp_path / f'map{suffix}', CLASSES)
    polygons = read(tmp_path / f'map{suffix}')
    rows = row_areas(Grid(*labels.shape, DEGREES['transform'], CRS.from_epsg(4326)))
    for value in range(4):
        expected = ((labels == value).sum(1) * rows).sum() / 10_000
        total = sum(area for _, number, area, _ in polygons if number == value)
        assert total == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('suffix', ['.gpkg', '.geojson'])
def test_rings_hold_the_pixels_of_their_class(tmp_path, labels, suffix):
    """A pixel centre is inside a polygon if an odd number of its rings surround it."""
    write_raster(tmp_path / 'map.tif', labels, nodata=255, **UTM)
    vectorise(tmp_path / 'map.tif', tmp_path / f'map{suffix}', CLASSES)
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]] + 0.5
    xs, ys = UTM['transform'] @ (columns.ravel(), rows.ravel())
    if suffix == '.geojson':
        xs, ys = rasterio.warp.transform(UTM['crs'], 'OGC:CRS84', xs, ys)
    # Relative to a corner, so that degrees keep their digits.
    origin = np.array([xs[0], ys[0]])
    centres = np.column_stack([xs, ys]) - origin
    burnt = np.full(labels.size, 255)
    for _, value, _, rings in read(tmp_path / f'map{suffix}'):
        around = sum(Outline(np.array(ring) - origin).contains_points(centres) for ring in rings)
        assert (burnt[around % 2 == 1] == 255).all()
        burnt[around % 2 == 1] = value
        assert all(tuple(ring[0]) == tuple(ring[-1]) for ring in rings)
    assert np.array_equal(burnt.reshape(labels.shape), labels)


def test_small_polygons_are_left_out_by_area(tmp_path, labels):
    write_raster(tmp_path / 'map.tif', labels, nodata=255, **UTM)
    vectorise(tmp_path / 'map.tif', tmp_path / 'map.gpkg', CLASSES, min_area=32.0)
    regions = sorted(
        (value, round(area * 10_000)) for _, value, area, _ in read(tmp_path / 'map.gpkg')
    )
    assert regions == [part for part in components(labels) if part[1] >= 32]
    assert 0 < len(regions) < len(components(labels))


@pytest.mark.parametrize('transform', [None, UTM['transform']])
def test_without_a_crs_min_area_is_in_pixels_and_no_hectares_are_written(
    tmp_path, labels, transform
):
    place = {} if transform is None else dict(transform=transform)
    write_raster(tmp_path / 'map.tif', labels, nodata=255, **place)
    expected = [value for value, size in components(labels) if size >= 100]
    for name in ('map.geojson', 'map.gpkg'):
        count = vectorise(tmp_path / 'map.tif', tmp_path / name, CLASSES, min_area=100)
        assert count == len(expected) > 0
    features = json.loads((tmp_path / 'map.geojson').read_text())['features']
    assert all(set(feature['properties']) == {'class', 'value'} for feature in features)
    assert sorted(feature['properties']['value'] for feature in features) == expected
    values = [value for _, value in read_geopackage(tmp_path / 'map.gpkg', 'value')[1]]
    assert sorted(values) == expected
    with pytest.raises(UserError, match="no field 'hectares'"):
        read_geopackage(tmp_path / 'map.gpkg', 'hectares')


def test_a_map_without_large_polygons_gives_files_without_features(tmp_path, labels):
    write_raster(tmp_path / 'map.tif', labels, nodata=255, **UTM)
    for name in ('none.gpkg', 'none.geojson'):
        assert vectorise(tmp_path / 'map.tif', tmp_path / name, CLASSES, min_area=1e6) == 0
        assert read(tmp_path / name) == []
    import sqlite3

    query = 'SELECT min_x, max_y FROM gpkg_contents'
    assert sqlite3.connect(tmp_path / 'none.gpkg').execute(query).fetchall() == [(None, None)]


def distance(point, ring):
    """Return the distance of a point to the nearest edge of a ring."""
    start, end = np.array(ring[:-1], float), np.array(ring[1:], float)
    along = ((point - start) * (end - start)).sum(1) / ((end - start) ** 2).sum(1)
    nearest = start + along.clip(0, 1)[:, None] * (end - start)
    return np.hypot(*(point - nearest).T).min()


@pytest.mark.parametrize('most', [0.8, 1.5])
def test_simplified_edges_move_by_no_more_than_what_is_allowed(most):
    angles = np.linspace(0, 2 * np.pi, 200)
    circle = np.round(np.column_stack([np.cos(angles), np.sin(angles)]) * 20)
    ring = [tuple(point) for point in circle]
    simple = simplified(ring, most)
    assert len(simple) < len(ring) / 3 and simple[0] == simple[-1]
    assert set(simple) <= set(ring)
    assert max(distance(np.array(point), simple) for point in ring) <= most + 1e-6


def test_simplified_polygons_keep_the_area_of_their_pixels(tmp_path, labels):
    write_raster(tmp_path / 'map.tif', labels, nodata=255, **UTM)
    for name, simplify in (('a.gpkg', 0), ('b.gpkg', 1.0)):
        vectorise(tmp_path / 'map.tif', tmp_path / name, CLASSES, simplify=simplify)
    before, after = read(tmp_path / 'a.gpkg'), read(tmp_path / 'b.gpkg')
    assert [part[:3] for part in after] == [part[:3] for part in before]
    corners = [sum(len(ring) for *_, rings in found for ring in rings) for found in (before, after)]
    assert corners[1] < corners[0]


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(UserError, match='ends in .gpkg or .geojson'):
        vectorise(tmp_path / 'map.tif', tmp_path / 'map.shp', CLASSES)
