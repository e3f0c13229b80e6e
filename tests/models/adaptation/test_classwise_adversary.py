"""FADA's critic has one output per class and domain."""

import copy

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from tiny_adaptation import CLASSES, SIZE, adapted, gradients, losses_of, pair
from torch.nn import functional as F

from depthda.models.adaptation.classwise_adversary import ClassCritic, domain_entropy

CRITIC = dict(type='ClassCritic', in_channels=16, channels=(6, 5))
TERM = dict(type='ClasswiseAdversary', critic=CRITIC, weight=0.5, stage=2, most=0.6)


@pytest.mark.parametrize(('channels', 'count'), [(1024, 5_931_278), (2048, 10_649_870)])
def test_the_critic_has_the_published_size(channels, count):
    with torch.device('meta'):
        critic = MODELS.build(dict(type='ClassCritic', in_channels=channels, num_classes=7))
    assert sum(parameter.numel() for parameter in critic.parameters()) == count


def test_the_critic_is_3x3_convolutions_with_two_last_ones():
    critic, features = ClassCritic(3, 4, (6, 5)), torch.randn(2, 3, 7, 9)
    weights = list(critic.parameters())
    hidden = features
    for number in (0, 2):
        hidden = F.conv2d(hidden, *weights[number : number + 2], padding=1)
        hidden = torch.where(hidden > 0, hidden, 0.2 * hidden)
    sides = [F.conv2d(hidden, *weights[number : number + 2], padding=1) for number in (4, 6)]
    torch.testing.assert_close(critic(features), torch.cat(sides, 1))


@pytest.mark.parametrize('side', [0, 1])
def test_the_entropy_equals_a_loop_over_pixels(side):
    logits, labels = torch.randn(2, 6, 3, 2), torch.rand(2, 3, 3, 2)
    found = []
    for n, y, x in np.ndindex(2, 3, 2):
        powers = logits[n, :, y, x].exp()
        logs = (powers / powers.sum()).log()
        found.append(-sum(labels[n, c, y, x] * logs[3 * side + c] for c in range(3)))
    torch.testing.assert_close(domain_entropy(logits, labels, side), sum(found) / len(found))


def test_losses_and_gradients_are_those_of_two_separate_passes():
    model, batch = adapted(dict(terms=[TERM])), pair()
    torch.nn.init.normal_(model.segmentor.decode_head.conv_seg.weight)
    student, term = copy.deepcopy(model.segmentor), copy.deepcopy(model.terms[0])
    losses = losses_of(model, batch)
    data = model.data_preprocessor(batch, training=True)
    features, labels, outputs = {}, {}, {}
    for domain, images in data['inputs'].items():
        maps = student.extract_feat(images)
        logits = F.interpolate(student.decode_head(maps), (SIZE, SIZE), mode='bilinear')
        labels[domain] = logits.softmax(1).detach().clamp(max=0.6)
        assert (labels[domain].sum(1) < 0.99).any()
        features[domain] = maps[2]
    for domain, maps in features.items():
        resized = F.interpolate(term.critic(maps), (SIZE, SIZE), mode='bilinear')
        outputs[domain] = resized.log_softmax(1)
    fooled = 0.5 * -(labels['target'] * outputs['target'][:, :CLASSES]).sum(1).mean()
    source = -(labels['source'] * outputs['source'][:, :CLASSES]).sum(1).mean()
    target = -(labels['target'] * outputs['target'][:, CLASSES:]).sum(1).mean()
    torch.testing.assert_close(losses['loss_adversarial'], fooled)
    torch.testing.assert_close(losses['loss_critic'], (source + target) / 2)

    (losses['loss_adversarial'] + losses['loss_critic']).backward()
    for part, loss, name in (
        (student, fooled, 'segmentor'),
        (term, (source + target) / 2, 'terms.0'),
    ):
        weights = dict(part.named_parameters())
        given = torch.autograd.grad(
            loss, list(weights.values()), retain_graph=True, allow_unused=True
        )
        found = gradients(model.get_submodule(name))
        for key, gradient in zip(weights, given, strict=True):
            if gradient is None:  # the head, and the last stage
                assert found[key] is None and not key.startswith('critic')
            else:
                torch.testing.assert_close(found[key], gradient, rtol=1e-3, atol=1e-6)
    assert model.parts == dict(segmentor=('segmentor',), critics=('terms',))
