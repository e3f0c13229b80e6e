"""``depthda predict``: what it prints and writes, its exit status, and its messages."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from mmengine.runner import save_checkpoint
from rasterio.transform import from_origin
from tiny_rasters import write_raster

from depthda.inference.map_options import MapOptions
from depthda.inference.model import load_model
from depthda.inference.predict_scene import Settings
from depthda.inference.scenes import predict_scenes
from depthda.inference.trained_model import build_network
from depthda.main import main
from depthda.processes import Shard

CONFIGS = Path(__file__).parents[2] / 'configs/sample'
CLASSES = ['water', 'forest', 'field', 'roof', 'road', 'bare', 'low wood']
PLACE = dict(crs='EPSG:32632', transform=from_origin(500_000, 5_400_000, 0.5, 0.5))


def save(folder, name):
    """Write a checkpoint with random weights, as a training writes it."""
    cfg = Config.fromfile(CONFIGS / f'{name}_tiny_u2r.py')
    torch.manual_seed(1)
    network = build_network(cfg)
    network.decode_head.conv_seg.weight.data.normal_(0, 3)
    meta = dict(cfg=cfg.pretty_text, selection=dict(rule='last iteration'))
    meta['dataset_meta'] = dict(classes=CLASSES, palette=[[30 * i, 0, 9] for i in range(7)])
    save_checkpoint(dict(state_dict=network.state_dict(), meta=meta), str(folder / f'{name}.pth'))
    return folder / f'{name}.pth'


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return save(tmp_path_factory.mktemp('run'), 'upernet')


@pytest.fixture
def values():
    return np.random.default_rng(3).integers(1, 255, (7, 9, 3), np.uint8).repeat(8, 0).repeat(8, 1)


@pytest.fixture
def scenes(tmp_path, values):
    """Write a folder of three scenes, the second of which is cut off."""
    folder = tmp_path / 'scenes'
    for name in ('a.tif', 'b.tif', 'c.tif'):
        write_raster(folder / name, values, **PLACE)
    (folder / 'b.tif').write_bytes((folder / 'b.tif').read_bytes()[:-6000])
    return folder


@pytest.fixture
def predict(checkpoint, capfd, tmp_path, monkeypatch):
    """Run the command in ``tmp_path``: status, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, model=checkpoint):
        capfd.readouterr()
        try:
            status = main(['predict', str(model), *map(str, arguments), '--device', 'cpu'])
        except SystemExit as stopped:
            status = stopped.code
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def warnings(monkeypatch):
    """Return the list of warnings, which go to the log otherwise."""
    messages = []
    for module in ('console', 'inference.predict', 'inference.scenes'):
        monkeypatch.setattr(f'depthda.{module}.warn', messages.append)
    return messages


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith('.'))


def test_all_outputs_of_a_scene_are_named_and_written(predict, tmp_path, scenes):
    outputs = ['--confidence', '--probabilities', '--vector', '--geojson', '--preview', '--stac']
    outputs += ['--stats', '--datetime', '2021-06']
    arguments = ('scenes/a.tif', '--out', 'out/map.tif', *outputs)
    status, printed, _ = predict(*arguments)
    assert status == 0
    lines = printed.splitlines()
    files = [Path(line) for line in lines if line.startswith('out/')]
    assert sorted(path.name for path in files) == visible(tmp_path / 'out')
    assert len(files) == 9 and files[0] == Path('out/map.tif')
    with rasterio.open(tmp_path / 'out/map.tif') as raster:
        labels = raster.read(1)
    table = {' '.join(words[:-3]): words[-3:] for words in map(str.split, lines[1:8])}
    for value, name in enumerate(CLASSES):
        count = (labels == value).sum()
        expected = [f'{count}', f'{100 * count / labels.size:.2f}', f'{count * 0.25e-4:.4f}']
        assert table[name] == expected
    item = json.loads((tmp_path / 'out/map.json').read_text())
    assert {part['href'] for part in item['assets'].values()} == {
        path.name for path in files if path.suffix != '.json'
    }
    assert item['properties']['end_datetime'] == '2021-06-30T23:59:59Z'


