"""Thresholds per class: those of IAST follow each batch, those of DCA each image."""

import numpy as np
import pytest
import torch
from tiny_adaptation import adapted, losses_of, pair

from depthda.errors import UserError
from depthda.models.adaptation.class_thresholds import (
    InstanceAdaptive,
    RelativePeak,
    class_percentiles,
)
from depthda.models.adaptation.pseudo_labels import IGNORED

CLASSES = 5


def probabilities(sharp=4.0):
    return (sharp * torch.randn(2, CLASSES, 6, 7)).softmax(1)


def made(**settings):
    rule = InstanceAdaptive(**settings)
    rule.register_buffer('thresholds', torch.full((CLASSES,), rule.initial))
    return rule


def test_percentiles_are_those_of_numpy_also_for_a_class_that_no_pixel_has():
    given = probabilities()
    given[:, 3] = 0
    highest, labels = given.max(1)
    thresholds, shares = torch.rand(CLASSES), torch.rand(CLASSES)
    found = class_percentiles(highest, labels, thresholds, shares)
    for c in range(CLASSES):
        values = np.append(highest[labels == c].numpy(), thresholds[c])
        assert len(values) > 1 or c == 3
        expected = np.percentile(values, 100 * shares[c].item())
        assert found[c].item() == pytest.approx(expected, abs=1e-6)
    assert found[3] == thresholds[3]


def test_thresholds_of_iast_follow_the_batches():
    rule, expected = made(alpha=0.3, beta=0.6, gamma=2.0, initial=0.8), [0.8] * CLASSES
    for _ in range(3):
        given = probabilities()
        labels, weights = rule(given)
        highest, own = given.max(1)
        for c, theta in enumerate(expected):
            values = np.append(highest[own == c].numpy(), theta)
            found = np.percentile(values, 100 * (1 - 0.3 * theta**2))
            expected[c] = 0.6 * theta + 0.4 * found
        np.testing.assert_allclose(rule.thresholds, expected, rtol=1e-5)
        kept = 0
        for n, y, x in np.ndindex(2, 6, 7):
            if highest[n, y, x] >= rule.thresholds[own[n, y, x]]:
                assert labels[n, y, x] == own[n, y, x]
                kept += 1
            else:
                assert labels[n, y, x] == IGNORED
        assert 0 < kept < labels.numel() and (weights == 1).all()


def test_a_threshold_of_1_is_lowered_and_a_reset_starts_again():
    rule = made(initial=1.0, alpha=0.0, every=4)
    given = torch.zeros(1, CLASSES, 2, 2)
    given[:, 1] = 1
    labels, _ = rule(given)
    torch.testing.assert_close(rule.thresholds, torch.full((CLASSES,), 0.999))
    assert (labels == 1).all()
    rule.update(None, 3)
    assert rule.thresholds[0] != 1
    rule.update(None, 8)
    assert (rule.thresholds == 1).all()


def test_dca_keeps_pixels_of_which_one_class_exceeds_its_threshold():
    rule, given = RelativePeak(share=0.7, lowest=0.3), probabilities(1.5)
    labels, weights = rule(given)
    counts = dict.fromkeys((0, 1, 2), 0)
    for n, y, x in np.ndindex(2, 6, 7):
        limits = [max(0.7 * given[n, c].max().item(), 0.3) for c in range(CLASSES)]
        above = [c for c in range(CLASSES) if given[n, c, y, x] > limits[c]]
        counts[min(len(above), 2)] += 1
        assert labels[n, y, x] == (above[0] if len(above) == 1 else IGNORED)
    assert counts[0] and counts[1] and (weights == 1).all()
    assert RelativePeak()(torch.full((1, 2, 1, 1), 0.5))[0].item() == IGNORED
    both = torch.tensor([0.45, 0.45, 0.1]).view(1, 3, 1, 1)
    assert RelativePeak(lowest=0.2)(both)[0].item() == IGNORED


@pytest.mark.parametrize('pseudo', ['InstanceAdaptive', 'RelativePeak'])
def test_both_rules_train_with_a_snapshot_of_the_student(pseudo):
    parts = dict(teacher=dict(type='SnapshotTeacher', every=5), pseudo=dict(type=pseudo))
    model = adapted(parts)
    losses = losses_of(model, pair())
    assert losses['target.decode.loss_ce'].isfinite()
    assert ('pseudo.thresholds' in model.state_dict()) == (pseudo == 'InstanceAdaptive')


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(alpha=2), 'alpha=2 of InstanceAdaptive must be from 0 to 1'),
        (dict(every=0), 'every=0 of InstanceAdaptive must be 1 or more'),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        InstanceAdaptive(**settings)
    with pytest.raises(UserError, match='share=0 of RelativePeak must be above 0'):
        RelativePeak(share=0)
