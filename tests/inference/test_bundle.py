"""A bundle gives the same predictions as its checkpoint; a changed one, or a pickle, is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import save_checkpoint

from depthda.errors import UserError
from depthda.inference.bundle import Card, save_bundle
from depthda.inference.model import load_model
from depthda.inference.trained_model import build_network

CONFIGS = Path(__file__).parents[2] / 'configs/sample'
METAINFO = dict(classes=['a', 'b', 'c', 'd', 'e', 'f', 'g'], palette=[[i, 0, 9] for i in range(7)])


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Write a checkpoint of DepthDA as a training writes it, with random weights."""
    cfg = Config.fromfile(CONFIGS / 'depthda_tiny_u2r.py')
    torch.manual_seed(1)
    network = build_network(cfg)
    for name, value in network.named_buffers():
        if name.endswith('running_mean'):
            value.normal_()
    path = tmp_path_factory.mktemp('run') / 'iter_7.pth'
    meta = dict(cfg=cfg.pretty_text, dataset_meta=METAINFO, selection=dict(rule='last iteration'))
    meta['trained_on'] = dict(type='LoveDARGBD', domains=['Urban'], splits=['Train'])
    save_checkpoint(dict(state_dict=network.state_dict(), meta=meta), str(path))
    return path


@pytest.fixture
def bundle(checkpoint, tmp_path):
    card = Card('north', gsd=0.3, licence='cc-by-4.0', scores={'mIoU': 51.2})
    save_bundle(load_model(checkpoint), tmp_path / 'bundle', card)
    return tmp_path / 'bundle'


def images():
    values = torch.rand(4, 64, 64, generator=torch.Generator().manual_seed(2))
    values[:3] *= 255
    return [values]


def test_a_bundle_predicts_what_its_checkpoint_predicts(checkpoint, bundle):
    before, after = load_model(checkpoint), load_model(bundle)
    assert torch.equal(before.logits(images()), after.logits(images()))
    assert before.logits(images()).std() > 0
    assert (after.classes, after.palette) == (before.classes, before.palette)
    assert after.classes == tuple(METAINFO['classes']) and after.needs_depth
    assert after.about['sha256'] == before.about['sha256'] and after.about['gsd'] == 0.3
    assert after.window == (128, 128)


def test_the_card_says_where_the_model_comes_from(bundle):
    text = (bundle / 'README.md').read_text()
    for part in ('license: cc-by-4.0', '0.3 m', 'LoveDARGBD, Urban, Train', 'last iteration'):
        assert part in text
    assert '| mIoU | 51.20 |' in text and sorted(p.name for p in bundle.iterdir()) == [
        'README.md',
        'bundle.json',
        'model.safetensors',
    ]


def test_a_changed_bundle_is_refused(bundle, tmp_path):
    def changed(name, change):
        shutil.copytree(bundle, tmp_path / name)
        change(tmp_path / name)
        with pytest.raises(UserError) as error:
            load_model(tmp_path / name)
        return str(error.value)

    def weights(folder):
        content = bytearray((folder / 'model.safetensors').read_bytes())
        content[-3] ^= 1
        (folder / 'model.safetensors').write_bytes(content)

    def model(folder):
        facts = json.loads((folder / 'bundle.json').read_text())
        facts['model']['decode_head']['num_classes'] = 6
        facts['model']['decode_head']['channels'] = 16
        (folder / 'bundle.json').write_text(json.dumps(facts))

    assert 'is not the file that bundle.json describes' in changed('weights', weights)
    assert 'does not fit the model' in changed('model', model)
    assert 'might run code' in changed('pickle', lambda f: (f / 'optimizer.pt').write_bytes(b'x'))
    assert 'lacks bundle.json' in changed('facts', lambda f: (f / 'bundle.json').unlink())


def test_a_folder_of_other_files_is_not_overwritten(checkpoint, tmp_path):
    (tmp_path / 'thesis.tex').write_text('years of work')
    with pytest.raises(UserError, match='contains other files'):
        save_bundle(load_model(checkpoint), tmp_path, Card('x'))
    with pytest.raises(UserError, match='there is no checkpoint or bundle'):
        load_model(tmp_path / 'none')
