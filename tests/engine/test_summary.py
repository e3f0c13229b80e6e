"""The lines that a run begins with."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from torch import nn

from depthda.engine.launch import train
from depthda.engine.optimizers.autocast_optim_wrapper import AutocastOptimWrapper
from depthda.engine.resume import Start
from depthda.engine.summary import _model, _optimisers, _origin, _precision, data_line

CONFIG = 'configs/sample/upernet_tiny_u2r.py'


@pytest.fixture
def model():
    model = nn.Sequential(nn.Linear(200, 100), nn.Linear(100, 1))
    model[0].requires_grad_(False)
    return model


def test_parameters_are_counted_and_frozen_ones_are_not_hidden(model):
    assert _model(model) == 'Sequential, 0.02 M parameters, 101 of them trainable'
    assert _model(model[1]) == 'Linear, 101 parameters'


def test_optimisers_are_named_with_the_rate_after_the_warm_up(model):
    groups = [{'params': model[1].weight, 'lr': 1e-5}, {'params': model[1].bias}]
    optimizer = torch.optim.AdamW(groups)
    for group, rate in zip(optimizer.param_groups, (1e-4, 1e-3), strict=True):
        group['initial_lr'] = rate
    one = OptimWrapper(optimizer, accumulative_counts=4)
    assert list(_optimisers(one)) == [
        'AdamW, learning rate 0.001 (lowest 0.0001), gradients accumulated over 4 iterations'
    ]
    other = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.5))
    assert list(_optimisers(OptimWrapperDict(critics=other, generators=other))) == [
        'critics SGD, learning rate 0.5',
        'generators SGD, learning rate 0.5',
    ]


def test_precision_is_that_of_the_device(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    assert _precision(OptimWrapper(optimizer)) == 'fp32'
    assert _precision(AutocastOptimWrapper(optimizer=optimizer)).startswith('fp32: no mixed')
    mixed = AutocastOptimWrapper(optimizer=optimizer, devices=('cpu',))
    assert _precision(OptimWrapperDict(critics=mixed)) == 'bfloat16 (mixed)'
    half = object.__new__(AmpOptimWrapper)  # its constructor wants a GPU
    half.cast_dtype = torch.float16
    assert _precision(half) == 'float16 (mixed)'


def test_the_origin_of_a_run_is_described():
    backbone = dict(type='X', weights='facebook/convnext-tiny-224')
    named = SimpleNamespace(cfg=Config(dict(model=dict(backbone=backbone))), iter=0)
    assert _origin(named, Start()) == 'pretrained facebook/convnext-tiny-224'
    plain = SimpleNamespace(cfg=Config(dict(model=dict(type='X'))), iter=7)
    assert _origin(plain, Start()) == 'random weights'
    assert _origin(plain, Start('a.pth')) == 'the weights of a.pth'
    assert _origin(plain, Start('a.pth', resumed=True)) == 'a.pth, resumed at iteration 7'


def test_both_domains_of_a_pair_are_counted():
    class Tiles(list):
        domain, data_root = 'Urban', 'data/x'

    pair = Tiles([1, 2])
    pair.sets = dict(source=Tiles([1]), target=Tiles([1, 2]))
    assert data_line(pair) == 'source 1 images of data/x (Urban); target 2 images of data/x (Urban)'


def test_a_run_shows_its_summary_before_its_first_iteration_with_the_warnings_last(
    tmp_path, short_run, capsys, sample
):
    options = short_run | {'train_cfg.max_iters': 1, 'default_hooks.logger.interval': 1}
    options |= {'val_dataloader': None, 'val_cfg': None, 'val_evaluator': None}
    options |= {'test_dataloader.dataset.domain': 'Urban', 'test_dataloader.dataset.split': 'Train'}
    train(CONFIG, str(tmp_path), resume=True, cfg_options=options)
    lines = capsys.readouterr().out.splitlines()
    names = [line[2:15].strip() for line in lines[1:9]]
    expected = ['train data', 'model', 'schedule', 'optimiser', 'device', 'starts from']
    assert names == [*expected, 'results', 'full log']
    assert lines[0].startswith('depthda ') and lines[0].endswith(CONFIG)
    assert f' images of {sample} (Urban, Train, part fit)' in lines[1]
    assert lines[3].endswith('1 iterations with batches of 2')
    assert lines[7].endswith(f' {tmp_path}') and lines[8].endswith('.log')
    first = next(n for n, line in enumerate(lines) if 'Iter(train) [1/1]' in line)
    assert all(line.startswith('warning: ') for line in lines[9:first])
    assert 'test images are also training images' in lines[9]
    sentence = f'nothing to resume in {tmp_path}: starting at iteration 0'
    assert lines[first - 1] == f'warning: {sentence}'
