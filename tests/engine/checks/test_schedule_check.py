"""Schedules that do not fit a run."""

from pathlib import Path

import pytest
from mmengine.config import Config
from refusals import refusal

from depthda.engine.checks.schedule_check import check_units, check_validation, schedule_warnings
from depthda.engine.prepare import load_config

SAMPLE = Path(__file__).parents[3] / 'configs' / 'sample' / 'upernet_tiny_u2r.py'


def config(scheduler, **train_cfg) -> Config:
    cfg = Config(dict(train_cfg=train_cfg, param_scheduler=scheduler))
    cfg.optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
    cfg.default_hooks = dict(checkpoint=dict(by_epoch=False))
    return cfg


def poly(**kwargs) -> dict:
    return dict(type='PolyLR', by_epoch=False) | kwargs


def test_a_run_of_another_length_than_its_schedule_is_reported():
    cfg = load_config(SAMPLE)
    for length, expected in (
        (200, []),
        (300, []),
        (
            10000,
            [
                'param_scheduler.1.end=300 is before train_cfg.max_iters=10000, so the '
                'learning rate stays at its lowest value from there on: set '
                'param_scheduler.1.end=10000 to learn until the end.'
            ],
        ),
        (
            4,
            [
                'train_cfg.max_iters=4 ends the run long before its schedule, which ends at '
                '300: adapt param_scheduler.0.end, param_scheduler.1.begin, '
                'param_scheduler.1.end to the run.'
            ],
        ),
    ):
        cfg.train_cfg.max_iters = length
        assert schedule_warnings(cfg) == expected


def test_schedules_that_take_effect_until_the_end():
    for scheduler in (
        None,
        [],
        [poly()],
        poly(end=100),
        [poly(end=50, eta_min=0.002)],
        [poly(end=50, eta_min_ratio=0.1)],
        [poly(end=50), poly(begin=50, end=100)],
        [dict(type='LinearLR', by_epoch=False, end=50)],
        [dict(type='LinearMomentum', by_epoch=False, end=5000)],
        {'a': [poly(end=100)], 'b': []},
    ):
        assert schedule_warnings(config(scheduler, max_iters=100)) == []
    for scheduler in ([poly(end=50, eta_min=1e-5)], poly(end=99), {'a': [poly(end=50)]}):
        assert len(schedule_warnings(config(scheduler, max_iters=100))) == 1
    # A warm-up in iterations belongs to a run of epochs, too.
    warm = dict(type='LinearLR', by_epoch=False, end=500)
    assert schedule_warnings(config([warm, dict(type='PolyLR', end=10)], max_epochs=10)) == []
    assert schedule_warnings(config([dict(type='PolyLR', end=5)], max_epochs=10))[0].startswith(
        'param_scheduler.0.end=5 is before train_cfg.max_epochs=10'
    )


@pytest.mark.parametrize(
    'change, sentence',
    [
        (
            {'param_scheduler': [dict(type='PolyLR', by_epoch=True)]},
            'param_scheduler.0.by_epoch=True counts epochs, but a run with train_cfg.max_iters '
            'has none, so PolyLR would never take a step: set param_scheduler.0.by_epoch=False.',
        ),
        (
            {'param_scheduler': dict(type='PolyLR')},
            'param_scheduler.by_epoch=True (the default) counts epochs, but a run with '
            'train_cfg.max_iters has none, so PolyLR would never take a step: set '
            'param_scheduler.by_epoch=False.',
        ),
        (
            {'default_hooks': dict(checkpoint=dict(by_epoch=True))},
            'default_hooks.checkpoint.by_epoch=True counts epochs, but a run with '
            'train_cfg.max_iters has none, so nothing would be saved before the end: set '
            'default_hooks.checkpoint.by_epoch=False.',
        ),
        (
            {'default_hooks': dict(timer=dict(type='IterTimerHook'))},
            "without default_hooks.checkpoint, mmengine's own hook counts epochs, but a run "
            'with train_cfg.max_iters has none, so nothing would be saved before the end: set '
            "default_hooks.checkpoint=dict(type='PlainCheckpointHook', by_epoch=False, "
            'interval=4000).',
        ),
    ],
)
def test_a_run_of_iterations_has_no_epochs(change, sentence):
    cfg = config([poly(), poly(by_epoch=True, convert_to_iter_based=True)], max_iters=100)
    check_units(cfg)
    for key, value in change.items():
        cfg[key] = value
    assert refusal(check_units, cfg) == sentence
    cfg.train_cfg = dict(max_epochs=10)
    check_units(cfg)


def test_a_run_that_saves_nothing_is_reported():
    cfg = config(None, max_iters=100)
    cfg.default_hooks = dict(checkpoint=None)
    check_units(cfg)
    assert schedule_warnings(cfg) == [
        'default_hooks.checkpoint is None, so no checkpoint will be saved: remove this setting '
        'to keep the trained weights.'
    ]
    # A custom hook saves checkpoints.
    cfg.custom_hooks = [dict(type='PlainCheckpointHook', by_epoch=False)]
    assert schedule_warnings(cfg) == []
    cfg.default_hooks = dict()
    check_units(cfg)


def test_milestones_beyond_the_end_are_reported():
    steps = dict(type='MultiStepLR', milestones=[100, 27000], by_epoch=False)
    assert schedule_warnings(config([steps], max_iters=300)) == [
        'param_scheduler.0.milestones=[27000] are never reached, because '
        'train_cfg.max_iters=300: set milestones within the run.'
    ]


@pytest.mark.parametrize('unit', ['max_iters', 'max_epochs'])
def test_a_validation_that_begins_after_the_run(unit):
    cfg = config([], val_begin=20, **{unit: 20})
    cfg.val_dataloader = {}
    check_validation(cfg)
    cfg.train_cfg.val_begin = 21
    assert refusal(check_validation, cfg) == (
        f'train_cfg.val_begin=21 is after train_cfg.{unit}=20, so the run would never validate '
        'or keep a best checkpoint: set val_begin to 20 or less.'
    )
    cfg.pop('val_dataloader')
    check_validation(cfg)
