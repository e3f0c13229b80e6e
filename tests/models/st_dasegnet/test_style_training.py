"""Critics of the styles, the averaged heads, and the weights of pseudo-labels."""

import copy

import pytest
import torch
from mmengine.logging import MessageHub
from mmseg.registry import MODELS
from tiny_adaptation import SIZE, adapted, gradients, losses_of, pair
from tiny_styles import CRITIC, styled
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import ClassWeighted

ADVERSARIES = [
    dict(type='StyleAdversary', style=style, critic=CRITIC, weight=0.5, stage=0)
    for style in ('source', 'target')
]


@pytest.mark.parametrize(
    ('channels', 'widths', 'count'),
    [(512, (64, 128), 1_184_193), (2048, (64, 128, 256), 4_858_817)],
)
def test_the_critic_has_the_published_size_and_one_output_for_12_positions(channels, widths, count):
    critic = MODELS.build(dict(type='StyleCritic', in_channels=channels, channels=widths))
    assert sum(parameter.numel() for parameter in critic.parameters()) == count
    if len(widths) == 2:
        assert critic(torch.zeros(1, channels, 12, 12)).shape == (1, 1, 1, 1)


def test_losses_and_gradients_of_the_critics():
    model, batch = adapted(dict(terms=ADVERSARIES), segmentor=styled()), pair()
    student, terms = copy.deepcopy(model.segmentor), copy.deepcopy(model.terms)
    losses = losses_of(model, batch)
    images = model.data_preprocessor(batch, training=True)['inputs']
    encoded = {domain: student.backbone(images[domain]) for domain in images}
    for style, term in zip(('source', 'target'), terms, strict=True):
        other = 'target' if style == 'source' else 'source'
        outputs = {}
        for domain in (style, other):
            maps = getattr(encoded[domain], style)[0]
            powers = maps.exp()
            spread = powers / powers.sum((2, 3), keepdim=True)
            outputs[domain] = F.interpolate(term.critic(spread), (SIZE, SIZE), mode='bilinear')
        fooled = -0.5 * outputs[other].sigmoid().log().mean()
        real = -outputs[style].sigmoid().log().mean()
        fake = -(1 - outputs[other].sigmoid()).log().mean()
        torch.testing.assert_close(losses[f'{style}.loss_adversarial'], fooled)
        torch.testing.assert_close(losses[f'{style}.loss_critic'], 0.5 * (real + fake) / 2)
    losses['source.loss_adversarial'].backward(retain_graph=True)
    found = gradients(model.segmentor.backbone)
    assert found['source.layer1.0.conv1.weight'].abs().sum() > 0
    assert found['target.layer1.0.conv1.weight'] is None  # the other style's encoder
    assert all(parameter.grad is None for parameter in model.terms.parameters())
    model.zero_grad()
    losses['target.loss_critic'].backward()
    assert all(parameter.grad is None for parameter in model.segmentor.parameters())
    assert gradients(model.terms)['1.critic.0.weight'].abs().sum() > 0


def test_the_teacher_averages_the_heads_and_reads_the_features_of_the_student():
    parts = dict(
        teacher=dict(type='HeadTeacher', momentum=0.5),
        pseudo=dict(type='ClassWeighted', class_weights=[1.0] * 5, threshold=0.0),
    )
    model = adapted(parts, segmentor=styled())
    hub, history = MessageHub.get_current_instance(), []
    weight = model.segmentor.decode_head.copies[1].conv_seg.weight
    for iteration in range(3):
        hub.update_info('iter', iteration)
        history.append(weight.detach().clone())
        losses = losses_of(model, pair())
        torch.nn.init.normal_(weight)
    # Momentum 0, then 1 - 1/2, then 0.5.
    expected = ((history[0] + history[1]) / 2 + history[2]) / 2
    torch.testing.assert_close(model.teacher.model.copies[1].conv_seg.weight.data, expected)
    assert losses['target.decode.first.loss_ce'] > 0
    assert not any('backbone' in name for name in model.teacher.state_dict())
    images = torch.randn(2, 3, SIZE, SIZE)
    found = model.teacher.probabilities(images)
    assert model.segmentor.training and not model.teacher.model.training
    student = copy.deepcopy(model.segmentor).eval()
    logits = model.teacher.model(student.extract_feat(images))
    expected = F.interpolate(logits, (SIZE, SIZE), mode='bilinear').softmax(1)
    torch.testing.assert_close(found, expected)


def test_weights_of_pseudo_labels_depend_on_class_and_confidence():
    omega = [1.0, 2.0, 1.5]
    rule = ClassWeighted(omega, sure=0.6, threshold=0.7)
    given = (2 * torch.randn(2, 3, 4, 4)).softmax(1)
    labels, weights = rule(given)
    highest = given.amax(1)
    share = sum(float(value >= 0.7) for value in highest.flatten()) / highest.numel()
    kinds = set()
    for n, y, x in torch.ones(2, 4, 4).nonzero().tolist():
        label, sure = given[n, :, y, x].argmax(), bool(highest[n, y, x] >= 0.6)
        kinds.add(sure)
        assert labels[n, y, x] == label
        expected = share * (omega[label] if sure else 0.5)
        assert weights[n, y, x].item() == pytest.approx(expected)
    assert kinds == {True, False}


def test_mistakes_are_explained():
    with pytest.raises(UserError, match='needs an encoder for each style'):
        adapted(dict(terms=ADVERSARIES[:1]))
    with pytest.raises(UserError, match="style='city' of StyleAdversary must be 'source' or"):
        MODELS.build(dict(type='StyleAdversary', style='city', critic=CRITIC))
    with pytest.raises(UserError, match='class_weights has 2 values, but the model has 5 classes'):
        adapted(dict(pseudo=dict(type='ClassWeighted', class_weights=[1.0, 1.0])))
