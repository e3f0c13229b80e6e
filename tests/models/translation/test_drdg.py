"""The losses against eq. (2)–(7) put together by hand, and what an update may change."""

import copy

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmseg.registry import MODELS
from torch import nn

from depthda.engine.optimizers.autocast_optim_wrapper import AutocastOptimWrapper
from depthda.errors import UserError
from depthda.models.losses.berhu import berhu_loss
from depthda.models.losses.gan import gradient_penalty
from depthda.models.missing_depth import resize_depth

PARTS = ('generator_s2t', 'generator_t2s', 'critic_s', 'critic_t')


def build(config):
    model = MODELS.build(config)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model


def optimisers(model, **shared):
    optimizer = dict(type='SGD', lr=1e-3)
    return build_optim_wrapper(
        model,
        dict(
            constructor='PartsOptimWrapperConstructor',
            generators=dict(optimizer=optimizer),
            critics=dict(optimizer=optimizer),
            **shared,
        ),
    )


def step(model, data, iteration, wrappers=None, seed=0):
    MessageHub.get_current_instance().update_info('iter', iteration)
    torch.manual_seed(seed)
    return model.train_step(data, wrappers or optimisers(model))


def domains(model, data):
    return model.domains(model.data_preprocessor(data, True)['inputs'])


def weights(module):
    return copy.deepcopy(module.state_dict())


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one.keys() | other.keys())


def test_both_depth_terms_use_the_depth_loss_of_the_config(drdg, pairs):
    model = build(drdg())
    released = build(drdg(depth_loss=dict(type='BerHuLoss', through_threshold=True, eps=1e-4)))
    released.load_state_dict(model.state_dict())
    found = []
    for each in (model, released):
        losses = each.generator_losses(*domains(each, pairs()))
        slope = torch.autograd.grad(losses['loss'], next(each.generator_s2t.parameters()))[0]
        found.append((losses, slope))
    (ours, slope), (theirs, their_slope) = found
    for key in ('loss_dsl', 'loss_dccl'):  # smaller by the eps alone
        assert 0.99 < (theirs[key] / ours[key]).item() < 1
    for key in ('loss_adv', 'loss_cyc'):
        assert torch.equal(theirs[key], ours[key])
    assert (their_slope - slope).norm() > 0.01 * slope.norm()


def test_the_generators_minimise_equation_7(drdg, pairs):
    model = build(
        drdg(
            adversarial=dict(type='WassersteinGANLoss', loss_weight=3.0),
            cyc_weight=7.0,
            dsl_weight=2.5,
            dccl_weight=1.5,
        )
    )
    source, target = domains(model, pairs())
    there = model.generator_s2t(source.image, (24, 32), depth=True)
    here = model.generator_t2s(target.image, (32, 48), depth=True)
    back_s = model.generator_t2s(there.image, (32, 48), depth=True)
    back_t = model.generator_s2t(here.image, (24, 32), depth=True)
    adversarial = -model.critic_t(there.image).mean() - model.critic_s(here.image).mean()
    cycle = (back_s.image - source.image).abs().mean() + (back_t.image - target.image).abs().mean()
    supervised = berhu_loss(
        there.depth, source.depth.nan_to_num(0), source.depth.isfinite()
    ) + berhu_loss(here.depth, target.depth.nan_to_num(0), target.depth.isfinite())
    # The depth of a translated image is that of the image it was made of.
    assert back_s.depth.shape[2:] == (24, 32) and back_t.depth.shape[2:] == (32, 48)
    consistent = berhu_loss(
        back_s.depth, *resize_depth(source.depth, (24, 32), 'bilinear')
    ) + berhu_loss(back_t.depth, *resize_depth(target.depth, (32, 48), 'bilinear'))
    expected = dict(
        loss=3 * adversarial + 7 * cycle + 2.5 * supervised + 1.5 * consistent,
        loss_adv=adversarial,
        loss_cyc=cycle,
        loss_dsl=supervised,
        loss_dccl=consistent,
    )
    found = model.generator_losses(source, target)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
        assert value.isfinite() and abs(value) > 1e-4


def test_the_critics_maximise_equation_2_with_the_penalty(drdg, pairs):
    model = build(drdg(adversarial=dict(type='WassersteinGANLoss', gp_weight=3.0)))
    source, target = domains(model, pairs())
    fake_t = model.generator_s2t(source.image, (24, 32)).image
    fake_s = model.generator_t2s(target.image, (32, 48)).image
    distance_s = model.critic_s(source.image).mean() - model.critic_s(fake_s).mean()
    distance_t = model.critic_t(target.image).mean() - model.critic_t(fake_t).mean()
    torch.manual_seed(0)
    penalty = gradient_penalty(model.critic_s, source.image, fake_s)
    penalty = penalty + gradient_penalty(model.critic_t, target.image, fake_t)
    torch.manual_seed(0)
    found = model.critic_losses(source, target)
    expected = dict(
        loss_critic=3 * penalty - distance_s - distance_t,
        distance_s=distance_s,
        distance_t=distance_t,
        gradient_penalty=penalty,
    )
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    without = build(drdg(adversarial=dict(type='WassersteinGANLoss', gp_weight=0.0)))
    without = without.critic_losses(source, target)
    assert 'gradient_penalty' not in without
    assert without['loss_critic'] == -without['distance_s'] - without['distance_t']


