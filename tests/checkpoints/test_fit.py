"""The check between a checkpoint and a model, and partial starts."""

import re
import runpy
import shlex
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.apis import init_model
from mmseg.registry import MODELS
from refusals import refusal
from torch import nn

from depthda.checkpoints.fit import complete_weights, match_weights, partial_weights
from depthda.cli import OptionsAction
from depthda.engine.launch import load_config, test, train
from depthda.errors import UserError
from depthda.io.files import read_json

test.__test__ = False  # keep pytest from collecting this imported function

SAMPLES = Path(__file__).parents[2] / 'configs' / 'sample'
CONFIG = SAMPLES / 'depthda_tiny_u2r.py'
ADVICE = 'use the config it was trained with'


def two_layers():
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def test_the_error_lists_the_weights_that_do_not_fit():
    model = two_layers()
    weights = model.state_dict()
    assert match_weights(model, weights).fault() is None
    distributed = {f'module.{key}': value for key, value in weights.items()}
    assert complete_weights(model, {'state_dict': distributed}, ADVICE).keys() == weights.keys()

    weights['0.weight'] = torch.zeros(3, 4)
    weights['old.bias'] = weights.pop('1.bias')
    assert refusal(complete_weights, model, weights, ADVICE) == (
        'the checkpoint does not fit the model of this config: 1 weight missing (1.bias), 1 weight '
        'not in the model (old.bias), 1 weight with a different shape (0.weight 3×4 instead of '
        '3×2); use the config it was trained with.'
    )


def test_a_checkpoint_without_tensors_is_refused():
    assert refusal(match_weights, two_layers(), {'model': {}, 'epoch': 3}) == (
        'the checkpoint has entries that are not tensors (model, epoch): save it again as '
        "{'state_dict': ...}, with only tensors and their names in the model."
    )


class Segmentor(nn.Module):
    def __init__(self, bands=3, classes=7):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(bands, 8, 3), nn.Conv2d(8, 8, 3))
        self.decode_head = nn.Sequential(nn.Conv2d(8, classes, 1))
        self.extra = nn.Linear(2, 2)


def test_weights_that_fit_are_loaded_and_the_others_keep_their_values(monkeypatch):
    lines = []
    monkeypatch.setattr('depthda.checkpoints.fit.show', lines.append)
    source, model = Segmentor(bands=4, classes=5), Segmentor()
    stored = source.state_dict()
    del stored['extra.bias']
    stored['teacher.weight'] = torch.zeros(1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    weights, record = partial_weights(model, {'state_dict': stored}, 'other.pth')
    assert weights.keys() == before.keys()
    loaded = {key for key in before if weights[key] is stored.get(key)}
    assert loaded == {'backbone.0.bias', 'backbone.1.weight', 'backbone.1.bias', 'extra.weight'}
    assert all(torch.equal(weights[key], before[key]) for key in before.keys() - loaded)
    assert record == {
        'loaded': 4,
        'of': 8,
        'skipped': {
            'of another shape': [
                'backbone.0.weight 8×4×3×3 instead of 8×3×3×3',
                'decode_head.0.weight 5×8×1×1 instead of 7×8×1×1',
                'decode_head.0.bias 5 instead of 7',
            ],
            'missing in the checkpoint': ['extra.bias (1)'],
            'left over': ['teacher.weight (1)'],
        },
    }
    (printed,) = lines
    assert 'load_partial: 4 of 8 tensors from other.pth\n' in printed
    assert '  of another shape: backbone.0.weight 8×4×3×3 instead of 8×3×3×3, decode_' in printed
    assert '  missing in the checkpoint: extra.bias (1)\n  left over: teacher.weight (1)' in printed


def test_a_partial_start_is_refused_if_almost_nothing_fits():
    """A few numbers, such as biases, fit any model."""
    model, stored = Segmentor(), Segmentor().state_dict()
    for key in ('backbone.0.weight', 'backbone.1.weight'):
        stored[key] = torch.zeros(1)
    assert refusal(partial_weights, model, stored, 'other.pth') == (
        'load_partial: only 2% of the encoder of this config would come from other.pth: 2 weights '
        'with a different shape (backbone.0.weight 1 instead of 8×3×3×3, backbone.1.weight 1 '
        'instead of 8×8×3×3); set load_from to a checkpoint with the same encoder, or remove it.'
    )
    with pytest.raises(UserError, match='^load_partial: only 0% of the model of this config would'):
        partial_weights(two_layers(), {'a': torch.zeros(1)}, 'other.pth')


@pytest.fixture(scope='module')
def five_class_checkpoint(tmp_path_factory):
    """A checkpoint of the sample's model with heads of five classes."""
    init_default_scope('mmseg')  # before the fixture of every test does so
    cfg = Config.fromfile(CONFIG)
    torch.manual_seed(1)
    cfg.model.decode_head.num_classes = 5
    path = tmp_path_factory.mktemp('weights') / 'five.pth'
    content = {'state_dict': MODELS.build(cfg.model).state_dict(), 'meta': {}}
    torch.save(content, path)
    return path


@pytest.fixture
def one_step(short_run):
    return short_run | {
        'train_cfg.max_iters': 1,
        'train_cfg.val_interval': 10,
        'default_hooks.checkpoint.interval': 1,
    }


@pytest.fixture
def start_options(one_step, five_class_checkpoint):
    return one_step | {'load_from': str(five_class_checkpoint)}


def test_the_advice_of_the_error_works(
    start_options, tmp_path, five_class_checkpoint, monkeypatch, capsys
):
    """From the error to a trained, resumed and tested run, with the words that it prints."""
    words = ['train.py', str(CONFIG), '--work-dir', str(tmp_path / 'run'), '--cfg-options']
    monkeypatch.setattr(
        sys, 'argv', [*words, *(f'{key}={value}' for key, value in start_options.items())]
    )
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(SAMPLES.parents[1] / 'tools/train.py'), run_name='__main__')
    assert stopped.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        'error: '
        + re.escape(str(five_class_checkpoint))
        + r' does not fit the model of this config: 2 weights with a different shape '
        r'\(decode_head.conv_seg.weight 5×(\d+)×1×1 instead of 7×\1×1×1, '
        r'decode_head.conv_seg.bias 5 instead of 7\); to start from what fits, add '
        r'--cfg-options load_partial=True\.',
        message,
    )
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    typed = re.search(r'--cfg-options .*(?=\.$)', message)[0]
    options = start_options | parser.parse_args(shlex.split(typed)).cfg_options

    runner = train(CONFIG, str(tmp_path / 'run'), cfg_options=options)
    stored = torch.load(five_class_checkpoint, weights_only=True)['state_dict']
    record = read_meta(tmp_path / 'run/iter_1.pth')
    assert record['file'] == str(five_class_checkpoint) and len(record['sha256']) == 12
    assert (record['loaded'], record['of']) == (len(stored) - 2, len(stored))
    assert record['skipped']['of another shape'][1] == 'decode_head.conv_seg.bias 5 instead of 7'
    assert f'load_partial: {len(stored) - 2} of {len(stored)} tensors from' in logs(tmp_path)
    assert runner.iter == 1

    # A resumed run reads its own checkpoint completely, and keeps the record.
    further = options | {'train_cfg.max_iters': 2}
    train(CONFIG, str(tmp_path / 'run'), resume=True, cfg_options=further)
    assert read_meta(tmp_path / 'run/iter_2.pth') == record
    results = test(
        CONFIG, tmp_path / 'run/iter_2.pth', str(tmp_path / 'test'), cfg_options=start_options
    )
    assert results['initialised_from'] == record
    assert read_json(tmp_path / 'test/metrics.json')['initialised_from'] == record


