"""Runs that adapt to target images: nothing added, resumed, and tested as the segmentor alone."""

import shutil
from functools import cache

import pytest
import torch
from tiny_run import CONFIGS, CRITICS, EVERY_TILE, SNAPSHOTS

from depthda.engine.launch import test as run_test
from depthda.engine.launch import train

RARE_CLASSES = ('daformer_upernet', 'depth-guided-self-training_depthda')  # the second masks, too
PLAIN = CONFIGS / 'upernet_tiny_u2r.py'
OFF = {'model.teacher': None, 'model.pseudo': None, 'model.warm_up': 0}


def weights(path):
    return torch.load(path, weights_only=True)['state_dict']


def test_an_adaptation_with_every_part_off_equals_training_on_the_source(
    tmp_path, short_run, pair_run
):
    longer = {
        'optim_wrapper.paramwise_cfg.decay_rate': 0.9,
        'train_cfg.max_iters': 20,
        'train_cfg.val_interval': 20,
        'default_hooks.checkpoint.interval': 20,
        'param_scheduler.1.end': 20,
    }
    train(PLAIN, str(tmp_path / 'plain'), cfg_options=short_run | longer)
    adapted = CONFIGS / 'cbst_upernet-tiny_u2r.py'
    options = pair_run('cbst_upernet') | longer | OFF
    train(adapted, str(tmp_path / 'off'), cfg_options=options)
    plain, off = (weights(tmp_path / name / 'iter_20.pth') for name in ('plain', 'off'))
    assert off.keys() == {f'segmentor.{key}' for key in plain}
    assert all(torch.equal(off[f'segmentor.{key}'], value) for key, value in plain.items())


@pytest.fixture(scope='module')
def run_of(tmp_path_factory, pair_run):
    """Return a function that trains a method, once, and returns the config, options and folder."""

    @cache
    def run(method):
        config = CONFIGS / f'{method}-tiny_u2r.py'
        options = pair_run(method)
        if method in SNAPSHOTS:
            options |= {'model.warm_up': 1, 'model.teacher.every': 3}
        if method == 'iast_upernet':
            options |= {'model.pseudo.every': 3}
        if method == 'clan_upernet':
            options |= {'model.terms.0.start': 1}
        if method in (*RARE_CLASSES, 'mucss_upernet'):
            options |= {'model.pseudo.threshold': 0.2}
        if method == 'mucss_upernet':
            parts = ('pseudo', 'terms.0', 'terms.1')
            options |= {f'model.{part}.ramp': 6 for part in parts}
        folder = tmp_path_factory.mktemp(method)
        train(config, str(folder), cfg_options=options)
        return config, options, folder

    return run


@pytest.mark.parametrize('method', EVERY_TILE + RARE_CLASSES)
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, run_of, method):
    (config, options, full), halves = run_of(method), tmp_path / 'halves'
    halves.mkdir()
    shutil.copy(full / 'iter_2.pth', halves)  # a run that was killed after two steps
    (halves / 'last_checkpoint').write_text(str(halves / 'iter_2.pth'))
    train(config, str(halves), resume=True, cfg_options=options)
    one, other = (weights(folder / 'iter_4.pth') for folder in (full, halves))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], value) for key, value in other.items())
    kept = {key.split('.')[0] for key in one}
    expected = {'terms'} if method in (*CRITICS, *RARE_CLASSES) else set()
    expected |= {'pseudo'} if method in ('cbst_upernet', 'iast_upernet') else set()
    if method in (*SNAPSHOTS, *RARE_CLASSES, 'st-dasegnet_upernet'):
        expected.add('teacher')
    assert kept == {'segmentor'} | expected


def test_a_checkpoint_is_tested_with_either_config(tmp_path, short_run, run_of, capsys):
    *adapted, folder = run_of('daformer_upernet')
    capsys.readouterr()
    results = [
        run_test(config, folder / 'iter_4.pth', str(tmp_path / config.stem), cfg_options=options)
        for config, options in (adapted, (PLAIN, short_run))
    ]
    assert results[0]['scores'] == results[1]['scores']
    assert 'a model that differs' not in capsys.readouterr().out
    trained_on = results[0]['trained_on']
    assert trained_on['target']['domains'] == ['Rural'] and trained_on['source']['images'] > 0


def test_a_segmentor_can_start_an_adaptation(tmp_path, trained_once, pair_run):
    checkpoint = trained_once(PLAIN.stem) / 'iter_4.pth'
    start = {'load_from': str(checkpoint), 'load_partial': True}
    one_step = {'train_cfg.max_iters': 1, 'optim_wrapper.optimizer.lr': 1e-12}
    one_step |= {'default_hooks.checkpoint.interval': 1, 'train_cfg.val_interval': 1}
    one_step |= {'param_scheduler': []}
    config = CONFIGS / 'daformer_upernet-tiny_u2r.py'
    options = pair_run('daformer_upernet') | start | one_step
    train(config, str(tmp_path / 'adapted'), cfg_options=options)
    plain = weights(checkpoint)
    adapted = weights(tmp_path / 'adapted/iter_1.pth')
    for key, value in plain.items():
        if key.endswith(('weight', 'bias')):
            assert torch.allclose(adapted[f'segmentor.{key}'], value, atol=1e-9)
            assert torch.equal(adapted[f'teacher.model.{key}'], value)