def test_least_squares_take_the_place_of_equation_2(drdg, pairs):
    model = build(drdg(adversarial=dict(type='LeastSquaresGANLoss')))
    source, target = domains(model, pairs())
    found = model.generator_losses(source, target) | model.critic_losses(source, target)
    fake_t = model.generator_s2t(source.image, (24, 32)).image
    fake_s = model.generator_t2s(target.image, (32, 48)).image
    scores = [
        (model.critic_s(source.image), model.critic_s(fake_s)),
        (model.critic_t(target.image), model.critic_t(fake_t)),
    ]
    critics = sum((r - 1).square().mean() / 2 + f.square().mean() / 2 for r, f in scores)
    torch.testing.assert_close(found['loss_critic'], critics)
    generators = sum((f - 1).square().mean() for _, f in scores)
    torch.testing.assert_close(found['loss_adv'], generators)
    torch.testing.assert_close(found['distance_t'], scores[1][0].mean() - scores[1][1].mean())


def test_what_is_logged_is_what_was_minimised(drdg, pairs):
    model = build(drdg())
    logs = step(model, pairs(), 4)
    parts = [logs[f'loss_{name}'].item() for name in ('adv', 'cyc', 'dsl', 'dccl')]
    total = sum(weight * part for weight, part in zip((5, 10, 2, 1), parts, strict=True))
    assert logs['loss'].item() == pytest.approx(total, rel=1e-5)
    assert not any(value.requires_grad or value.numel() > 1 for value in logs.values())


def test_an_update_of_the_critics_leaves_the_generators_alone(drdg, pairs):
    model = build(drdg())
    before = {name: weights(getattr(model, name)) for name in PARTS}
    logs = step(model, pairs(), 0)
    assert 'loss' not in logs and 'loss_critic' in logs
    for name in PARTS:
        assert same(before[name], weights(getattr(model, name))) == name.startswith('generator')
    assert all(p.grad is None for p in model.generator_s2t.parameters())


def test_an_update_of_the_generators_leaves_the_critics_alone(drdg, pairs):
    model = build(drdg())
    model.critic_s.last.bias.requires_grad_(False)  # a user's choice
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


