"""The teacher is the moving average of the student, computed here from the list of its weights."""

import copy

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from tiny_adaptation import CLASSES, segmentor
from torch import nn

from depthda.errors import UserError
from depthda.models.adaptation.ema_teacher import EMATeacher


def student():
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5))
    model[0].bias.requires_grad_(False)
    return model


def change(model):
    """Change all parameters and buffers."""
    for parameter in model.parameters():
        parameter.data.normal_()
    model[1].running_mean.normal_()
    model[1].num_batches_tracked += 1


def followed(updates, momentum, first=0):
    """Return the teacher after the updates, and the student's parameters before each of them."""
    model, teacher, seen = student(), EMATeacher(momentum), []
    teacher.follow(model)
    for iteration in range(first, first + updates):
        change(model)
        seen.append([parameter.detach().clone() for parameter in model.parameters()])
        teacher.update(model, iteration)
    return model, teacher, seen


def averages(seen, shares):
    """Return the weighted sums of the parameters."""
    return [
        sum(share * p.double() for share, p in zip(shares, values, strict=True)).float()
        for values in zip(*seen, strict=True)
    ]


def test_a_teacher_that_was_never_initialised_is_filled_by_the_first_update():
    model, teacher = student(), EMATeacher()
    teacher.follow(model)
    for parameter in teacher.model.parameters():
        parameter.fill_(torch.nan)
    teacher.update(model, 0)
    for own, other in zip(teacher.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(own, other)


@pytest.mark.parametrize('momentum', [0.0, 0.4, 0.75])
def test_the_teacher_equals_the_closed_form(momentum):
    _, teacher, seen = followed(9, momentum)
    momenta = np.minimum(1 - 1 / np.arange(1, 10), momentum)
    # The student of iteration i enters with 1 - m_i and is then multiplied by all later momenta.
    shares = [(1 - momenta[i]) * np.prod(momenta[i + 1 :]) for i in range(9)]
    assert sum(shares) == pytest.approx(1)
    for own, other in zip(teacher.model.parameters(), averages(seen, shares), strict=True):
        torch.testing.assert_close(own, other)


def test_buffers_are_those_of_the_student_and_the_student_does_not_change():
    model, teacher, seen = followed(3, 0.999)
    for own, other in zip(teacher.model.buffers(), model.buffers(), strict=True):
        assert torch.equal(own, other) and own is not other
    assert teacher.model[1].num_batches_tracked == 3
    assert all(map(torch.equal, model.parameters(), seen[-1]))
    change(model)
    assert not torch.equal(teacher.model[1].running_mean, model[1].running_mean)


def test_the_teacher_has_no_gradient_and_the_student_keeps_its_own():
    model, teacher, _ = followed(2, 0.5)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert [parameter.requires_grad for parameter in model.parameters()] == [
        True,
        False,
        True,
        True,
    ]
    assert model.training


def test_the_teacher_stays_in_eval_mode():
    _, teacher, _ = followed(1, 0.5)
    modules = nn.ModuleList([student(), teacher])
    for trained in (teacher.train(), modules.train()[1]):
        assert trained is teacher
        assert not any(module.training for module in teacher.modules())
    assert modules[0].training


def test_a_momentum_out_of_range_is_refused():
    for momentum in (1, 1.5, -0.1):
        with pytest.raises(UserError, match=r'must be in \[0, 1\)'):
            EMATeacher(momentum)


def test_probabilities_are_those_of_the_student_in_eval_mode_at_the_size_of_the_image():
    model = MODELS.build(segmentor(dropout=0.5))
    model.init_weights()
    model.decode_head.conv_seg.weight.data.normal_()
    teacher = EMATeacher()
    teacher.follow(model)
    teacher.train()
    images = torch.randn(2, 3, 32, 48, requires_grad=True)
    before = copy.deepcopy(model.state_dict())
    probabilities = teacher.probabilities(images)
    assert probabilities.shape == (2, CLASSES, 32, 48) and not probabilities.requires_grad
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, 32, 48))
    assert probabilities.max() > 0.5  # not the same probability for all classes
    model.eval()
    logits = nn.functional.interpolate(model(images), (32, 48), mode='bilinear')
    torch.testing.assert_close(probabilities, logits.softmax(1))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
