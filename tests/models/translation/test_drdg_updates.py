"""Updates of DRDG change either the critics or the generators."""

import copy

import pytest
import torch
from drdg_helpers import build, optimisers, same, step, weights

from depthda.engine.optimizers.autocast_optim_wrapper import AutocastOptimWrapper

PARTS = ('generator_s2t', 'generator_t2s', 'critic_s', 'critic_t')


def test_the_logged_loss_is_the_weighted_sum_of_its_parts(drdg, pairs, monkeypatch):
    model = build(drdg())
    logs = step(model, pairs(), 4)
    parts = [logs[f'loss_{name}'].item() for name in ('adv', 'cyc', 'dsl', 'dccl')]
    total = sum(weight * part for weight, part in zip((5, 10, 2, 1), parts, strict=True))
    assert logs['loss'].item() == pytest.approx(total, rel=1e-5)
    assert not any(value.requires_grad or value.numel() > 1 for value in logs.values())
    # After an error in the step of the generators, the critics can still be trained.
    monkeypatch.setattr(model, 'generator_losses', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        step(model, pairs(), 4)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_an_update_of_the_critics_does_not_change_the_generators(drdg, pairs):
    model = build(drdg())
    before = {name: weights(getattr(model, name)) for name in PARTS}
    logs = step(model, pairs(), 0)
    assert 'loss' not in logs and 'loss_critic' in logs
    for name in PARTS:
        assert same(before[name], weights(getattr(model, name))) == name.startswith('generator')
    assert all(p.grad is None for p in model.generator_s2t.parameters())


def test_an_update_of_the_generators_does_not_change_the_critics(drdg, pairs):
    model = build(drdg())
    model.critic_s.last.bias.requires_grad_(False)  # as a user might; it must stay frozen
    wrappers = optimisers(model)
    before = {name: weights(getattr(model, name)) for name in PARTS}
    wrappers['critics'].optimizer.param_groups[0]['lr'] = 0.0
    logs = step(model, pairs(), 4, wrappers)
    assert 'loss' in logs
    for name in PARTS:
        assert same(before[name], weights(getattr(model, name))) == name.startswith('critic')
    for critic in (model.critic_s, model.critic_t):
        assert all(parameter.grad is None for parameter in critic.parameters())
    trained = [parameter.requires_grad for parameter in model.parameters()]
    assert trained.count(False) == 1 and not model.critic_s.last.bias.requires_grad


@pytest.mark.parametrize('n_critic, updates', [(1, [0, 1, 2, 3, 4, 5]), (3, [2, 5])])
def test_every_n_th_iteration_updates_the_generators(drdg, pairs, n_critic, updates):
    model = build(drdg(n_critic=n_critic))
    data, wrappers = pairs(), optimisers(model)
    logs = [step(model, data, i, wrappers) for i in range(6)]
    assert [i for i, log in enumerate(logs) if 'loss' in log] == updates
    assert all('loss_critic' in log for log in logs)


def test_an_iteration_depends_only_on_its_seed(drdg, pairs):
    config = drdg()
    config['generator']['dropout'] = 0.5
    start = build(config)

    def trained(seed):
        model = copy.deepcopy(start)
        step(model, pairs(), 4, seed=seed)
        return model.state_dict()

    assert same(trained(0), trained(0)) and not same(trained(0), trained(1))


def test_weights_losses_and_penalty_stay_float32_under_autocast(drdg, pairs):
    model = build(drdg())
    exact = step(copy.deepcopy(model), pairs(), 4)
    wrappers = optimisers(model, type='AutocastOptimWrapper', devices=('cpu',))
    assert all(isinstance(wrapper, AutocastOptimWrapper) for wrapper in wrappers.values())
    seen = set()
    model.critic_s.register_forward_hook(
        lambda _, args, output: seen.add((torch.is_autocast_enabled('cpu'), output.dtype))
    )
    before = weights(model)
    logs = step(model, pairs(), 4, wrappers)
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    for name, value in logs.items():
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(exact[name].item(), rel=0.05, abs=0.05)
    after = model.state_dict()
    assert all(value.dtype == torch.float32 for value in after.values())
    kernels = [name for name, value in before.items() if value.ndim > 1]
    assert not any(torch.equal(before[name], after[name]) for name in kernels)
