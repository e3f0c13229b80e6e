"""TransNorm normalises each domain by itself, and weights the channels that agree."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
from tiny_adaptation import adapted, losses_of, pair, segmentor
from torch import nn

from depthda.errors import UserError
from depthda.models.adaptation.trans_norm import TransNorm

EPS, CHANNELS = 1e-5, 4


def made():
    norm = TransNorm(CHANNELS)
    norm.has_pairs = True
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def weights_by_loops(source, target):
    """Return 1 + alpha from (mean, variance) of each domain."""
    similar = []
    for c in range(CHANNELS):
        ratios = [mean[c] / (variance[c] + EPS) ** 0.5 for mean, variance in (source, target)]
        similar.append(1 / (1 + abs(ratios[0] - ratios[1])))
    return [1 + CHANNELS * value / sum(similar) for value in similar]


def test_training_equals_loops_over_channels_and_domains():
    norm, images = made(), torch.randn(6, CHANNELS, 3, 5)
    images[3:] = images[3:] * 2 + torch.arange(CHANNELS).view(1, -1, 1, 1)
    found = norm(images)
    halves = images[:3], images[3:]
    stats = [
        (
            [half[:, c].mean().item() for c in range(CHANNELS)],
            [half[:, c].var().item() for c in range(CHANNELS)],
        )
        for half in halves
    ]
    factors = weights_by_loops(*stats)
    for c in range(CHANNELS):
        for number, half in enumerate(halves):
            values = half[:, c]
            normed = (values - values.mean()) / (values.var(correction=0) + EPS).sqrt()
            expected = (normed * norm.weight[c] + norm.bias[c]) * factors[c]
            torch.testing.assert_close(found[3 * number : 3 * number + 3, c], expected)
    assert sum(factors) / CHANNELS == pytest.approx(2)
    # Running statistics: a tenth of this batch.
    torch.testing.assert_close(norm.source_mean, 0.1 * torch.tensor(stats[0][0]))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * torch.tensor(stats[1][1]))


def test_the_weights_of_channels_get_no_gradient():
    norm, images = made(), torch.randn(4, CHANNELS, 3, 3, requires_grad=True)
    given = torch.randn(4, CHANNELS, 3, 3)
    (norm(images) * given).sum().backward()
    found = images.grad.clone()
    plain = nn.BatchNorm2d(CHANNELS)
    plain.load_state_dict(norm.state_dict(), strict=False)
    stats = [(half.mean((0, 2, 3)), half.var((0, 2, 3))) for half in images.detach().chunk(2)]
    factors = torch.tensor(weights_by_loops(*stats)).view(1, -1, 1, 1)
    again = images.detach().requires_grad_()
    (torch.cat([plain(half) for half in again.chunk(2)]) * factors * given).sum().backward()
    torch.testing.assert_close(found, again.grad)


def test_a_test_uses_the_running_statistics_of_the_target():
    norm = made()
    for _ in range(3):
        norm(torch.randn(4, CHANNELS, 4, 4) * 3 + 1)
    norm.eval()
    image = torch.randn(1, CHANNELS, 2, 2)
    source = norm.source_mean.tolist(), norm.source_var.tolist()
    target = norm.running_mean.tolist(), norm.running_var.tolist()
    factors = weights_by_loops(source, target)
    for c in range(CHANNELS):
        normed = (image[0, c] - target[0][c]) / (target[1][c] + EPS) ** 0.5
        expected = (normed * norm.weight[c] + norm.bias[c]) * factors[c]
        torch.testing.assert_close(norm(image)[0, c], expected)


def test_both_domains_start_from_the_statistics_of_an_ordinary_batch_norm():
    plain, norm = nn.BatchNorm2d(CHANNELS), TransNorm(CHANNELS)
    plain(torch.randn(5, CHANNELS, 4, 4) + 7)
    norm.load_state_dict(plain.state_dict())
    for name in ('mean', 'var'):
        statistics = getattr(plain, f'running_{name}')
        assert torch.equal(getattr(norm, f'source_{name}'), statistics)
        assert torch.equal(getattr(norm, f'running_{name}'), statistics)
    norm.source_mean.fill_(2)
    again = TransNorm(CHANNELS)
    again.load_state_dict(norm.state_dict())
    assert torch.equal(again.source_mean, norm.source_mean)


def trans_normed(**changes):
    config = segmentor(**changes)
    config.backbone.norm_cfg = dict(type='TransNorm')
    return config


def test_the_encoder_sees_both_domains_in_one_batch():
    critic = dict(type='OutputCritic', channels=(4, 8))
    parts = dict(terms=[dict(type='OutputAdversary', critic=critic)])
    model, batch = adapted(parts, segmentor=trans_normed()), pair()
    plain = copy.deepcopy(model.segmentor)
    losses = losses_of(model, batch)
    data = model.data_preprocessor(batch, training=True)
    both = torch.cat([data['inputs']['source'], data['inputs']['target']])
    source = [maps.chunk(2)[0] for maps in plain.backbone(both)]
    samples = data['data_samples']['source']
    expected = plain.decode_head.loss(source, samples, {})['loss_ce']
    torch.testing.assert_close(losses['decode.loss_ce'], expected)
    assert losses['decode.loss_adversarial'] > 0
    # One pass of the encoder: its running statistics moved once.
    torch.testing.assert_close(
        model.segmentor.backbone.stem[1].running_mean, plain.backbone.stem[1].running_mean
    )
    torch.testing.assert_close(
        model.segmentor.backbone.stem[1].source_mean, plain.backbone.stem[1].source_mean
    )


def test_training_without_pairs_and_self_training_are_refused():
    model = MODELS.build(trans_normed())
    with pytest.raises(UserError, match='equal numbers of source and target images'):
        model.extract_feat(torch.randn(2, 3, 32, 32))
    with pytest.raises(UserError, match='cannot be combined with self-training'):
        adapted(dict(pseudo=dict(type='ConfidentShare')), segmentor=trans_normed())
