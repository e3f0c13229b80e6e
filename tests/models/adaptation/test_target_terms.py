"""Losses on the student's own target predictions equal loops over pixels and boxes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_adaptation import adapted, gradients, losses_of, pair, total

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import IGNORED
from depthda.models.adaptation.target_terms import BoxLabels, ClassPrior, ConfidenceRegularization

CLASSES, SIDE = 4, 8


def make_step(labels=None):
    """Return what the terms read of an iteration; the logits have the size of the images."""
    logits = 3 * torch.randn(2, CLASSES, SIDE, SIDE)
    pseudo = torch.randint(CLASSES, (2, SIDE, SIDE))
    pseudo[:, ::2] = IGNORED
    source = torch.randint(CLASSES, (2, SIDE, SIDE))
    source[0, 0] = 255
    return SimpleNamespace(
        target=SimpleNamespace(logits=dict(decode_head=logits)),
        target_images=torch.zeros(2, 3, SIDE, SIDE),
        pseudo_labels=(pseudo if labels is None else labels, None),
        source_labels=source,
        num_classes=CLASSES,
    )


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def test_confidence_regularisation_equals_a_loop_over_pixels():
    step, entropy, divergence = make_step(), [], []
    losses = ConfidenceRegularization(entropy=2.0, divergence=0.5)(step)
    for n, y, x in np.ndindex(2, SIDE, SIDE):
        p = softmax(step.target.logits['decode_head'][n, :, y, x].numpy().astype(float))
        if step.pseudo_labels[0][n, y, x] == IGNORED:
            entropy.append(-sum(p * np.log(p)) / CLASSES)
        else:
            divergence.append(-sum(np.log(p)) / CLASSES / CLASSES)
    assert losses['loss_entropy'].item() == pytest.approx(2 * np.mean(entropy), rel=1e-4)
    assert losses['loss_divergence'].item() == pytest.approx(0.5 * np.mean(divergence), rel=1e-4)


@pytest.mark.parametrize('label', [1, IGNORED])
def test_an_empty_mask_gives_zero(label):
    step = make_step(torch.full((2, SIDE, SIDE), label))
    losses = ConfidenceRegularization()(step)
    assert losses['loss_entropy' if label == 1 else 'loss_divergence'] == 0
    assert BoxLabels(threshold=1.0)(step)['loss_boxes'] == 0


def test_boxes_equal_a_loop_over_sizes_and_boxes():
    step, found = make_step(), []
    loss = BoxLabels(sizes=(1, 4), threshold=0.7, weight=0.25)(step)['loss_boxes']
    logits = step.target.logits['decode_head'].numpy().astype(float)
    boxes = 0
    for size in (1, 4):
        for n, y, x in np.ndindex(2, SIDE // size, SIDE // size):
            rows, columns = (slice(i * size, (i + 1) * size) for i in (y, x))
            p = softmax(logits[n, :, rows, columns].mean((1, 2)))
            boxes += 1
            if p.max() > 0.7:
                found.append(-np.log(p.max()))
    assert 0 < len(found) < boxes
    assert loss.item() == pytest.approx(0.25 * np.mean(found), rel=1e-4)


@pytest.mark.parametrize('prior', ['source', 'uniform', [0.1, 0.2, 0.3, 0.4]])
def test_the_prior_is_compared_with_the_mean_probability(prior):
    step = make_step()
    loss = ClassPrior(prior, weight=2.0)(step)['loss_prior']
    logits = step.target.logits['decode_head'].numpy().astype(float)
    mean = np.mean([softmax(logits[n, :, y, x]) for n, y, x in np.ndindex(2, SIDE, SIDE)], axis=0)
    shares = prior
    if prior == 'uniform':
        shares = [1 / CLASSES] * CLASSES
    elif prior == 'source':
        known = step.source_labels[step.source_labels != 255].tolist()
        shares = [known.count(c) / len(known) for c in range(CLASSES)]
    terms = [
        share * np.log(p) + (1 - share) * np.log(1 - p)
        for share, p in zip(shares, mean, strict=True)
    ]
    assert loss.item() == pytest.approx(-2 * np.mean(terms), rel=1e-4)


def test_a_class_that_is_never_or_always_predicted_gives_a_finite_loss():
    step = make_step()
    step.target.logits['decode_head'].fill_(-200)[:, 0] = 200
    step.target.logits['decode_head'].requires_grad_()
    loss = ClassPrior('uniform')(step)['loss_prior']
    loss.backward()
    assert loss.isfinite() and step.target.logits['decode_head'].grad.isfinite().all()


def test_terms_without_a_teacher_share_one_pass_of_the_target():
    terms = [dict(type='BoxLabels', threshold=0.1), dict(type='ClassPrior')]
    model, calls = adapted(dict(terms=terms)), []
    model.segmentor.backbone.register_forward_hook(lambda *given: calls.append(given))
    losses = losses_of(model, pair())
    total(losses).backward()
    assert len(calls) == 2 and losses['loss_boxes'] > 0 and losses['loss_prior'] > 0
    assert gradients(model.segmentor)['decode_head.conv_seg.weight'].abs().sum() > 0


def test_without_mixing_and_augmentation_the_student_sees_the_target_once():
    parts = dict(
        teacher=dict(type='SnapshotTeacher'),
        pseudo=dict(type='Threshold', threshold=0.0),
        terms=[dict(type='ConfidenceRegularization')],
    )
    model, calls = adapted(parts), []
    model.segmentor.backbone.register_forward_hook(lambda *given: calls.append(given))
    assert losses_of(model, pair())['loss_divergence'] > 0
    assert len(calls) == 2  # source and target; the teacher is a copy


def test_impossible_settings_are_refused():
    with pytest.raises(UserError, match=r'sizes=\(\) of BoxLabels must be one or more sizes'):
        BoxLabels(sizes=())
    with pytest.raises(UserError, match="prior='city' of ClassPrior must be 'source', 'uniform'"):
        ClassPrior('city')
    with pytest.raises(UserError, match='prior has 2 shares, but the model has 5 classes'):
        adapted(dict(terms=[dict(type='ClassPrior', prior=[0.5, 0.5])]))
