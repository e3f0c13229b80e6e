"""A program predicts what its model predicts, without our code, and cannot run code of its own."""

import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from mmengine.runner import save_checkpoint
from stub_model import Convolution, stub_model, write_scene

from depthda.commands import export as command
from depthda.errors import UserError
from depthda.inference.archive_check import FACTS
from depthda.inference.bundle import Card
from depthda.inference.export_program import export, save_program
from depthda.inference.map_options import MapOptions
from depthda.inference.model import load_model
from depthda.inference.predict import predict_map
from depthda.inference.predict_scene import Settings
from depthda.inference.trained_model import build_network

ROOT = Path(__file__).parents[2]
CLASSES = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
# A model with target images, whose segmentor is DepthDA, and one that learns depth in training.
CONFIGS = {'depthda': 'daformer_depthda-tiny_u2r', 'depthseg': 'depthseg_tiny_u2r'}


def run(*words):
    parser = ArgumentParser()
    command.add_arguments(parser)
    command.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Write a checkpoint with random weights for each config, and its program."""
    folder = tmp_path_factory.mktemp('programs')
    for name, config in CONFIGS.items():
        cfg = Config.fromfile(ROOT / f'configs/sample/{config}.py')
        if name == 'depthseg':  # patches as in DINOv2: images are enlarged, and grids may be odd
            cfg.merge_from_dict(
                {f'model.{key}.patch_size': 14 for key in ('backbone.arch', 'depth_decoder')}
            )
            cfg.model.backbone.arch.image_size = 140
        torch.manual_seed(1)
        network = build_network(cfg)
        for key, value in network.named_buffers():
            if key.endswith('running_mean'):
                value.normal_()
        # The models must predict more than one class.
        torch.nn.init.normal_(network.decode_head.conv_seg.weight, std=0.2)
        meta = dict(
            cfg=cfg.pretty_text,
            dataset_meta=dict(classes=CLASSES, palette=[[i, 0, 9] for i in range(7)]),
        )
        meta['trained_on'] = dict(type='LoveDARGBD', data_prefix=dict(depth_path='dsm'))
        checkpoint = folder / f'{name}.pth'
        save_checkpoint(dict(state_dict=network.state_dict(), meta=meta), str(checkpoint))
        run(checkpoint, '--format', 'pt2', '--out', folder / f'{name}.pt2', '--gsd', 0.3)
    return folder


class Uncounted(Convolution):
    """The stub without its counter, which cannot count images of any number."""

    def encode_decode(self, inputs, metas):
        return self.last(torch.tanh(self.first(inputs.nan_to_num(0.0))))


def stub():
    model = stub_model()
    model.network.__class__ = Uncounted
    return model


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """Write the program of a network of two convolutions."""
    path = tmp_path_factory.mktemp('small') / 'stub.pt2'
    return save_program(stub(), path, Card('stub', gsd=0.5))


def images(model, count, height, width):
    values = torch.rand(
        count,
        model.bands + model.needs_depth,
        height,
        width,
        generator=torch.Generator().manual_seed(2),
    )
    values[:, : model.bands] = (255 * values[:, : model.bands]).round()
    if model.needs_depth:
        values[:, -1] *= values[:, -1] > 0.2
    return list(values)


@pytest.mark.parametrize('name', CONFIGS)
def test_a_program_predicts_what_its_model_predicts(folder, name):
    model, program = load_model(folder / f'{name}.pth'), load_model(folder / f'{name}.pt2')
    for count, height, width in ((1, 128, 128), (2, 70, 33), (3, 1, 100)):
        given = images(model, count, height, width)
        expected = model.logits(given)
        assert expected.std() > 0.1
        torch.testing.assert_close(program.logits(given), expected, rtol=0, atol=1e-5)
    mixed = model.logits(given, amp=True)
    torch.testing.assert_close(program.logits(given, amp=True), mixed, rtol=0, atol=1e-5)
    assert (mixed - expected).abs().max() > 1e-3
    for key in ('classes', 'palette', 'bands', 'dtype', 'needs_depth', 'depth_source', 'window'):
        assert getattr(program, key) == getattr(model, key), key
    assert program.needs_depth == (name == 'depthda')
    assert program.about == {**model.about, 'file': f'{name}.pt2', 'gsd': 0.3}


def test_channels_that_a_program_does_not_read_are_left_out(small):
    given = torch.cat([torch.stack(images(stub(), 2, 20, 20)), torch.ones(2, 1, 20, 20)], 1)
    logits = load_model(small).logits(list(given))
    torch.testing.assert_close(logits, stub().logits(list(given)), rtol=0, atol=1e-5)


def test_a_map_needs_no_network_of_ours_and_a_program_nothing_of_ours(folder, small, tmp_path):
    """The code of the page and a map, in a process that reports what it has imported."""
    write_scene(tmp_path / 'scene.tif', 150, 90)
    write_scene(tmp_path / 'depth.tif', 150, 90, bands=1, dtype='float32')
    page = (ROOT / 'docs/predict.md').read_text()
    code = next(c for c in re.findall(r'```python\n(.*?)```', page, re.S) if 'export.load' in c)
    (tmp_path / 'model.pt2').symlink_to(small)
    predict = [
        'predict',
        str(folder / 'depthda.pt2'),
        'scene.tif',
        '--out',
        'map.tif',
        '--depth',
        'depth.tif',
    ]
    script = f"""{code}