def test_a_broken_scene_is_skipped_or_stops_the_run(predict, warnings, tmp_path, scenes):
    options = ('--on-error', 'skip', '--vector', '--stac', '--datetime', '2021')
    status, printed, _ = predict('scenes', '--out', 'skipped', *options)
    assert status == 1 and printed.splitlines()[-1] == '2 maps written, 1 scene skipped'
    assert any(text.startswith('skipped: scenes/b.tif cannot be read') for text in warnings)
    ends = ['.gpkg', '.json', '.tif', '.tif.aux.xml', '_model.json']
    assert visible(tmp_path / 'skipped') == [stem + end for stem in 'ac' for end in ends]
    status, printed, errors = predict('scenes', '--out', 'stopped', '--vector')
    assert status == 2 and 'b.tif cannot be read completely' in errors
    # The first map is complete, and so are its polygons.
    assert visible(tmp_path / 'stopped') == ['a.gpkg', 'a.tif', 'a.tif.aux.xml']
    assert 'stopped/a.gpkg' in printed


def test_a_scene_without_a_georeference_is_allowed_and_reported(
    predict, warnings, tmp_path, values
):
    write_raster(tmp_path / 'a.png', values)
    status, printed, errors = predict('a.png', '--out', 'map.tif', '--stats', '--vector')
    assert status == 0 and 'a.png has no coordinate system' in warnings[0]
    assert 'Warning' not in errors
    assert printed.splitlines()[0].split() == ['class', 'pixels', '%']


def test_without_a_date_there_is_no_item_and_a_line_says_why(predict, warnings, tmp_path, scenes):
    status, *_ = predict('scenes/a.tif', '--out', 'map.tif', '--stac')
    reason = 'scenes/a.tif has no date, so no STAC item is written: set --datetime'
    assert status == 0 and reason in warnings
    assert not list(tmp_path.glob('*.json'))
    with rasterio.open(scenes / 'a.tif', 'r+') as raster:
        raster.update_tags(TIFFTAG_DATETIME='2020:05:06 07:08:09')
    predict('scenes/a.tif', '--out', 'map.tif', '--stac')
    assert 'TIFFTAG_DATETIME, which may be the time when the file' in warnings[-1]
    item = json.loads((tmp_path / 'map.json').read_text())
    assert item['properties']['datetime'] == '2020-05-06T07:08:09Z'


def test_inputs_are_never_overwritten(predict, tmp_path, values, scenes):
    picture = write_raster(tmp_path / 'town.png', values, **PLACE)
    area = tmp_path / 'area.geojson'
    ring = '[[500000,5399990],[500020,5399990],[500020,5400000],[500000,5399990]]'
    named = '"crs": {"properties": {"name": "EPSG:32632"}}'
    area.write_text(f'{{"type": "Polygon", "coordinates": [{ring}], {named}}}')
    before = picture.read_bytes(), area.read_bytes()
    for arguments, name in (
        (('town.png', '--out', 'town.tif', '--preview'), 'town.png'),
        (('town.png', '--out', 'area.tif', '--aoi', 'area.geojson', '--geojson'), 'area.geojson'),
        (('scenes', '--out', 'scenes'), 'scenes/a.tif'),
    ):
        status, _, errors = predict(*arguments)
        assert status == 2 and f'{name} is an input and would be overwritten' in errors
    assert (picture.read_bytes(), area.read_bytes()) == before
    assert predict('town.png', '--out', 'town.tif')[0] == 0
    write_raster(tmp_path / 'more/a.tif', values)
    write_raster(tmp_path / 'more/a_confidence.tif', values)
    status, _, errors = predict('more', '--out', 'out', '--confidence')
    assert status == 2 and 'two scenes would write out/a_confidence.tif' in errors


