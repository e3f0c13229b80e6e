"""Labels that are polygons become the labels of the pixels whose centres are inside."""

import json

import numpy as np
import pytest
from prepared_files import read
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform_geom
from tiny_rasters import write_raster

from depthda.datasets.class_list import read_classes
from depthda.errors import UserError
from depthda.io.geopackage import write_geopackage
from depthda.preparation.folder import FolderSettings, prepare_folder
from depthda.preparation.scene import Cut

UTM = CRS.from_epsg(32632)
EAST, NORTH, PIXEL = 500_000.0, 5_400_000.0, 0.5
HEIGHT, WIDTH = 36, 44
# A triangle, an L with an inner ring, a square that overlaps both, and one outside the image.
SHAPES = [
    ('wood', [[(1.1, -2.2), (15.3, -4.1), (6.2, -16.7)]]),
    ('Field', [
        [(9.3, -1.2), (20.8, -1.2), (20.8, -16.4), (13.6, -16.4), (13.6, -9.1), (9.3, -9.1)],
        [(15.2, -3.1), (18.9, -3.1), (18.9, -6.6), (15.2, -6.6)],
    ]),
    ('IGNORE', [[(12.0, -5.0), (16.0, -5.0), (16.0, -12.0), (12.0, -12.0)]]),
    ('wood', [[(900.0, -900.0), (901.0, -900.0), (901.0, -901.0)]]),
]  # fmt: skip
INDEX = {'wood': 0, 'field': 1, 'ignore': 255}


def placed(ring):
    return [(EAST + x, NORTH + y) for x, y in (*ring, ring[0])]


def burnt(shapes=SHAPES):
    """Count, for each pixel centre, the edges to its right: an odd number is inside."""
    labels = np.full((HEIGHT, WIDTH), 255)
    for name, rings in shapes:
        edges = [(a, b) for ring in rings for a, b in zip(ring, (*ring[1:], ring[0]), strict=True)]
        for row in range(HEIGHT):
            for column in range(WIDTH):
                x, y = (column + 0.5) * PIXEL, -(row + 0.5) * PIXEL
                crossed = 0
                for (x0, y0), (x1, y1) in edges:
                    if (y0 > y) != (y1 > y):
                        crossed += x0 + (y - y0) * (x1 - x0) / (y1 - y0) > x
                if crossed % 2:
                    labels[row, column] = INDEX[name.lower()]
    return labels


def geojson(path, shapes=SHAPES, crs=None, field='kind'):
    """Write polygons in longitude and latitude, or in a named system."""
    features = []
    for name, rings in shapes:
        geometry = dict(type='Polygon', coordinates=[placed(ring) for ring in rings])
        if crs is None:
            geometry = transform_geom(UTM, 'OGC:CRS84', geometry)
        features.append(dict(type='Feature', properties={field: name}, geometry=geometry))
    content = dict(type='FeatureCollection', features=features)
    if crs:
        content['crs'] = dict(type='name', properties=dict(name=crs))
    path.write_text(json.dumps(content))
    return path


def geopackage(path, shapes=SHAPES, kind=str):
    features = [([placed(ring) for ring in rings], {'kind': name}) for name, rings in shapes]
    write_geopackage(path, 'areas', UTM, {'kind': kind}, features)
    return path


@pytest.fixture
def prepare(tmp_path):
    """Prepare an image with labels of a file; return its label map and the manifest."""
    place = dict(crs=UTM, transform=from_origin(EAST, NORTH, PIXEL, PIXEL))
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    write_raster(tmp_path / 'rgb/a.tif', pixels, **place)
    write_raster(tmp_path / 'pictures/a.tif', pixels)
    (tmp_path / 'classes.txt').write_text('wood 11\nfield 12\nignore 0\n')

    def run(polygons, tile=None, images='rgb', field='kind'):
        classes = read_classes(tmp_path / 'classes.txt')
        cut = Cut(tile=tile, stride=tile, classes=classes, class_field=field)
        out = tmp_path / f'out_{polygons.name}_{tile}'
        settings = FolderSettings(tmp_path / images, labels=polygons, cut=cut)
        return out, prepare_folder(out, settings)

    return run


def test_burnt_labels_equal_an_independent_computation(prepare, tmp_path):
    expected = burnt()
    assert sorted(np.unique(expected)) == [0, 1, 255]
    for polygons in (
        geopackage(tmp_path / 'a.gpkg'),
        geojson(tmp_path / 'a.geojson'),
        geojson(tmp_path / 'b.json', crs='EPSG:32632'),
    ):
        out, manifest = prepare(polygons)
        assert np.array_equal(read(out / 'labels/a.png'), expected)
        counts = [int((expected == value).sum()) for value in (0, 1, 255)]
        assert manifest['scenes']['a']['pixels'] == counts


def test_tiles_are_parts_of_the_label_map(prepare, tmp_path):
    expected = burnt()
    out, _ = prepare(geopackage(tmp_path / 'a.gpkg'), tile=20)
    seen = 0
    for top in (0, 16):
        for left in (0, 20, 24):
            path = out / f'labels/a_{left}_{top}_{left + 20}_{top + 20}.png'
            assert np.array_equal(read(path), expected[top : top + 20, left : left + 20])
            seen += 1
    assert seen == len(list((out / 'labels').iterdir()))


def test_the_later_of_two_polygons_counts(prepare, tmp_path):
    order = [SHAPES[1], SHAPES[2], SHAPES[0]]
    out, _ = prepare(geopackage(tmp_path / 'a.gpkg', order))
    labels = read(out / 'labels/a.png')
    assert np.array_equal(labels, burnt(order)) and not np.array_equal(labels, burnt())


def test_values_of_the_list_name_classes_too(prepare, tmp_path):
    numbers = [({'wood': 11, 'Field': 12, 'IGNORE': 0}[name], rings) for name, rings in SHAPES]
    for polygons in (
        geopackage(tmp_path / 'a.gpkg', numbers, int),
        geojson(tmp_path / 'a.geojson', numbers),
        geopackage(tmp_path / 'b.gpkg', [(float(n), rings) for n, rings in numbers], float),
    ):
        out, _ = prepare(polygons)
        assert np.array_equal(read(out / 'labels/a.png'), burnt())


def test_polygons_without_a_class_or_a_position_are_refused(prepare, tmp_path):
    unknown = [*SHAPES, ('lake', SHAPES[0][1])]
    with pytest.raises(UserError, match="the kind 'lake', but the class list has only wood, field"):
        prepare(geojson(tmp_path / 'a.geojson', unknown))
    with pytest.raises(UserError, match="feature 1 of .* has no field 'crop': its fields are kind"):
        prepare(geojson(tmp_path / 'b.geojson'), field='crop')
    with pytest.raises(UserError, match='has no georeference, so polygons'):
        prepare(geojson(tmp_path / 'c.geojson'), images='pictures')
    with pytest.raises(UserError, match='contains no polygons'):
        prepare(geojson(tmp_path / 'd.geojson', []))
    line = dict(type='LineString', coordinates=[[0, 0], [1, 1]])
    feature = dict(type='Feature', properties=dict(kind='wood'), geometry=line)
    (tmp_path / 'e.geojson').write_text(json.dumps(feature))
    with pytest.raises(UserError, match='contains a LineString'):
        prepare(tmp_path / 'e.geojson')
    (tmp_path / 'f.geojson').write_text(json.dumps(feature | dict(geometry=None)))
    with pytest.raises(UserError, match='feature 1 of .*f.geojson has no geometry'):
        prepare(tmp_path / 'f.geojson')
