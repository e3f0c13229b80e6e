"""The losses of DRDG equal eq. (2) to (7) of the paper."""

import copy

import pytest
import torch
from drdg_helpers import build, domains, step
from mmseg.registry import MODELS

from depthda.errors import UserError
from depthda.models.losses.berhu import berhu_loss
from depthda.models.losses.gan import gradient_penalty
from depthda.models.missing_depth import resize_depth


def test_both_depth_terms_use_the_depth_loss_of_the_config(drdg, pairs):
    model = build(drdg())
    released = build(drdg(depth_loss=dict(type='BerHuLoss', through_threshold=True, eps=1e-4)))
    released.load_state_dict(model.state_dict())
    nearest = build(drdg(depth_resize='nearest'))  # changes the cycle consistency only
    nearest.load_state_dict(model.state_dict())
    results = []
    for built in (model, released, nearest):
        losses = built.generator_losses(*domains(built, pairs()))
        grad = torch.autograd.grad(losses['loss'], next(built.generator_s2t.parameters()))[0]
        results.append((losses, grad))
    (default_losses, grad), (released_losses, released_grad), (resized, _) = results
    for key in ('loss_dsl', 'loss_dccl'):  # slightly smaller because of eps
        assert 0.99 < (released_losses[key] / default_losses[key]).item() < 1
    for key in ('loss_adv', 'loss_cyc'):
        assert torch.equal(released_losses[key], default_losses[key])
    assert resized['loss_dsl'] == default_losses['loss_dsl']
    assert resized['loss_dccl'] != default_losses['loss_dccl']
    assert (released_grad - grad).norm() > 0.01 * grad.norm()


def test_the_generators_minimise_equation_7(drdg, pairs):
    weights = dict(cyc_weight=7.0, dsl_weight=2.5, dccl_weight=1.5)
    model = build(drdg(adversarial=dict(type='WassersteinGANLoss', loss_weight=3.0), **weights))
    source, target = domains(model, pairs())
    to_target = model.generator_s2t(source.image, (24, 32), depth=True)
    to_source = model.generator_t2s(target.image, (32, 48), depth=True)
    cycled_s = model.generator_t2s(to_target.image, (32, 48), depth=True)
    cycled_t = model.generator_s2t(to_source.image, (24, 32), depth=True)
    adversarial = -model.critic_t(to_target.image).mean() - model.critic_s(to_source.image).mean()
    cycle = (cycled_s.image - source.image).abs().mean()
    cycle = cycle + (cycled_t.image - target.image).abs().mean()
    supervised, consistent = 0, 0
    for original, translated, cycled, size in (
        (source.depth, to_target.depth, cycled_s.depth, (24, 32)),
        (target.depth, to_source.depth, cycled_t.depth, (32, 48)),
    ):
        supervised += berhu_loss(translated, original.nan_to_num(0), original.isfinite())
        # The depth of a translated image is compared with that of the original.
        assert cycled.shape[2:] == size
        consistent += berhu_loss(cycled, *resize_depth(original, size, 'bilinear'))
    expected = dict(loss_adv=adversarial, loss_cyc=cycle)
    expected |= dict(loss_dsl=supervised, loss_dccl=consistent)
    expected['loss'] = 3 * adversarial + 7 * cycle + 2.5 * supervised + 1.5 * consistent
    torch.testing.assert_close(model.generator_losses(source, target), expected)
    assert all(value.isfinite() and abs(value) > 1e-4 for value in expected.values())


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
    expected = dict(distance_s=distance_s, distance_t=distance_t, gradient_penalty=penalty)
    expected['loss_critic'] = 3 * penalty - distance_s - distance_t
    torch.testing.assert_close(model.critic_losses(source, target), expected)
    without = build(drdg(adversarial=dict(type='WassersteinGANLoss', gp_weight=0.0)))
    without = without.critic_losses(source, target)
    assert 'gradient_penalty' not in without
    assert without['loss_critic'] == -without['distance_s'] - without['distance_t']


