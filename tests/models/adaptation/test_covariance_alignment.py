"""The alignment of DCA equals numpy's correlations of class vectors."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_adaptation import adapted, losses_of, pair, segmentor

from depthda.errors import UserError
from depthda.models.adaptation.covariance_alignment import (
    CovarianceAlignment,
    alignment,
    class_vectors,
    correlations,
)

CLASSES, DIM = 4, 6


def vectors_by_loops(features, probabilities):
    images = []
    for f, p in zip(features.numpy(), probabilities.numpy(), strict=True):
        rows = np.zeros((p.shape[0], DIM))
        for c in range(p.shape[0]):
            for y, x in np.ndindex(*f.shape[1:]):
                rows[c] += f[:, y, x] * p[c, y, x]
            rows[c] /= p[c].sum()
        images.append(rows / np.sqrt((rows**2).sum(0)))
    return np.mean(images, 0)


def alignment_by_loops(first, second):
    matrix = np.corrcoef(first, second)[: len(first), len(first) :].clip(1e-6, 1 - 1e-6)
    classes = range(len(first))
    same = [np.log(matrix[i, i]) for i in classes]
    other = [np.log(1 - matrix[i, j]) for i in classes for j in classes if i != j]
    return -np.mean(same) - np.mean(other)


def given(images=4):
    features = torch.rand(images, DIM, 3, 5)
    return features, (2 * torch.randn(images, CLASSES, 3, 5)).softmax(1)


def test_class_vectors_and_their_alignment_equal_loops():
    first, second = given(), given(2)
    found = [class_vectors(*each) for each in (first, second)]
    expected = [vectors_by_loops(*each) for each in (first, second)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    value = alignment(correlations(*found))
    assert value.item() == pytest.approx(alignment_by_loops(*expected), rel=1e-4)


def test_the_loss_is_lowest_if_domains_agree_and_classes_differ():
    vectors = torch.eye(3).repeat_interleave(4, 1)
    best = alignment(correlations(vectors, vectors))
    assert best < 1e-4 < alignment(correlations(vectors, vectors.roll(1, 0)))
    constant = torch.zeros(3, 12, requires_grad=True)  # its correlations are not defined
    alignment(correlations(constant, vectors)).backward()
    assert constant.grad.isfinite().all()


def make_step(is_warm_up):
    domains = {}
    for name in ('source', 'target'):
        features = torch.rand(4, DIM, 3, 5).requires_grad_()
        logits = torch.randn(4, CLASSES, 3, 5).requires_grad_()
        domains[name] = SimpleNamespace(fused=[None, features], logits=dict(decode_head=logits))
    images = torch.zeros(4, 3, 12, 20)
    return SimpleNamespace(source_images=images, is_warm_up=is_warm_up, **domains)


@pytest.mark.parametrize('background', [0, None])
def test_halves_of_the_source_are_aligned_and_later_source_with_target(background):
    step = make_step(is_warm_up=False)
    losses = CovarianceAlignment(background, weight=0.5)(step)
    kept = [c for c in range(CLASSES) if c != background]
    parts = {
        name: (found.fused[1].detach(), found.logits['decode_head'].detach().softmax(1)[:, kept])
        for name, found in (('source', step.source), ('target', step.target))
    }
    vectors = {name: vectors_by_loops(*part) for name, part in parts.items()}
    features, probabilities = parts['source']
    halves = [vectors_by_loops(features[rows], probabilities[rows]) for rows in ([0, 1], [2, 3])]
    within = 0.5 * alignment_by_loops(*halves)
    across = 0.5 * alignment_by_loops(vectors['source'], vectors['target'])
    assert losses['loss_within'].item() == pytest.approx(within, rel=1e-3)
    assert losses['loss_across'].item() == pytest.approx(across, rel=1e-3)
    losses['loss_across'].backward()
    assert step.source.fused[1].grad is None and step.target.fused[1].grad.abs().sum() > 0
    losses['loss_within'].backward()
    assert (step.source.fused[1].grad.abs().sum((1, 2, 3)) > 0).all()
    assert step.source.logits['decode_head'].grad is None
    assert CovarianceAlignment()(make_step(is_warm_up=True)).keys() == {'loss_within'}


def test_dca_begins_in_the_warm_up(at_iteration):
    head = dict(type='TwinHead', combine='mean', head=segmentor().decode_head)
    parts = dict(
        teacher=dict(type='SnapshotTeacher', every=2),
        pseudo=dict(type='RelativePeak', lowest=0.1),
        terms=[dict(type='CovarianceAlignment', background=None)],
        warm_up=2,
    )
    model = adapted(parts, decode_head=head, auxiliary_head=None)
    first = losses_of(model, pair())
    assert 'loss_within' in first and 'loss_across' not in first
    at_iteration(2)
    later = losses_of(model, pair())
    assert later['loss_across'].isfinite() and later['target.decode.second.loss_ce'].isfinite()


def test_one_source_image_is_refused():
    step = make_step(is_warm_up=True)
    step.source_images = step.source_images[:1]
    with pytest.raises(UserError, match='set a batch size of 2 or more'):
        CovarianceAlignment()(step)
