"""Critics judge outputs, and one backward pass gives both sides their own gradients."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
from tiny_adaptation import CLASSES, SIZE, adapted, gradients, losses_of, pair, total
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.heads import heads
from depthda.models.adaptation.output_adversary import OutputCritic

CRITIC = dict(type='OutputCritic', channels=(4, 8))
WEIGHTS = dict(decode_head=0.7, auxiliary_head=0.2)
TERMS = [
    dict(type='OutputAdversary', critic=CRITIC, weight=weight, head=head)
    for head, weight in WEIGHTS.items()
]


def test_the_critic_has_the_published_size_and_strides():
    critic = MODELS.build(dict(type='OutputCritic', in_channels=7))
    assert sum(parameter.numel() for parameter in critic.parameters()) == 2_768_833
    assert critic(torch.zeros(1, 7, 64, 96)).shape == (1, 1, 2, 3)


def test_the_critic_is_convolutions_with_leaky_units_between_them():
    critic, images = OutputCritic(CLASSES, (3, 4)), torch.randn(2, CLASSES, 16, 16)
    weights = list(critic.parameters())
    expected = images
    for number in range(3):
        expected = F.conv2d(expected, *weights[2 * number : 2 * number + 2], stride=2, padding=1)
        if number < 2:
            expected = torch.where(expected > 0, expected, 0.2 * expected)
    torch.testing.assert_close(critic(images), expected)


def bce(logits, label):
    probability = logits.sigmoid()
    return -(probability if label else 1 - probability).log().mean()


def test_losses_and_gradients_are_those_of_two_separate_passes():
    model, batch = adapted(dict(terms=TERMS)), pair()
    for head in heads(model.segmentor).values():
        torch.nn.init.normal_(head.conv_seg.weight)
    student, critics = copy.deepcopy(model.segmentor), copy.deepcopy(model.terms)
    losses = losses_of(model, batch)
    total(losses).backward()

    data = model.data_preprocessor(batch, training=True)
    source, target = (data['inputs'][domain] for domain in ('source', 'target'))
    features = student.extract_feat(source), student.extract_feat(target)
    own = student.loss(source, data['data_samples']['source'])
    segmentor, critic = own['decode.loss_ce'] + own['aux.loss_ce'], 0
    assert losses.keys() - own.keys() == {
        f'{name}.loss_{kind}'
        for name in ('decode', 'auxiliary')
        for kind in ('critic', 'adversarial')
    }
    for (name, head), term in zip(heads(student).items(), critics, strict=True):
        outputs = [
            F.interpolate(head(maps), (SIZE, SIZE), mode='bilinear').softmax(1) for maps in features
        ]
        fooled = WEIGHTS[name] * bce(term.critic(outputs[1]), 0)
        judged = [term.critic(output.detach()) for output in outputs]
        critic_loss = (bce(judged[0], 0) + bce(judged[1], 1)) / 2
        short = name.removesuffix('_head')
        torch.testing.assert_close(losses[f'{short}.loss_adversarial'], fooled)
        torch.testing.assert_close(losses[f'{short}.loss_critic'], critic_loss)
        segmentor, critic = segmentor + fooled, critic + critic_loss
    for part, loss, name in ((student, segmentor, 'segmentor'), (critics, critic, 'terms')):
        weights = dict(part.named_parameters())
        expected = torch.autograd.grad(loss, list(weights.values()), retain_graph=True)
        actual = gradients(model.get_submodule(name))
        for key, gradient in zip(weights, expected, strict=True):
            assert gradient.abs().sum() > 0
            torch.testing.assert_close(actual[key], gradient, rtol=1e-3, atol=1e-6)


def test_critics_have_their_own_optimiser_and_a_missing_head_is_refused():
    assert adapted(dict(terms=TERMS)).parts == dict(segmentor=('segmentor',), critics=('terms',))
    assert not hasattr(adapted(), 'parts')
    with pytest.raises(UserError, match='does not exist: choose from decode_head.'):
        adapted(dict(terms=TERMS[1:]), auxiliary_head=None)
