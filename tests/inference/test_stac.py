"""STAC items are valid, have the place of the map, and name its files, classes and model."""

import json
import math
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from stac_schemas import check_item, fastjsonschema
from stub_model import CLASSES, stub_model, write_scene

from depthda.errors import UserError
from depthda.inference.dates import read_span, scene_span
from depthda.inference.map_options import MapOptions
from depthda.inference.polygons import vectorise
from depthda.inference.predict import predict_map
from depthda.inference.predict_scene import Settings
from depthda.inference.stac import footprint, write_items
from depthda.inference.stac_model import class_objects, model_item
from depthda.io.grids import Grid
from depthda.pictures.map_preview import draw_map

OPTIONS = MapOptions(Settings(32, 16), confidence=True, probabilities=True)


def items(folder, model=None, date='2021-06-03T10:15:00Z', **scene):
    """Predict a scene; return its map's item, its model's item and the result."""
    model = model or stub_model(True)
    write_scene(folder / 'scene 1.tif', 40, 50, **scene)
    write_scene(folder / 'depth.tif', 40, 50, bands=1, dtype='uint16', **scene)
    (folder / 'runs').mkdir()
    (folder / 'runs/stub.pth').touch()
    options = replace(OPTIONS, depth=folder / 'depth.tif')
    result = predict_map(model, folder / 'scene 1.tif', folder / 'maps/the map.tif', options)
    path = result.files[0]
    files = [*result.files]
    for suffix in ('.gpkg', '.geojson'):
        files.append(path.with_suffix(suffix))
        vectorise(path, files[-1], model.classes)
    files.append(path.with_suffix('.png'))
    draw_map(path, files[-1], model.classes, model.palette, {name: 25.0 for name in CLASSES})
    where = str(folder / 'runs/stub.pth')
    written = write_items(model, where, result, files, read_span(date), options)
    assert [file.name for file in written] == ['the map.json', 'the map_model.json']
    return *(json.loads(file.read_text()) for file in written), result


def test_the_items_of_a_map_are_valid_and_describe_it(tmp_path):
    item, described, result = items(tmp_path)
    check_item(item)
    check_item(described)
    assets = item['assets']
    there = {file.name for file in (tmp_path / 'maps').iterdir() if file.suffix != '.json'}
    assert {part['href'].replace('%20', ' ') for part in assets.values()} == there
    assert set(assets) == {
        'labels', 'class_table', 'confidence', 'probabilities', 'polygons', 'geojson', 'preview'
    }  # fmt: skip
    classes = assets['labels']['classification:classes']
    with rasterio.open(tmp_path / 'maps/the map.tif') as raster:
        labels, colours = raster.read(1), raster.colormap(1)
        assert assets['labels']['proj:shape'] == list(labels.shape)
        assert assets['labels']['proj:transform'] == [0.5, 0, 500_000, 0, -0.5, 5_400_000]
    for part in classes[:-1]:
        value = part['value']
        assert part['title'] == CLASSES[value] and part['count'] == (labels == value).sum()
        assert part['color_hint'] == ''.join(f'{part:02X}' for part in colours[value][:3])
    assert classes[-1]['value'] == 255 and classes[-1]['nodata']
    assert sum(part['percentage'] for part in classes[:-1]) == pytest.approx(100, abs=0.01)
    with rasterio.open(tmp_path / 'maps/the map_probabilities.tif') as raster:
        assert assets['probabilities']['raster:scale'] == raster.scales[0]
        names = [part['title'] for part in assets['probabilities']['bands']]
        assert names == list(raster.descriptions)
    assert item['properties']['proj:code'] == 'EPSG:32632'
    assert item['properties']['datetime'] == '2021-06-03T10:15:00Z'


