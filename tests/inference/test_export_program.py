"""A program predicts what its model predicts, without our code."""

import os
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from mmengine.runner import save_checkpoint
from stac_schemas import check_item
from stub_model import Uncounted, stub_model, write_scene

from depthda.commands import export as export_command
from depthda.errors import UserError
from depthda.inference.bundle import Card
from depthda.inference.export_program import export, save_program
from depthda.inference.map_options import MapOptions
from depthda.inference.model import load_model
from depthda.inference.predict import predict_map
from depthda.inference.predict_scene import Settings
from depthda.inference.stac_model import model_item
from depthda.inference.trained_model import TrainedModel, build_network, whole_strides

ROOT = Path(__file__).parents[2]
CLASSES = ['a', 'b', 'c', 'd', 'e', 'f', 'g']


def run(*words):
    parser = ArgumentParser()
    export_command.add_arguments(parser)
    export_command.run(parser.parse_args([str(word) for word in words]))


def build(cfg):
    """Build the network of a config with random weights that predict more than one class."""
    torch.manual_seed(1)
    network = build_network(cfg)
    for key, value in network.named_buffers():
        if key.endswith('running_mean'):
            value.normal_()
    torch.nn.init.normal_(network.decode_head.conv_seg.weight, std=0.2)
    return network


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Export a checkpoint of a training with target images, whose segmentor is DepthDA."""
    folder = tmp_path_factory.mktemp('programs')
    cfg = Config.fromfile(ROOT / 'configs/sample/daformer_depthda-tiny_u2r.py')
    metainfo = dict(classes=CLASSES, palette=[[i, 0, 9] for i in range(7)])
    meta = dict(cfg=cfg.pretty_text, dataset_meta=metainfo)
    meta['trained_on'] = dict(type='LoveDARGBD', data_prefix=dict(depth_path='dsm'))
    state = {f'segmentor.{key}': value for key, value in build(cfg).state_dict().items()}
    save_checkpoint(dict(state_dict=state, meta=meta), str(folder / 'model.pth'))
    run(folder / 'model.pth', '--format', 'pt2', '--out', folder / 'model.pt2', '--gsd', 0.3)
    return folder


def images(model, count, height, width):
    torch.manual_seed(2)
    values = torch.rand(count, model.bands + model.needs_depth, height, width)
    values[:, : model.bands] = (255 * values[:, : model.bands]).round()
    if model.needs_depth:
        values[:, -1] *= values[:, -1] > 0.2
    return list(values)


def check_equal(model, logits):
    """Compare logits with those of a model at three sizes, and in mixed precision."""
    for count, height, width in ((1, 128, 128), (2, 70, 33), (3, 1, 100)):
        inputs = images(model, count, height, width)
        expected = model.logits(inputs)
        assert expected.std() > 0.1
        torch.testing.assert_close(logits(inputs), expected, rtol=0, atol=1e-5)
    mixed = model.logits(inputs, amp=True)
    torch.testing.assert_close(logits(inputs, amp=True), mixed, rtol=0, atol=1e-5)
    assert (mixed - expected).abs().max() > 1e-3


def test_a_program_predicts_what_its_model_predicts(folder):
    model, program = load_model(folder / 'model.pth'), load_model(folder / 'model.pt2')
    check_equal(model, program.logits)
    for key in ('classes', 'palette', 'bands', 'dtype', 'needs_depth', 'depth_source', 'window'):
        assert getattr(program, key) == getattr(model, key), key
    assert program.needs_depth and program.depth_source == 'dsm'
    assert program.about == {**model.about, 'file': 'model.pt2', 'gsd': 0.3}


def test_a_program_is_described_like_its_model(folder, tmp_path):
    network, program = (
        model_item(
            load_model(folder / name), str(folder / name), tmp_path / 'm.json', Settings(64, 32), ''
        )
        for name in ('model.pth', 'model.pt2')
    )
    for item in (network, program):
        check_item(
            item | dict(properties=item['properties'] | dict(datetime='2021-06-03T00:00:00Z'))
        )
    # A program reads the channels as the file is loaded, and swaps them itself.
    bands = [item['properties']['mlm:input'][0]['bands'] for item in (network, program)]
    assert bands == [[f'band_{i}' for i in order] + ['depth'] for order in ((1, 2, 3), (3, 2, 1))]
    counts = [item['properties']['mlm:total_parameters'] for item in (network, program)]
    assert counts[0] == counts[1] > 1000
    assert program['assets']['model']['mlm:artifact_type'] == 'torch.export.save'


def test_depthseg_is_exported_without_its_depth_map_for_all_grids_of_patches():
    cfg = Config.fromfile(ROOT / 'configs/sample/depthseg_tiny_u2r.py')
    # Patches as in DINOv2: images are enlarged, and grids may be odd; 128 pixels become 140, the
    # size whose embeddings of positions are not interpolated.
    cfg.merge_from_dict(
        {f'model.{key}.patch_size': 14 for key in ('backbone.arch', 'depth_decoder')}
        | {'model.backbone.arch.image_size': 140, 'model.keep_depth': True}
    )
    network = build(cfg).eval()
    model = TrainedModel(network, tuple(CLASSES), ((0, 0, 0),) * len(CLASSES), cfg)
    program = export(model).module()

    def logits(inputs, amp=False):
        with torch.no_grad(), torch.autocast('cpu', torch.bfloat16, enabled=amp):
            return program(torch.stack(inputs))

    check_equal(model, logits)
    assert network.keep_depth
    weights = {name.removeprefix('network.') for name in program.state_dict()}
    unused = {name for name, _ in network.named_parameters()} - weights
    assert any(name.startswith('depth_decoder.neck') for name in weights)
    # The first fusion has one input and the encoder no masked patch.
    parts = 'depth_decoder.head', 'depth_decoder.neck.fusion_stage.layers.0.residual_layer1'
    assert {n for n in unused if not n.startswith(parts)} == {
        'backbone.model.embeddings.mask_token'
    }


@pytest.mark.parametrize('bands', [3, 4])  # 4 channels: the last is depth, or there is none
def test_images_are_padded_to_whole_strides_with_the_mean_and_without_depth(bands):
    batch = torch.randn(2, 4, 33, 64)
    expected = np.zeros((2, 4, 64, 64), np.float32)
    expected[:, bands:] = np.nan
    expected[:, :, :33] = batch
    np.testing.assert_array_equal(whole_strides(batch, bands), expected)


def test_a_program_moves_to_a_device_and_leaves_out_channels_that_it_does_not_read(small):
    inputs = [
        torch.cat([image, torch.ones(1, 20, 20)]) for image in images(stub_model(), 2, 20, 20)
    ]
    expected = stub_model().logits(inputs)
    torch.testing.assert_close(load_model(small).logits(inputs), expected, rtol=0, atol=1e-5)
    # A device without values stands for a GPU.
    program = load_model(small, device='meta').program
    elsewhere = program(torch.zeros(2, 3, 20, 20, device='meta'))
    assert elsewhere.device.type == 'meta' and elsewhere.shape == expected.shape


def test_a_map_needs_no_network_code_and_a_program_needs_no_depthda(folder, small, tmp_path):
    """The code of the page and a map, in a process that reports what it has imported."""
    write_scene(tmp_path / 'scene.tif', 150, 90)
    write_scene(tmp_path / 'depth.tif', 150, 90, bands=1, dtype='float32')
    page = (ROOT / 'docs/predict.md').read_text()
    code = next(c for c in re.findall(r'```python\n(.*?)```', page, re.S) if 'export.load' in c)
    (tmp_path / 'model.pt2').symlink_to(small)
    options = '--out map.tif --depth depth.tif --overlap 64'.split()
    words = ['predict', str(folder / 'model.pt2'), 'scene.tif', *options]
    script = f"""{code}
