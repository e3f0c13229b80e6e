"""A teacher is reported if it labels everything as one class, and only then."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import LoggerHook
from torch import nn

from depthda.engine.hooks import collapse_hook
from depthda.engine.hooks.collapse_hook import ClassThresholdHook, CollapseHook
from depthda.engine.hooks.non_finite_hook import NonFiniteHook
from depthda.engine.launch import add_needed_hooks
from depthda.models.adaptation.class_thresholds import ClassPortion
from depthda.models.adaptation.pseudo_labels import ConfidentShare

NAMES = ('grass', 'road', 'pond')


def warnings(monkeypatch, batches, interval=1, **settings):
    """Return the warnings of a training with these pseudo-labels, one list per batch."""
    messages = []
    monkeypatch.setattr(collapse_hook, 'warn', messages.append)
    dataset = SimpleNamespace(metainfo=dict(classes=NAMES))
    runner = SimpleNamespace(
        hooks=[LoggerHook(interval=interval)],
        model=SimpleNamespace(num_classes=3, last_labels=None),
        train_dataloader=SimpleNamespace(dataset=dataset),
        iter=0,
    )
    hook = CollapseHook(**settings)
    hook.before_train(runner)
    for labels in batches:
        runner.model.last_labels = None if labels is None else torch.tensor(labels)
        hook.after_train_iter(runner, runner.iter)
        runner.iter += 1
    return messages


ALL, MOST, MIXED = [[2] * 100], [[2] * 98 + [0] * 2], [[1] * 60 + [2] * 40]


def test_consecutive_batches_of_one_class_are_reported_once(monkeypatch):
    (message,) = warnings(monkeypatch, [MIXED] * 3 + [ALL] * 9)
    assert message.startswith(
        'iteration 8: the teacher has collapsed. In 5 consecutive checks '
        '(one batch per logging interval), it labelled nearly all target '
        'pixels as pond: lower the learning rate'
    )


@pytest.mark.parametrize(
    'batches',
    [
        [MOST] * 9,
        [ALL] * 4 + [MIXED] + [ALL] * 4,
        [ALL, [[1] * 100]] * 6,  # one class, and each time another
        [None] * 9,  # in the warm-up
        [[[255] * 100]] * 9,  # nothing is labelled
    ],
)
def test_other_batches_are_not_reported(monkeypatch, batches):
    assert warnings(monkeypatch, batches) == []


def test_ignored_pixels_do_not_count_and_the_limits_can_be_set(monkeypatch):
    assert len(warnings(monkeypatch, [[[2] * 10 + [255] * 90]] * 5)) == 1
    assert len(warnings(monkeypatch, [MOST] * 2, share=0.9, patience=2)) == 1
    assert len(warnings(monkeypatch, [ALL, ALL, MIXED, ALL, ALL], patience=2)) == 2


def test_labels_are_read_when_the_iteration_is_logged(monkeypatch):
    batches = ([MIXED] * 2 + [ALL]) * 5
    assert warnings(monkeypatch, batches, interval=4) == []
    (message,) = warnings(monkeypatch, batches, interval=3)
    assert message.startswith('iteration 15:')


@pytest.mark.parametrize(
    'pseudo, kinds',
    [
        (None, [NonFiniteHook]),
        (ConfidentShare(), [NonFiniteHook, CollapseHook]),
        (ClassPortion(), [NonFiniteHook, CollapseHook, ClassThresholdHook]),
    ],
)
def test_hooks_that_a_model_needs_are_added_unless_they_are_there(pseudo, kinds):
    model = nn.Module()
    model.pseudo = pseudo
    custom = CollapseHook(patience=2)
    for existing in ([], [custom], [kind() for kind in kinds]):
        hooks = list(existing)
        runner = SimpleNamespace(hooks=hooks, register_hook=hooks.append)
        add_needed_hooks(runner, model)
        assert hooks[: len(existing)] == existing
        expected = {*kinds, *map(type, existing)}
        assert len(hooks) == len(expected) and set(map(type, hooks)) == expected
    hooks = []
    add_needed_hooks(SimpleNamespace(hooks=hooks, register_hook=hooks.append), nn.Linear(1, 1))
    assert [type(hook) for hook in hooks] == [NonFiniteHook]
