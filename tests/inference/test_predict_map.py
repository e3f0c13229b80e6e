"""Maps are complete, georeferenced and coloured; a killed run continues to the same bytes."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from stub_model import CLASSES, PALETTE, stub_model, write_scene

from depthda.errors import UserError
from depthda.inference.areas import row_areas
from depthda.inference.map_file import class_table
from depthda.inference.map_options import MapOptions
from depthda.inference.predict import predict_map
from depthda.inference.predict_scene import Settings
from depthda.io.grids import Grid

OPTIONS = MapOptions(Settings(32, 16), confidence=True, probabilities=True)


@pytest.fixture
def scene(tmp_path):
    values = write_scene(tmp_path / 'scene.tif', 150, 90)
    values[:, :40, :40] = 0
    write_scene(tmp_path / 'scene.tif', values=values, nodata=0)
    return tmp_path / 'scene.tif'


def interrupted_after(windows):
    """Return a model that is interrupted when it has computed this number of windows."""
    model = stub_model()
    encode = model.network.encode_decode

    def encode_decode(*given):
        if model.network.windows >= windows:
            raise KeyboardInterrupt
        return encode(*given)

    model.network.encode_decode = encode_decode
    return model


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def test_a_map_has_the_grid_of_its_scene_and_its_colours(scene, tmp_path):
    result = predict_map(stub_model(), scene, tmp_path / 'out/map.tif', OPTIONS)
    names = ['map.tif', 'map.tif.aux.xml', 'map_confidence.tif', 'map_probabilities.tif']
    assert [path.name for path in result.files] == names
    assert sorted(contents(tmp_path / 'out')) == names
    with rasterio.open(scene) as before, rasterio.open(tmp_path / 'out/map.tif') as after:
        labels = after.read(1)
        grids = [(raster.crs, raster.transform, raster.shape) for raster in (before, after)]
        assert grids[0] == grids[1]
        assert after.tags(ns='IMAGE_STRUCTURE')['LAYOUT'] == 'COG'
        assert after.colorinterp == (ColorInterp.palette,) and after.nodata == 255
        assert [after.colormap(1)[i][:3] for i in range(4)] == list(PALETTE)
        assert after.tags()['DEPTHDA_CLASSES'] == ', '.join(CLASSES)
        hole = before.read_masks(1) == 0
    assert (labels[hole] == 255).all() and (labels[~hole] < 4).all()
    counts = {name: int((labels == i).sum()) for i, name in enumerate(CLASSES)}
    assert result.pixels == counts and len([c for c in counts.values() if c]) > 1
    assert result.hectares == pytest.approx({k: v * 0.25 / 10_000 for k, v in counts.items()})
    table = ElementTree.parse(class_table(tmp_path / 'out/map.tif')).getroot()
    assert [item.text for item in table.iter('Category')] == list(CLASSES)
    rows = [[cell.text for cell in row] for row in table.iter('Row')]
    assert [row[:3] for row in rows] == [
        [str(i), str(counts[name]), name] for i, name in enumerate(CLASSES)
    ]


def test_gdal_reads_the_names_and_the_table(scene, tmp_path):
    """A virtual copy of the map repeats what GDAL has read."""
    result = predict_map(stub_model(), scene, tmp_path / 'map.tif', MapOptions(Settings(32, 16)))
    rasterio.shutil.copy(tmp_path / 'map.tif', tmp_path / 'copy.vrt', driver='VRT')
    band = ElementTree.parse(tmp_path / 'copy.vrt').getroot().find('VRTRasterBand')
    assert [item.text for item in band.iter('Category')] == list(CLASSES)
    rows = [[cell.text for cell in row] for row in band.iter('Row')]
    for value, (row, name) in enumerate(zip(rows, CLASSES, strict=True)):
        assert row[:3] == [str(value), str(result.pixels[name]), name]
        assert tuple(map(int, row[3:6])) == PALETTE[value]
        assert float(row[6]) == pytest.approx(result.hectares[name], abs=1e-4)


def test_confidence_is_the_largest_probability(scene, tmp_path):
    predict_map(stub_model(), scene, tmp_path / 'map.tif', OPTIONS)
    layers = []
    for name in ('map', 'map_confidence', 'map_probabilities'):
        with rasterio.open(tmp_path / f'{name}.tif') as raster:
            layers.append(raster.read() * (raster.scales[0] if name != 'map' else 1))
            valid = raster.read(1) != 255
    labels, confidence, probabilities = layers
    chosen = np.take_along_axis(probabilities, labels.clip(max=3), 0)[0]
    assert (probabilities.max(0) - chosen)[valid].max() <= 0.004
    np.testing.assert_allclose(confidence[0][valid], probabilities.max(0)[valid], atol=0.0041)
    np.testing.assert_allclose(probabilities.sum(0)[valid], 1, atol=0.01)


def test_a_killed_run_continues_to_the_same_bytes(scene, tmp_path, monkeypatch):
    predict_map(stub_model(), scene, tmp_path / 'whole/map.tif', OPTIONS)
    for windows in (19, 9, 19, 19):
        with pytest.raises(KeyboardInterrupt):
            predict_map(interrupted_after(windows), scene, tmp_path / 'parts/map.tif', OPTIONS)
        assert not (tmp_path / 'parts/map.tif').exists()
    last = stub_model()
    predict_map(last, scene, tmp_path / 'parts/map.tif', OPTIONS)
    assert last.network.windows < 30
    assert contents(tmp_path / 'parts') == contents(tmp_path / 'whole')


def test_a_run_with_other_settings_begins_anew(scene, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        predict_map(interrupted_after(12), scene, tmp_path / 'a/map.tif', OPTIONS)
    other = replace(OPTIONS, settings=Settings(32, 8))
    for folder in ('a', 'b'):
        predict_map(stub_model(), scene, tmp_path / folder / 'map.tif', other)
    assert contents(tmp_path / 'a') == contents(tmp_path / 'b')


def test_areas_of_a_geographic_grid_are_those_of_the_ellipsoid(tmp_path):
    transform = rasterio.transform.from_origin(7.0, 47.5, 0.01, 0.01)
    write_scene(tmp_path / 'world.tif', 300, 10, crs='EPSG:4326', transform=transform)
    with rasterio.open(tmp_path / 'world.tif') as raster:
        areas = row_areas(Grid.of(raster))
    # A cell of 0.01° at 46° north: from the radii of curvature of WGS 84.
    sine = np.sin(np.radians(46.005))
    squared = 0.00669437999014
    meridian = 6_378_137 * (1 - squared) / (1 - squared * sine**2) ** 1.5
    parallel = 6_378_137 * np.cos(np.radians(46.005)) / (1 - squared * sine**2) ** 0.5
    assert areas[149] == pytest.approx(meridian * parallel * np.radians(0.01) ** 2, rel=1e-6)
    assert areas[0] < areas[-1]


def test_what_cannot_become_a_map_is_refused_and_leaves_no_file(scene, tmp_path):
    out = tmp_path / 'out/map.tif'
    write_scene(tmp_path / 'two.tif', bands=2)
    write_scene(tmp_path / 'sixteen.tif', dtype='uint16')
    write_scene(tmp_path / 'other.tif', 150, 91, bands=1)
    write_scene(tmp_path / 'empty.tif', values=np.zeros((3, 150, 90), np.uint8), nodata=0)
    cut = tmp_path / 'cut.tif'
    cut.write_bytes(scene.read_bytes()[:-9000])
    depth = MapOptions(Settings(32, 16), depth=tmp_path / 'other.tif')
    cases = [
        (stub_model(), tmp_path / 'none.tif', OPTIONS, out, 'no scene'),
        (stub_model(), tmp_path / 'two.tif', OPTIONS, out, '2 bands, but this model reads 3'),
        (stub_model(), tmp_path / 'sixteen.tif', OPTIONS, out, '--stretch LOW HIGH'),
        (stub_model(), tmp_path / 'empty.tif', OPTIONS, out, 'no pixels with data'),
        (stub_model(), cut, OPTIONS, out, 'cannot be read'),
        (stub_model(), scene, OPTIONS, scene, 'the scene itself'),
        (stub_model(), scene, OPTIONS, tmp_path / 'map.png', 'ends in .tif'),
        (stub_model(True), scene, OPTIONS, out, '--depth-model'),
        (stub_model(True), scene, depth, out, 'have different sizes, 91×150 and 90×150'),
    ]
    for model, source, options, target, message in cases:
        with pytest.raises(UserError, match=message):
            predict_map(model, source, target, options)
    assert not out.exists() and not (tmp_path / 'map.png').exists()


@pytest.fixture
def warnings(monkeypatch):
    messages = []
    monkeypatch.setattr('depthda.inference.predict.warn', messages.append)
    return messages


def test_a_scene_without_a_georeference_and_a_map_of_one_class_are_reported(tmp_path, warnings):
    write_scene(tmp_path / 's.tif', crs=None)
    model = stub_model()
    model.network.last.bias.data[2] = 1e4
    result = predict_map(model, tmp_path / 's.tif', tmp_path / 'm.tif', MapOptions(Settings(32, 8)))
    assert result.hectares is None
    assert (
        'no coordinate system' in warnings[0] and 'all pixels of the map are field' in warnings[1]
    )


@pytest.mark.parametrize('change, message', [
    (dict(), None),
    (dict(gain=0.05), 'band 1 of .* the model expects about 100 and 50: check --bands'),
    (dict(offset=150), 'band 1 of'),
    (dict(trained=2.0), 'pixels of 0.5 m, but the model was trained on pixels of 2 m: add --gsd 2'),
    (dict(trained=2.0, gsd=1.5), None),
    (dict(trained=2.0, gsd=4.0), 'pixels of 4 m'),
])  # fmt: skip
def test_values_and_pixel_sizes_far_from_the_training_are_reported(
    tmp_path, warnings, change, message
):
    rng = np.random.default_rng(0)
    values = rng.normal(100, 50, (3, 64, 64)) * change.get('gain', 1) + change.get('offset', 0)
    write_scene(tmp_path / 's.tif', values=values.clip(0, 255).astype(np.uint8))
    model = stub_model()
    model = replace(model, about=model.about | {'gsd': change.get('trained')})
    options = MapOptions(Settings(32, 16), gsd=change.get('gsd'))
    predict_map(model, tmp_path / 's.tif', tmp_path / 'm.tif', options)
    assert re.search(message, warnings[0]) if message else not warnings


def test_a_scene_is_predicted_at_the_pixel_size_of_the_training(tmp_path):
    coarse = write_scene(tmp_path / 'coarse.tif', 64, 80)
    transform = rasterio.transform.from_origin(500_000, 5_400_000, 0.25, 0.25)
    fine = coarse.repeat(2, 1).repeat(2, 2)
    write_scene(tmp_path / 'fine.tif', values=fine, transform=transform)
    options = MapOptions(Settings(32, 16))
    predict_map(stub_model(), tmp_path / 'coarse.tif', tmp_path / 'a.tif', options)
    finer = replace(options, gsd=0.5)
    predict_map(stub_model(), tmp_path / 'fine.tif', tmp_path / 'b.tif', finer)
    with rasterio.open(tmp_path / 'a.tif') as one, rasterio.open(tmp_path / 'b.tif') as other:
        labels = one.read(1)
        assert other.shape == (128, 160) and other.transform == transform
        assert np.array_equal(other.read(1), labels.repeat(2, 0).repeat(2, 1))
    with pytest.raises(UserError, match='by a factor of more than 16'):
        predict_map(
            stub_model(), tmp_path / 'fine.tif', tmp_path / 'c.tif', replace(options, gsd=9.0)
        )