import sys
import numpy
numpy.save('labels.npy', labels.numpy())
assert not any(name.startswith(('depthda', 'mmseg', 'mmengine', 'mmcv')) for name in sys.modules)
from depthda.main import main
status = main({words})
print(status, *sorted(name for name in sys.modules if name.startswith(('depthda', 'mmseg'))))
"""
    environment = os.environ | dict(PYTHONPATH=str(ROOT))
    command = [sys.executable, '-c', script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    status, *modules = done.stdout.splitlines()[-1].split()
    networks = {name for name in modules if name.startswith('depthda.models.')}
    assert networks <= {'depthda.models.segmentors', 'depthda.models.segmentors.sliding_window'}
    assert not {'depthda.register', 'mmseg.models', 'depthda.inference.trained_model'} & {*modules}

    options = MapOptions(Settings(128, 64), depth=tmp_path / 'depth.tif')
    model = load_model(folder / 'model.pth')
    predict_map(model, tmp_path / 'scene.tif', tmp_path / 'expected.tif', options)
    maps = []
    for name in ('map.tif', 'expected.tif'):
        with rasterio.open(tmp_path / name) as raster:
            maps.append(raster.read(1))
            assert raster.tags()['DEPTHDA_MODEL_SHA256'] == model.about['sha256']
    assert np.array_equal(*maps) and len(np.unique(maps[0])) > 2
    with rasterio.open(tmp_path / 'scene.tif') as raster:
        values = torch.from_numpy(raster.read()[::-1].copy())
    labels = stub_model().logits([values]).argmax(1)
    assert np.array_equal(np.load(tmp_path / 'labels.npy'), labels) and labels.unique().numel() > 2


def test_a_network_that_depends_on_sizes_is_not_exported(monkeypatch):
    with pytest.raises(UserError, match=r'any size \(Constraints violated \(images\)\): export'):
        export(stub_model())
    model = stub_model(counted=False)
    monkeypatch.setattr(
        Uncounted, 'encode_decode', lambda self, x, metas: self.last(self.first(x)) + training()
    )
    training = iter([0.0, *[1.0] * 9]).__next__  # as a network would whose graph misses something
    with pytest.raises(UserError, match='predict different values for 1 image of 1 × 1'):
        export(model)


def test_what_cannot_be_exported_is_refused(small, tmp_path):
    with pytest.raises(UserError, match='ends in .pt2'):
        save_program(stub_model(), tmp_path / 'model', Card('x'))
    with pytest.raises(UserError, match='is already a program'):
        run(small, '--format', 'pt2', '--out', tmp_path / 'y.pt2')
    with pytest.raises(UserError, match='--push uploads only bundles'):
        run(small, '--format', 'pt2', '--out', tmp_path / 'y.pt2', '--push', 'a/b')
