"""CLAN weights its critic by the disagreement of two heads, and keeps their weights apart."""

import copy

import pytest
import torch
from tiny_adaptation import SIZE, adapted, gradients, losses_of, pair, segmentor, total
from torch.nn import functional as F

from depthda.errors import UserError

CRITIC = dict(type='OutputCritic', channels=(4, 8))
TWIN = dict(type='TwinHead', head=segmentor().decode_head)
N = 20


def made(**settings):
    terms = [
        dict(type='CategoryAdversary', critic=CRITIC, weight=0.5, iterations=N, **settings),
        dict(type='WeightDivergence', weight=0.25, iterations=N),
    ]
    model = adapted(dict(terms=terms), decode_head=TWIN, auxiliary_head=None)
    for parameter in model.segmentor.decode_head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.mark.parametrize('iteration', [2, 5])
def test_losses_equal_a_computation_from_the_two_heads(at_iteration, iteration):
    at_iteration(iteration)
    model, batch = made(epsilon=0.3, factor=7.0, start=5), pair()
    student, term = copy.deepcopy(model.segmentor), copy.deepcopy(model.terms[0])
    losses = losses_of(model, batch)
    data = model.data_preprocessor(batch, training=True)
    p, local = {}, None
    for domain, images in data['inputs'].items():
        features = student.extract_feat(images)
        z = [head(features) for head in student.decode_head.copies]
        p[domain] = F.interpolate(z[0] + z[1], (SIZE, SIZE), mode='bilinear').softmax(1)
        one, other = (F.interpolate(part, (SIZE, SIZE), mode='bilinear').softmax(1) for part in z)
        lengths = one.square().sum(1).sqrt() * other.square().sum(1).sqrt()
        local = 0.3 + 7 * (1 - (one * other).sum(1) / lengths)  # of the target, which is last
    assert local.min() > 0.3 and local.std() > 0.05
    local = local if iteration == 5 else torch.ones_like(local)
    outputs = F.interpolate(term.critic(p['target']), (SIZE, SIZE), mode='bilinear')[:, 0]
    damped = 1 - iteration / N
    fooled = 0.5 * damped * (local * -(1 - outputs.sigmoid()).log()).mean()
    torch.testing.assert_close(losses['decode.loss_adversarial'], fooled)
    source = -(1 - term.critic(p['source']).sigmoid()).log().mean()
    target = (local * -outputs.sigmoid().log()).mean()
    torch.testing.assert_close(losses['decode.loss_critic'], (source + target) / 2)
    one, other = (
        torch.cat([weight.flatten() for weight in head.parameters()])
        for head in student.decode_head.copies
    )
    cosine = one @ other / (one.norm() * other.norm())
    torch.testing.assert_close(losses['loss_divergence'], 0.25 * damped * (1 + cosine))


def test_the_gradient_of_the_segmentor_flows_through_the_disagreement_too(at_iteration):
    at_iteration(1)
    model, batch = made(start=0), pair()
    frozen = copy.deepcopy(model)
    frozen.terms[0].factor = 0.0
    found = []
    for each in (model, frozen):
        losses = losses_of(each, batch)
        losses['decode.loss_adversarial'].backward(retain_graph=True)
        assert all(p.grad is None for p in each.terms.parameters())
        found.append(gradients(each.segmentor)['decode_head.copies.0.conv_seg.weight'])
        each.zero_grad()
        losses['decode.loss_critic'].backward()
        assert all(p.grad is None for p in each.segmentor.parameters())
        assert all(p.grad.abs().sum() > 0 for p in each.terms[0].critic.parameters())
    # Without disagreement, the loss is epsilon times the plain one.
    assert not torch.allclose(*found, rtol=0.1)


def test_the_weights_of_the_losses_vanish_at_the_end_and_two_heads_are_needed(at_iteration):
    at_iteration(N)
    losses = losses_of(made(), pair())
    assert losses['decode.loss_adversarial'] == 0 == losses['loss_divergence']
    assert losses['decode.loss_critic'] > 0 and total(losses).isfinite()
    for term in (dict(type='CategoryAdversary', critic=CRITIC), dict(type='WeightDivergence')):
        with pytest.raises(UserError, match=f'{term["type"]} compares two heads: set decode_head'):
            adapted(dict(terms=[term]))
