import pytest
import torch
from mmseg.models.losses import cross_entropy_loss
from mmseg.registry import MODELS
from torch.nn import functional as F

from depthda.models.losses.cross_entropy import cross_entropy

WEIGHTS = [0.5, 1.0, 2.0, 1.5]


def case(ignored=255):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 6, generator=draw, requires_grad=True)
    labels = torch.randint(0, 4, (2, 5, 6), generator=draw)
    labels[:, :2] = ignored
    return logits, labels


def by_loop(logits, labels, class_weight, avg_non_ignore):
    """The mean over all pixels or labelled ones, or weighted by the class."""
    total = divisor = 0.0
    for n, y, x in torch.cartesian_prod(*map(torch.arange, labels.shape)).tolist():
        label = labels[n, y, x].item()
        if label == 255:
            divisor += 0 if avg_non_ignore or class_weight else 1
            continue
        weight = class_weight[label] if class_weight else 1.0
        total -= weight * logits[n, :, y, x].detach().log_softmax(0)[label].item()
        divisor += weight
    return total / divisor


@pytest.mark.parametrize('avg_non_ignore', [True, False])
@pytest.mark.parametrize('class_weight', [None, WEIGHTS])
def test_it_equals_its_equation(class_weight, avg_non_ignore):
    logits, labels = case()
    config = dict(type='CrossEntropyLoss', class_weight=class_weight, loss_weight=0.4)
    loss = MODELS.build(config | dict(avg_non_ignore=avg_non_ignore))
    value = loss(logits, labels, ignore_index=255)
    expected = 0.4 * by_loop(logits, labels, class_weight, avg_non_ignore)
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_without_class_weights_it_has_the_bits_of_mmseg():
    """mmseg divides by the number of labelled pixels plus a small constant."""
    logits, labels = case()
    value = cross_entropy(logits, labels, ignore_index=255, avg_non_ignore=True)
    count = (labels != 255).sum().item()
    loss = F.cross_entropy(logits, labels, reduction='none', ignore_index=255)
    expected = loss.sum() / (count + torch.finfo(torch.float32).eps)
    assert torch.equal(value, expected)
    (gradient,) = torch.autograd.grad(value, logits, retain_graph=True)
    assert torch.equal(gradient, torch.autograd.grad(expected, logits)[0])


@pytest.mark.parametrize('class_weight', [None, torch.tensor(WEIGHTS)])
def test_if_all_pixels_are_ignored_it_is_zero(class_weight):
    logits, labels = case()
    labels.fill_(255)
    settings = dict(class_weight=class_weight, ignore_index=255, avg_non_ignore=True)
    value = cross_entropy(logits, labels, **settings)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.item() == 0 and not gradient.any()


def test_other_reductions_and_pixel_weights_are_those_of_mmseg():
    logits, labels = case()
    values = cross_entropy(logits, labels, ignore_index=255, reduction='none')
    assert values.shape == labels.shape and not values[:, :2].any()
    total = cross_entropy(logits, labels, ignore_index=255, reduction='sum')
    torch.testing.assert_close(total, values.sum())
    weight = torch.rand(labels.shape, dtype=torch.float64)
    weighted = cross_entropy(logits, labels, weight, ignore_index=255, avg_factor=7)
    torch.testing.assert_close(weighted, (values * weight.float()).sum() / 7)


def test_the_losses_of_mmseg_use_it():
    assert cross_entropy_loss.cross_entropy is cross_entropy
    assert MODELS.build(dict(type='CrossEntropyLoss')).cls_criterion is cross_entropy