def test_least_squares_losses_replace_equation_2(drdg, pairs):
    model = build(drdg(adversarial=dict(type='LeastSquaresGANLoss')))
    source, target = domains(model, pairs())
    losses = model.generator_losses(source, target) | model.critic_losses(source, target)
    fake_t = model.generator_s2t(source.image, (24, 32)).image
    fake_s = model.generator_t2s(target.image, (32, 48)).image
    scores = [
        (model.critic_s(source.image), model.critic_s(fake_s)),
        (model.critic_t(target.image), model.critic_t(fake_t)),
    ]
    critics = sum((r - 1).square().mean() / 2 + f.square().mean() / 2 for r, f in scores)
    torch.testing.assert_close(losses['loss_critic'], critics)
    generators = sum((f - 1).square().mean() for _, f in scores)
    torch.testing.assert_close(losses['loss_adv'], generators)
    torch.testing.assert_close(losses['distance_t'], scores[1][0].mean() - scores[1][1].mean())


@pytest.mark.parametrize('decoder', ['separate', 'shared'])
def test_each_loss_trains_its_parts(drdg, pairs, decoder):
    model = build(drdg(generator=dict(depth_decoder=decoder)))
    source, target = domains(model, pairs())

    def trained_by(loss, name):
        weights = dict(getattr(model, name).named_parameters())
        value = model.generator_losses(source, target)[loss]
        grads = torch.autograd.grad(value, [*weights.values()], allow_unused=True)
        pairs = zip(weights, grads, strict=True)
        return {key.split('.')[0] for key, grad in pairs if grad is not None}

    depth_parts = {'depth_decoder'} if decoder == 'separate' else {'decoder', 'depth_last'}
    image_parts = {'downs', 'decoder'}
    for name in ('generator_s2t', 'generator_t2s'):
        assert trained_by('loss_adv', name) == image_parts
        assert trained_by('loss_cyc', name) == image_parts
        assert trained_by('loss_dsl', name) == {'downs'} | depth_parts
        # The gradient flows through the depth of one generator into the image of the other.
        assert trained_by('loss_dccl', name) == image_parts | depth_parts


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
    torch.testing.assert_close(logs['loss'], 5 * logs['loss_adv'] + 10 * logs['loss_cyc'])
    # The result is the same with depth in the data, because RDG ignores it.
    assert step(copied, pairs(), 4) == logs


def test_pixels_without_depth_have_no_influence(drdg, pairs):
    model = build(drdg())
    data = pairs()
    missing = [image[3] == 0 for image in data['inputs']['source']]
    assert missing[0].any() and not missing[1].all()
    source, target = domains(model, data)
    first = model.generator_losses(source, target)
    altered = source._replace(depth=source.depth.nan_to_num(torch.inf))
    second = model.generator_losses(altered, target)
    assert all(second[name] == value and value.isfinite() for name, value in first.items())
    without_depth = source._replace(depth=torch.full_like(source.depth, torch.nan))
    target_only = model.generator_losses(without_depth, target)
    assert 0 < target_only['loss_dsl'] < first['loss_dsl']


def test_a_translation_needs_no_depth(drdg, pairs):
    model = build(drdg(target_size=(16, 24))).eval()
    data = pairs()
    with torch.no_grad():
        first = model.test_step(data)
    assert [image.shape for image in first] == [(3, 24, 32)] * 2  # the size of the target images
    assert first[0].dtype == torch.uint8
    source = dict(inputs=dict(source=[image[:3] for image in data['inputs']['source']]))
    with torch.no_grad():
        translated = model(model.data_preprocessor(source)['inputs'])
        predicted = model.test_step(source)
    assert translated.shape == (2, 3, 16, 24)
    expected = model.generator_s2t(domains(model, data)[0].image, (16, 24)).image
    assert torch.equal(translated, expected)
    assert torch.equal(torch.stack(predicted), model.data_preprocessor.restore(expected))


def test_missing_depth_and_wrong_settings_are_refused(drdg, pairs):
    with pytest.raises(UserError, match='the source images have none.*which is RDG'):
        step(build(drdg()), pairs(bands=3), 4)
    for options, message in (
        (
            dict(generator=dict(depth_decoder=None)),
            'depth_decoder=None, but a depth loss has a weight above 0',
        ),
        (dict(n_critic=0), 'n_critic=0'),
        (dict(depth_resize='cubic'), "depth_resize='cubic' of DRDG: use"),
    ):
        with pytest.raises(UserError, match=message):
            MODELS.build(drdg(**options))
    source = dict(inputs=dict(source=pairs()['inputs']['source']))
    with pytest.raises(UserError, match='set model.target_size'):
        build(drdg()).test_step(source)
    with pytest.raises(NotImplementedError, match='train_step'):
        build(drdg())({}, mode='loss')
