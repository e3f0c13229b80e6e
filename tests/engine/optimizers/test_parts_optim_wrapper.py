import pytest
import torch
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from torch import nn

from depthda.engine.optimizers.autocast_optim_wrapper import AutocastOptimWrapper
from depthda.errors import UserError


class Pair(nn.Module):
    parts = dict(first=('a', 'b'), second=('c',))

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 3), nn.Linear(3, 4), nn.Linear(4, 5)


def config(**options):
    first = dict(optimizer=dict(type='Adam', lr=0.1, betas=(0.5, 0.999)))
    second = dict(optimizer=dict(type='RMSprop', lr=0.2))
    parts = dict(first=first, second=second)
    return dict(constructor='PartsOptimWrapperConstructor') | parts | options


def test_each_part_has_its_own_optimiser():
    model = Pair()
    wrappers = build_optim_wrapper(model, config())
    assert isinstance(wrappers, OptimWrapperDict) and set(wrappers.keys()) == {'first', 'second'}
    first, second = wrappers['first'].optimizer, wrappers['second'].optimizer
    assert isinstance(first, torch.optim.Adam) and first.defaults['betas'] == (0.5, 0.999)
    assert isinstance(second, torch.optim.RMSprop) and second.defaults['lr'] == 0.2

    def trained(optimizer):
        return {id(p) for group in optimizer.param_groups for p in group['params']}

    assert trained(first) == {id(p) for part in (model.a, model.b) for p in part.parameters()}
    assert trained(second) == {id(p) for p in model.c.parameters()}


def test_settings_outside_the_parts_are_their_defaults():
    second = dict(optimizer=dict(type='SGD', lr=0.2), clip_grad=dict(max_norm=3))
    cfg = config(type='AutocastOptimWrapper', clip_grad=dict(max_norm=1), second=second)
    wrappers = build_optim_wrapper(Pair(), cfg)
    assert all(isinstance(wrapper, AutocastOptimWrapper) for wrapper in wrappers.values())
    assert wrappers['first'].clip_grad_kwargs == dict(max_norm=1)
    assert wrappers['second'].clip_grad_kwargs == dict(max_norm=3)


def test_a_part_may_have_rates_of_its_own_for_some_parameters():
    paramwise = dict(custom_keys={'a.': dict(lr_mult=0.5)})
    first = dict(optimizer=dict(type='SGD', lr=0.1), paramwise_cfg=paramwise)
    wrappers = build_optim_wrapper(Pair(), config(first=first))
    rates = [group['lr'] for group in wrappers['first'].optimizer.param_groups]
    assert rates == [0.05, 0.05, 0.1, 0.1]


def test_mistakes_are_explained():
    with pytest.raises(UserError, match=r"for \['first', 'seconds'\].*parts \['first', 'second'\]"):
        cfg = config()
        cfg['seconds'] = cfg.pop('second')
        build_optim_wrapper(Pair(), cfg)
    with pytest.raises(UserError, match=r"for \['first', 'second', 'third'\]"):
        build_optim_wrapper(Pair(), config(third=dict(optimizer=dict(type='SGD', lr=1))))
    with pytest.raises(UserError, match='Linear has no parts'):
        build_optim_wrapper(nn.Linear(1, 1), config())
    with pytest.raises(UserError, match='move it to the part'):
        build_optim_wrapper(Pair(), config(paramwise_cfg=dict(norm_decay_mult=0)))
