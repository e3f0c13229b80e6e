"""Logged values are read at the interval, and are those that mmengine reads in each iteration."""

import json

import torch
from mmengine.config import Config

from depthda.engine.hooks.deferred_info_hook import _kept
from depthda.engine.launch import train

CONFIG = 'configs/sample/upernet_tiny_u2r.py'


def run(folder, short_run, hook):
    """Train for four steps; the first checkpoint is written before anything is logged."""
    options = short_run | {'default_hooks.logger.interval': 3, 'train_cfg.val_interval': 4}
    options['default_hooks.runtime_info.type'] = hook
    train(CONFIG, str(folder), cfg_options=options)
    (log,) = folder.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    volatile = {'time', 'data_time', 'memory'}
    return [{k: v for k, v in line.items() if k not in volatile} for line in lines]


def scalars(path):
    hub = torch.load(path, weights_only=False)['message_hub']
    return {
        name: buffer['log_history'].tolist()
        for name, buffer in hub['log_scalars'].items()
        if 'time' not in name
    }


def test_the_log_is_the_same(tmp_path, short_run):
    first, second = (
        run(tmp_path / hook, short_run, hook) for hook in ('RuntimeInfoHook', 'DeferredInfoHook')
    )
    assert first == second and any('loss' in line for line in first)
    for name in ('iter_2.pth', 'iter_4.pth'):
        paths = [tmp_path / hook / name for hook in ('RuntimeInfoHook', 'DeferredInfoHook')]
        expected, found = map(scalars, paths)
        assert found == expected
        assert len(found['train/loss']) == int(name[5])  # no value is missing from the checkpoint


def test_the_base_config_uses_it():
    hooks = Config.fromfile('configs/_base_/default_runtime.py').default_hooks
    assert hooks.runtime_info.type == 'DeferredInfoHook'


def test_a_value_that_changes_later_is_logged_as_it_was():
    value = torch.tensor([1.5])
    names, row, others = _kept({'loss': value, 'count': 3, 'labels': torch.tensor(2)})
    value.zero_()
    assert names == ['loss', 'count', 'labels'] and row.tolist() == [1.5]
    assert others == {'count': 3, 'labels': torch.tensor(2)}
