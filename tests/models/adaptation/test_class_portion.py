"""The thresholds of CBST keep the same portion of each class, over all target images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_adaptation import adapted, losses_of, pair

from depthda.errors import UserError
from depthda.models.adaptation.class_thresholds import ClassPortion
from depthda.models.adaptation.ema_teacher import SnapshotTeacher

CLASSES = 4


def probabilities(count=3, seed=0):
    """Return probabilities (N, K, 8, 8) in which the last class never wins."""
    logits = torch.randn(count, CLASSES, 8, 8, generator=torch.Generator().manual_seed(seed))
    logits[:, 3] = -5
    return (2 * logits).softmax(1)


def rule(portion):
    class_portion = ClassPortion(portion)
    class_portion.follow(SimpleNamespace(num_classes=CLASSES))
    return class_portion


@pytest.mark.parametrize('portion', [0.1, 0.5, 1.0])
def test_thresholds_are_the_value_that_keeps_the_portion_of_each_class(portion):
    batches, class_portion = [probabilities(seed=seed) for seed in range(2)], rule(portion)
    class_portion.set_thresholds(sum(class_portion.histogram(batch) for batch in batches))
    highest, labels = torch.cat(batches).max(1)
    for c in range(CLASSES - 1):
        values = sorted(highest[labels == c].tolist(), reverse=True)
        expected = values[max(int(portion * len(values)), 1) - 1]
        # The lower edge of its bin, one of 4,096.
        assert class_portion.thresholds[c] == np.floor(expected * 4096) / 4096
    assert class_portion.thresholds[3] == 1


def test_at_least_the_most_confident_pixel_of_a_class_is_kept():
    class_portion, counts = rule(0.1), torch.zeros(CLASSES, 4096, dtype=torch.long)
    counts[1, [1000, 2000, 3000]] = 1
    class_portion.set_thresholds(counts)
    assert class_portion.thresholds.tolist() == [1, 3000 / 4096, 1, 1]


def test_a_histogram_counts_the_highest_probabilities_by_class():
    batch, class_portion = probabilities(), rule(0.5)
    counts = class_portion.histogram(batch)
    expected = torch.zeros(CLASSES, 4096, dtype=torch.long)
    for n, y, x in np.ndindex(3, 8, 8):
        pixel = batch[n, :, y, x].tolist()
        label = int(np.argmax(pixel))
        expected[label, min(int(pixel[label] * 4096), 4095)] += 1
    assert torch.equal(counts, expected)
    certain = torch.eye(CLASSES)[None, :, :, None]  # probabilities of exactly 1
    assert class_portion.histogram(certain)[:, 4095].tolist() == [1] * CLASSES


@pytest.mark.parametrize('portion', [0, 1.1, -1])
def test_a_portion_out_of_range_is_refused(portion):
    with pytest.raises(UserError, match='must be above 0 and at most 1'):
        ClassPortion(portion)


def test_a_snapshot_is_copied_at_its_iterations_and_unchanged_between_them():
    student, teacher = torch.nn.Linear(2, 2), SnapshotTeacher(every=3)
    teacher.follow(student)
    for iteration in range(7):
        student.weight.data.fill_(iteration)
        teacher.update(student, iteration)
        assert (teacher.model.weight == iteration // 3 * 3).all()
    with pytest.raises(UserError, match='every=0 of SnapshotTeacher must be 1 or more'):
        SnapshotTeacher(every=0)


def test_the_student_learns_the_pixels_above_the_thresholds():
    parts = dict(teacher=dict(type='SnapshotTeacher', every=3), pseudo=dict(type='ClassPortion'))
    model, batch = adapted(parts), pair()
    assert (model.pseudo.thresholds == torch.ones(5)).all()
    assert losses_of(model, batch)['target.decode.loss_ce'] == 0  # nothing reaches 1
    model.pseudo.thresholds.fill_(0.01)
    assert losses_of(model, batch)['target.decode.loss_ce'] > 0
    assert (model.last_labels != 255).all()
    assert 'pseudo.thresholds' in model.state_dict()