def test_the_item_of_the_model_repeats_its_network(tmp_path):
    model = stub_model(True)
    item, described, _ = items(tmp_path, model)
    link = item['links'][0]
    assert link['rel'] == 'derived_from' and link['href'] == 'the%20map_model.json'
    properties = described['properties']
    assert link['mlm:name'] == properties['mlm:name'] == 'stub'
    inputs = properties['mlm:input'][0]
    assert inputs['bands'] == ['band_1', 'band_2', 'band_3', 'depth']
    scaling = [(part['mean'], part['stddev']) for part in inputs['value_scaling']]
    assert scaling == [(100, 50)] * 3 + [(0.449, 0.226)]
    assert properties['mlm:total_parameters'] == (4 * 6 + 6 * 4) * 25 + 6 + 4
    assert properties['mlm:output'][0]['result']['shape'] == [-1, 4, 32, 32]
    assert properties['mlm:hyperparameters']['checkpoint_sha256'] == '0' * 12
    asset = described['assets']['model']
    assert (tmp_path / 'maps' / asset['href']).is_file()
    assert asset['roles'] == ['mlm:model', 'mlm:checkpoint']


def test_bands_are_in_the_order_in_which_the_network_gets_them(tmp_path):
    model = stub_model()
    model.network.data_preprocessor._channel_conversion = False
    _, described, _ = items(tmp_path, model)
    assert described['properties']['mlm:input'][0]['bands'] == ['band_3', 'band_2', 'band_1']


@pytest.mark.parametrize(
    'where, href',
    [
        ('bundle', '../bundle/model.safetensors'),
        ('owner/name@1a2b', 'https://huggingface.co/owner/name/resolve/1a2b/model.safetensors'),
        ('owner/name', 'https://huggingface.co/owner/name/resolve/main/model.safetensors'),
    ],
)
def test_a_bundle_is_named_by_its_weights(tmp_path, monkeypatch, where, href):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'bundle').mkdir()
    path = tmp_path / 'maps/map_model.json'
    item = model_item(stub_model(), where, path, OPTIONS.settings, 'A note.')
    assert item['assets']['model']['href'] == href
    assert item['assets']['model']['roles'] == ['mlm:model', 'mlm:weights']


def test_names_of_classes_have_plain_letters_only():
    objects = class_objects(['low grass', '森林', 'Straße'], [(0, 10, 255)] * 3)
    assert [part['name'] for part in objects] == ['low_grass', 'class_1', 'Stra_e']
    assert objects[1]['title'] == '森林' and objects[1]['color_hint'] == '000AFF'


def meridian(northing):
    """Return the latitude at a northing of UTM on the middle meridian, by summing its arc."""
    squared, phi = 0.00669437999014, 0.0
    steps = 200_000
    step = northing / 0.9996 / steps
    for _ in range(steps):  # dφ/ds is 1 over the radius of curvature; midpoint rule
        half = phi + step / 2 * (1 - squared * math.sin(phi) ** 2) ** 1.5 / 6_378_137 / (
            1 - squared
        )
        radius = 6_378_137 * (1 - squared) / (1 - squared * math.sin(half) ** 2) ** 1.5
        phi += step / radius
    return math.degrees(phi)


def test_the_outline_is_that_of_the_scene_in_degrees(tmp_path):
    item, *_ = items(tmp_path)
    north, south = meridian(5_400_000), meridian(5_400_000 - 20)
    radius = 6_378_137 / math.sqrt(1 - 0.00669437999014 * math.sin(math.radians(north)) ** 2)
    east = 9 + math.degrees(25 / 0.9996 / radius / math.cos(math.radians(north)))
    assert item['bbox'] == pytest.approx([9, south, east, north], abs=2e-7)
    ring = np.array(item['geometry']['coordinates'][0])
    assert (ring[0] == ring[-1]).all()
    area = (ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1]).sum() / 2
    # Counter-clockwise, and as large as its box.
    assert area == pytest.approx((east - 9) * (north - south), rel=1e-2)


@pytest.mark.parametrize('up', [1, -1])
def test_an_outline_goes_around_against_the_clock(up):
    transform = from_origin(7, 50, 0.1, 0.1 * up)
    ring = np.array(
        footprint(Grid(20, 30, transform, CRS.from_epsg(4326)))['geometry']['coordinates'][0]
    )
    area = (ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1]).sum() / 2
    assert area == pytest.approx(6)


def test_a_scene_on_the_date_line_has_two_outlines():
    transform = from_origin(700_000, 5_400_000, 1000, 1000)
    outline = footprint(Grid(100, 100, transform, CRS.from_epsg(32660)))
    west, south, east, north = outline['bbox']
    assert 179 < west < 180 and -180 < east < -178 and south < north
    (one,), (other,) = outline['geometry']['coordinates']
    assert max(x for x, _ in one) == 180 and min(x for x, _ in other) == -180