def test_what_cannot_be_read_or_written_is_one_sentence(predict, tmp_path, values, scenes):
    write_raster(tmp_path / 'one.tif', values[..., :1], **PLACE)
    write_raster(tmp_path / 'four.tif', np.dstack([values, values[..., :1]]), **PLACE)
    write_raster(tmp_path / 'empty.tif', values * 0, nodata=0, **PLACE)
    (tmp_path / 'text.tif').write_text('no image')
    (tmp_path / 'file').touch()
    cases = [
        (('one.tif',), 'one.tif has 1 band, but this model reads 3: use an image that has them.'),
        (('four.tif',), 'four.tif has 4 bands, but this model reads 3: select them with --bands'),
        (('empty.tif',), 'empty.tif has no pixels with data'),
        (('scenes/b.tif',), 'scenes/b.tif cannot be read completely (b.tif, band 1: IReadBlock'),
        (('text.tif',), 'text.tif cannot be read'),
        (('none.tif',), 'there is no scene none.tif'),
        (('scenes/a.tif', '--datetime', 'June'), '--datetime June is not a date'),
        (('scenes/a.tif', '--window', '0'), '--window 0'),
        (('scenes/a.tif', '--reference', 'one.tif', '--bands', '9', '2', '1'), 'no band 9'),
    ]
    for arguments, message in cases:
        status, _, errors = predict(*arguments, '--out', 'out/map.tif')
        assert status == 2 and errors.splitlines()[-1].startswith('error: ')
        assert message in errors.splitlines()[-1]
        assert not (tmp_path / 'out').exists() or not visible(tmp_path / 'out')
    status, _, errors = predict('scenes/a.tif', '--out', 'file/map.tif')
    assert status == 2 and 'Not a directory' in errors


def test_depth_must_be_on_the_grid_of_the_scene(predict, tmp_path, values, scenes):
    model = save(tmp_path, 'depthda')
    ramp = np.linspace(1, 65535, 72)[None].repeat(56, 0).astype(np.uint16)
    write_raster(tmp_path / 'depth/a.png', ramp)
    write_raster(tmp_path / 'narrow.tif', ramp[:, :-1], **PLACE)
    moved = PLACE | dict(transform=from_origin(500_001, 5_400_000, 0.5, 0.5))
    write_raster(tmp_path / 'moved.tif', ramp, **moved)
    heights = np.where(ramp > 60000, -9999, ramp / 1000).astype(np.float32)
    write_raster(tmp_path / 'undeclared.tif', heights, **PLACE)
    status, printed, _ = predict('scenes/a.tif', '--out', 'a.tif', '--depth', 'depth', model=model)
    assert status == 0 and 'a.tif.aux.xml' in printed
    cases = [
        ((), 'this model reads depth'),
        (('--depth', 'narrow.tif'), 'have different sizes, 71×56 and 72×56'),
        (('--depth', 'moved.tif'), 'are 2.0 columns and 0.0 rows apart'),
        (('--depth', 'none.tif'), 'there is no depth map none.tif'),
        (('--depth', 'undeclared.tif'), 'the height -9999, which looks like undeclared no-data'),
        (('--depth', 'depth', '--depth-model', 'x/y'), 'leave out one of the two'),
    ]
    for arguments, message in cases:
        status, _, errors = predict('scenes/c.tif', '--out', 'c.tif', *arguments, model=model)
        assert status == 2 and message in errors
    assert not (tmp_path / 'c.tif').exists()


def test_two_processes_share_the_scenes_and_write_the_same_maps(
    predict, scenes, tmp_path, checkpoint
):
    (scenes / 'b.tif').unlink()
    assert predict('scenes', '--out', 'one')[0] == 0
    model, options = load_model(checkpoint), MapOptions(Settings(128, 64, batch=3))
    for rank, name in enumerate(('a', 'c')):
        results, _ = predict_scenes(model, ['scenes'], 'two', options, shard=Shard(rank, 2))
        assert [result.files[0] for result in results] == [Path(f'two/{name}.tif')]
        written = [(tmp_path / run / f'{name}.tif').read_bytes() for run in ('one', 'two')]
        assert written[0] == written[1]