def test_critics_are_thawed_after_an_error(drdg, pairs, monkeypatch):
    model = build(drdg())
    monkeypatch.setattr(model, 'generator_losses', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        step(model, pairs(), 4)
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize('n_critic, updated', [(1, [0, 1, 2, 3, 4, 5]), (3, [2, 5])])
def test_generators_learn_in_each_n_th_iteration(drdg, pairs, n_critic, updated):
    model = build(drdg(n_critic=n_critic))
    data, wrappers = pairs(), optimisers(model)
    logs = [step(model, data, i, wrappers) for i in range(6)]
    assert [i for i, log in enumerate(logs) if 'loss' in log] == updated
    assert all('loss_critic' in log for log in logs)


@pytest.mark.parametrize('decoder', ['separate', 'shared'])
def test_each_loss_reaches_what_it_should(drdg, pairs, decoder):
    model = build(drdg(generator=dict(depth_decoder=decoder)))
    source, target = domains(model, pairs())

    def reached(loss, name):
        found = torch.autograd.grad(
            model.generator_losses(source, target)[loss],
            list(getattr(model, name).parameters()),
            allow_unused=True,
        )
        return {
            key.split('.')[0]
            for (key, _), grad in zip(getattr(model, name).named_parameters(), found, strict=True)
            if grad is not None
        }

    depth = {'depth_decoder'} if decoder == 'separate' else {'decoder', 'depth_last'}
    whole = {'downs', 'decoder'}
    for name in ('generator_s2t', 'generator_t2s'):
        assert reached('loss_adv', name) == whole
        assert reached('loss_cyc', name) == whole
        assert reached('loss_dsl', name) == {'downs'} | depth
        # Through the depth of one generator into the image that the other one made.
        assert reached('loss_dccl', name) == whole | depth


@pytest.mark.parametrize('weight, other', [('dsl', 'dccl'), ('dccl', 'dsl')])
def test_a_depth_loss_of_weight_0_is_not_computed(drdg, pairs, weight, other):
    model = build(drdg(**{f'{weight}_weight': 0.0}))
    logs = step(model, pairs(), 4)
    assert f'loss_{weight}' not in logs and f'loss_{other}' in logs


def test_rdg_is_drdg_without_depth(drdg, pairs):
    full, rdg = build(drdg()), build(drdg(dsl_weight=0.0, dccl_weight=0.0))
    assert not any('depth' in name for name, _ in rdg.named_parameters())
    rdg.load_state_dict({k: v for k, v in full.state_dict().items() if 'depth' not in k})
    copied = copy.deepcopy(rdg)
    logs, expected = step(rdg, pairs(bands=3), 4), step(full, pairs(), 4)
    assert 'loss_dsl' not in logs and 'loss_dccl' not in logs
    for name in ('loss_critic', 'loss_adv', 'loss_cyc', 'distance_s', 'distance_t'):
        assert logs[name] == expected[name]
    assert logs['loss'].item() == pytest.approx(
        (5 * logs['loss_adv'] + 10 * logs['loss_cyc']).item()
    )
    # With depth in the data it is the same: RDG does not look at it.
    assert step(copied, pairs(), 4) == logs


def test_places_without_depth_change_nothing(drdg, pairs):
    model = build(drdg())
    data = pairs()
    holes = [image[3] == 0 for image in data['inputs']['source']]
    assert holes[0].any() and not holes[1].all()
    source, target = domains(model, data)
    first = model.generator_losses(source, target)
    altered = source._replace(depth=source.depth.nan_to_num(torch.inf))
    second = model.generator_losses(altered, target)
    assert all(second[name] == value and value.isfinite() for name, value in first.items())
    nowhere = source._replace(depth=torch.full_like(source.depth, torch.nan))
    one_sided = model.generator_losses(nowhere, target)
    assert 0 < one_sided['loss_dsl'] < first['loss_dsl']


def test_nearest_is_an_option_of_the_cycle_loss(drdg, pairs):
    data = pairs()
    bilinear, nearest = build(drdg()), build(drdg(depth_resize='nearest'))
    nearest.load_state_dict(bilinear.state_dict())
    one, other = (model.generator_losses(*domains(model, data)) for model in (bilinear, nearest))
    assert one['loss_dsl'] == other['loss_dsl'] and one['loss_dccl'] != other['loss_dccl']


def test_an_iteration_is_a_function_of_its_seed(drdg, pairs):
    config = drdg()
    config['generator']['dropout'] = 0.5
    start = build(config)

    def trained(seed):
        model = copy.deepcopy(start)
        step(model, pairs(), 4, seed=seed)
        return model.state_dict()

    assert same(trained(0), trained(0)) and not same(trained(0), trained(1))


def test_bfloat16_keeps_weights_losses_and_the_penalty_in_fp32(drdg, pairs):
    model = build(drdg())
    exact = step(copy.deepcopy(model), pairs(), 4)
    wrappers = optimisers(model, type='AutocastOptimWrapper', devices=('cpu',))
    assert all(isinstance(each, AutocastOptimWrapper) for each in wrappers.values())
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
    learnt = [name for name, value in before.items() if value.ndim > 1]
    assert not any(torch.equal(before[name], after[name]) for name in learnt)


def test_it_translates_the_source_without_its_depth(drdg, pairs):
    model = build(drdg(target_size=(16, 24))).eval()
    data = pairs()
    with torch.no_grad():
        first = model.test_step(data)
    assert [image.shape for image in first] == [(3, 24, 32)] * 2  # of the target image
    assert first[0].dtype == torch.uint8
    source = dict(inputs=dict(source=[image[:3] for image in data['inputs']['source']]))
    with torch.no_grad():
        translated = model(model.data_preprocessor(source)['inputs'])
        predicted = model.test_step(source)
    assert translated.shape == (2, 3, 16, 24)
    expected = model.generator_s2t(domains(model, data)[0].image, (16, 24)).image
    assert torch.equal(translated, expected)
    assert torch.equal(torch.stack(predicted), model.data_preprocessor.restore(expected))


def test_mistakes_are_told_in_a_sentence(drdg, pairs):
    with pytest.raises(UserError, match='the source images have none.*which is RDG'):
        step(build(drdg()), pairs(bands=3), 4)
    with pytest.raises(UserError, match='depth_decoder=None, but a depth loss has a weight'):
        MODELS.build(drdg(generator=dict(depth_decoder=None)))
    with pytest.raises(UserError, match='n_critic=0'):
        MODELS.build(drdg(n_critic=0))
    with pytest.raises(UserError, match="depth_resize is .* not 'cubic'"):
        MODELS.build(drdg(depth_resize='cubic'))
    source = dict(inputs=dict(source=pairs()['inputs']['source']))
    with pytest.raises(UserError, match='set model.target_size'):
        build(drdg()).test_step(source)
    with pytest.raises(NotImplementedError, match='train_step'):
        build(drdg())({}, mode='loss')