import sys
import numpy
numpy.save('labels.npy', labels.numpy())
assert not any(name.startswith(('depthda', 'mmseg', 'mmengine', 'mmcv')) for name in sys.modules)
from depthda.main import main
status = main({predict + ['--overlap', '64']})
print(status, *sorted(name for name in sys.modules if name.startswith(('depthda', 'mmseg'))))
"""
    environment = os.environ | dict(PYTHONPATH=str(ROOT))
    done = subprocess.run(
        [sys.executable, '-c', script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    status, *modules = done.stdout.splitlines()[-1].split()
    networks = {name for name in modules if name.startswith('depthda.models.')}
    assert networks <= {'depthda.models.segmentors', 'depthda.models.segmentors.sliding_window'}
    assert not {'depthda.register', 'mmseg.models', 'depthda.inference.trained_model'} & {*modules}

    options = MapOptions(Settings(128, 64), depth=tmp_path / 'depth.tif')
    model = load_model(folder / 'depthda.pth')
    predict_map(model, tmp_path / 'scene.tif', tmp_path / 'expected.tif', options)
    maps = []
    for name in ('map.tif', 'expected.tif'):
        with rasterio.open(tmp_path / name) as raster:
            maps.append(raster.read(1))
            assert raster.tags()['DEPTHDA_MODEL_SHA256'] == model.about['sha256']
    assert np.array_equal(*maps) and len(np.unique(maps[0])) > 2
    with rasterio.open(tmp_path / 'scene.tif') as raster:
        values = torch.from_numpy(raster.read()[::-1].copy())
    labels = stub().logits([values]).argmax(1)
    assert np.array_equal(np.load(tmp_path / 'labels.npy'), labels) and labels.unique().numel() > 2


class Pickle:
    def __reduce__(self):
        return os.mkdir, (f'{os.environ["MARKER"]}',)


def changed(source, out, change):
    """Copy a program; ``change`` gets the content of its records by name."""
    with zipfile.ZipFile(source) as archive:
        records = {n.split('/', 1)[1]: archive.read(n) for n in archive.namelist()}
    change(records)
    with zipfile.ZipFile(out, 'w') as archive:
        for name, content in records.items():
            archive.writestr(f'x/{name}', content)
    return out


def edit(name, function):
    def change(records):
        content = json.loads(records[name])
        function(content)
        records[name] = json.dumps(content).encode()

    return change


def node(function):
    """Change the first node of the graph."""
    return edit('models/model.json', lambda c: function(c['graph_module']['graph']['nodes'][0]))


def payload(folder, **fields):
    def function(config):
        next(iter(config['config'].values())).update(fields)

    return edit(f'data/{folder}/model_{folder}_config.json', function)


def size(text):
    def function(content):
        content['graph_module']['graph']['sym_int_values']['x'] = {
            'as_expr': {'expr_str': text, 'hint': None}
        }

    return edit('models/model.json', function)


def argument(**value):
    return node(lambda n: n['inputs'].append({'name': 'x', 'arg': value, 'kind': 1}))


UNSAFE = {
    'an example': lambda r: r.update({'data/sample_inputs/model.pt': pickle.dumps(Pickle())}),
    'weights': payload('weights', use_pickle=True),
    'a constant': payload('constants', path_name='opaque_obj_0'),
    'a library': lambda r: r.update({'data/aotinductor/model/x.so': b''}),
    'old weights': lambda r: r.update({'data/weights/model.pt': b''}),
    'a function': node(lambda n: n.update(target='torch.hub.load')),
    'an attribute': node(lambda n: n.update(target='torch.ops.aten.__class__.mro')),
    'a private operator': node(lambda n: n.update(target='torch.ops.aten._unsafe_view.default')),
    'a file name': argument(as_string='/etc/hostname'),
    'a function as argument': argument(as_operator='torch.hub.load'),
    'an expression': size("__import__('os').mkdir('x')"),
    'a known name with an attribute': size('Integer.mro()'),
    'a letter that Python reads as another': size('\uff45val(1)'),
    'a function in a symbol': size("Symbol('s1', x=print(1))"),
    'guards': edit('models/model.json', lambda c: c.update(guards_code=['print(1)'])),
    'a structure': edit(
        'models/model.json',
        lambda c: c['graph_module']['module_call_graph'][0]['signature'].update(in_spec='[1, {}]'),
    ),
}


@pytest.mark.parametrize('name', UNSAFE)
def test_a_program_that_may_run_code_is_refused(small, tmp_path, monkeypatch, name):
    monkeypatch.setenv('MARKER', str(tmp_path / 'marker'))
    path = changed(small, tmp_path / 'x.pt2', UNSAFE[name])
    with pytest.raises(UserError, match='may run code'):
        load_model(path)
    assert not (tmp_path / 'marker').exists()
    if name == 'an example':  # torch itself runs it
        with pytest.raises(RuntimeError):
            torch.export.load(path)
        assert (tmp_path / 'marker').is_dir()


def test_a_program_is_data_without_paths_and_pickles(small):
    with zipfile.ZipFile(small) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert content['archive/data/sample_inputs/model.pt'] == b''
    assert not any(str(ROOT).encode() in record for record in content.values())
    facts = json.loads(content[f'archive/extra/{FACTS}'])
    assert facts['band_order'] == [3, 2, 1] and facts['gsd'] == 0.5 and facts['format'] == 1


def test_a_network_that_depends_on_sizes_is_not_exported(monkeypatch):
    with pytest.raises(
        UserError, match=r'images of any size \(Constraints violated \(images\)\): export'
    ):
        export(stub_model())
    model = stub()
    monkeypatch.setattr(
        Uncounted, 'encode_decode', lambda self, x, metas: self.last(self.first(x)) + training()
    )
    training = iter([0.0, *[1.0] * 9]).__next__  # as a network would whose graph misses something
    with pytest.raises(UserError, match='other values than the model for 1 image of 1 × 1'):
        export(model)


def test_other_files_are_refused_in_one_sentence(small, tmp_path):
    def reason(change):
        path = tmp_path / 'x.pt2'
        change(path)
        with pytest.raises(UserError) as error:
            load_model(path)
        return str(error.value)

    def weights(path):
        content = bytearray(small.read_bytes())
        with zipfile.ZipFile(small) as archive:
            (info,) = [i for i in archive.infolist() if i.filename.endswith('/weight_0')]
        content[info.header_offset + 200] ^= 1
        path.write_bytes(content)

    half = small.read_bytes()[:9000]
    assert 'is damaged' in reason(lambda path: path.write_bytes(half))
    assert 'is damaged (in archive/data/weights/weight_0)' in reason(weights)
    bare = torch.export.export(torch.nn.ReLU(), (torch.zeros(2),))
    assert 'does not say which classes' in reason(lambda path: torch.export.save(bare, path))
    other = edit(f'extra/{FACTS}', lambda facts: facts.update(format=2))
    assert 'has format 2, and depthda' in reason(lambda path: changed(small, path, other))
    with pytest.raises(UserError, match='ends in .pt2'):
        save_program(stub_model(), tmp_path / 'model', Card('x'))
    with pytest.raises(UserError, match='is a program already'):
        run(small, '--format', 'pt2', '--out', tmp_path / 'y.pt2')
    with pytest.raises(UserError, match='--push uploads a bundle'):
        run(small, '--format', 'pt2', '--out', tmp_path / 'y.pt2', '--push', 'a/b')