def test_a_scene_without_a_crs_or_with_an_unnamed_one_has_a_valid_item(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'b').mkdir()
    item, *_ = items(tmp_path / 'a', crs=None)
    check_item(item)
    assert item['geometry'] is None and 'bbox' not in item
    assert item['properties']['proj:code'] is None
    crs = CRS.from_proj4('+proj=laea +lat_0=48 +lon_0=9 +ellps=GRS80 +units=m')
    item, *_ = items(tmp_path / 'b', crs=crs)
    check_item(item)
    assert item['properties']['proj:code'] is None
    assert CRS.from_wkt(item['properties']['proj:wkt2']) == crs


def test_schemas_refuse_what_is_wrong(tmp_path):
    item, described, _ = items(tmp_path)

    def refused(valid, *path, value):
        changed = json.loads(json.dumps(valid))
        part = changed
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
        with pytest.raises((fastjsonschema.JsonSchemaException, AssertionError)):
            check_item(changed)

    refused(item, 'properties', 'datetime', value=None)
    refused(item, 'geometry', value=None)
    refused(item, 'assets', 'labels', 'data_type', value='byte')
    refused(item, 'assets', 'labels', 'classification:classes', 0, 'name', value='low grass')
    refused(item, 'properties', 'proj:code', value='32632')
    refused(item, 'stac_extensions', value=item['stac_extensions'][1:])
    refused(described, 'properties', 'mlm:tasks', value=['mapping'])
    refused(described, 'properties', 'mlm:output', value=None)
    refused(described, 'assets', 'model', 'roles', value=['data'])


@pytest.mark.parametrize(
    'text, first, last',
    [
        ('2021-06-03T10:15:00Z', (2021, 6, 3, 10, 15), (2021, 6, 3, 10, 15)),
        ('2021-06-03 12:15:00.5+02:00', (2021, 6, 3, 10, 15), (2021, 6, 3, 10, 15)),
        ('2024-02', (2024, 2, 1), (2024, 2, 29, 23, 59, 59)),
        ('2021', (2021, 1, 1), (2021, 12, 31, 23, 59, 59)),
        ('2021-06-03/2021-06-05', (2021, 6, 3), (2021, 6, 5, 23, 59, 59)),
    ],
)
def test_dates_are_ranges_where_the_moment_is_not_known(text, first, last):
    assert read_span(text) == tuple(datetime(*x, tzinfo=timezone.utc) for x in (first, last))


@pytest.mark.parametrize('text', ['June', '2021-13', '2021-06-31', '2022/2021', '', '1/2/3', '21'])
def test_a_text_that_is_not_a_date_is_refused(text):
    with pytest.raises(UserError, match='--datetime'):
        read_span(text)


def test_a_range_of_dates_is_valid(tmp_path):
    item, described, _ = items(tmp_path, date='2021-06')
    for content in (item, described):
        check_item(content)
        assert content['properties']['datetime'] is None
        assert content['properties']['start_datetime'] == '2021-06-01T00:00:00Z'
        assert content['properties']['end_datetime'] == '2021-06-30T23:59:59Z'


@pytest.mark.parametrize(
    'written, acquired, expected',
    [
        (None, None, None),
        ('0000:00:00 00:00:00', None, None),
        ('2020:05:06 07:08:09', None, (2020, 5, 6, 7, 8, 9)),
        ('2020:05:06 07:08:09', '2019-01-02 03:04:05', (2019, 1, 2, 3, 4, 5)),
    ],
)
def test_the_date_of_a_scene_is_that_of_its_tags(tmp_path, written, acquired, expected):
    write_scene(tmp_path / 's.tif')
    with rasterio.open(tmp_path / 's.tif', 'r+') as raster:
        if written:
            raster.update_tags(TIFFTAG_DATETIME=written)
        if acquired:
            raster.update_tags(ns='IMAGERY', ACQUISITIONDATETIME=acquired)
    found = scene_span(tmp_path / 's.tif')
    assert (found is None) == (expected is None)
    if found:
        (first, last), doubt = found
        assert first == last == datetime(*expected, tzinfo=timezone.utc)
        assert (doubt is None) == (acquired is not None)