def logs(folder):
    return ''.join(path.read_text() for path in folder.glob('run/*/*.log'))


def read_meta(path):
    return torch.load(path, weights_only=True, map_location='cpu')['meta']['initialised_from']


def test_a_test_never_loads_only_a_part_of_a_checkpoint(
    five_class_checkpoint, start_options, tmp_path
):
    options = start_options | {'load_partial': True}
    with pytest.raises(UserError, match=rf'conv_seg.bias 5 instead of 7\); {ADVICE}\.$'):
        test(CONFIG, five_class_checkpoint, str(tmp_path), cfg_options=options)
    with pytest.raises(UserError, match=rf'conv_seg.bias 5 instead of 7\); {ADVICE}\.$'):
        init_model(str(CONFIG), str(five_class_checkpoint), device='cpu')


def test_a_config_without_the_key_is_advised_to_add_it(
    five_class_checkpoint, start_options, tmp_path
):
    cfg = load_config(CONFIG, start_options)
    del cfg._cfg_dict['load_partial']
    cfg.dump(tmp_path / 'own.py')
    with pytest.raises(UserError, match=r'add --cfg-options \+load_partial=True\.$'):
        train(tmp_path / 'own.py', str(tmp_path / 'run'))
    assert load_config(tmp_path / 'own.py', {'+load_partial': True}).load_partial is True


def test_a_model_that_fits_needs_no_option_and_is_recorded(one_step, tmp_path):
    path = tmp_path / 'seven.pth'
    torch.save({'state_dict': MODELS.build(Config.fromfile(CONFIG).model).state_dict()}, path)
    train(CONFIG, str(tmp_path / 'run'), cfg_options=one_step | {'load_from': str(path)})
    assert read_meta(tmp_path / 'run/iter_1.pth').keys() == {'file', 'sha256'}


def test_with_other_bands_only_the_first_layer_is_skipped():
    three, four = (
        MODELS.build(Config.fromfile(SAMPLES / f'depthda_tiny_{name}u2r.py').model)
        for name in ('', '4band_')
    )
    initial = four.state_dict()['backbone.rgb.stem.0.weight'].clone()
    weights, record = partial_weights(four, three.state_dict(), 'three.pth')
    assert record['skipped'] == {
        'of another shape': ['backbone.rgb.stem.0.weight 8×3×3×3 instead of 8×4×3×3'],
        'missing in the checkpoint': [],
        'left over': [],
    }
    assert torch.equal(weights['backbone.rgb.stem.0.weight'], initial)
