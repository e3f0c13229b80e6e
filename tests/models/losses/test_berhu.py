"""The loss equals eq. (5) of the paper, computed pixel by pixel."""

import math

import pytest
import torch

from depthda.errors import UserError
from depthda.models.losses.berhu import BerHuLoss, berhu_loss


def by_loop(predicted, target, valid, share=0.2):
    """Return the mean loss over the valid pixels, and its gradient with L as a constant."""
    errors = (predicted - target)[valid].tolist()
    limit = share * max(abs(e) for e in errors)
    terms, gradients = [], []
    for e in errors:
        if abs(e) <= limit:
            terms.append(abs(e))
            gradients.append(math.copysign(1, e))
        else:
            terms.append((e * e + limit * limit) / (2 * limit))
            gradients.append(e / limit)
    return sum(terms) / len(terms), [slope / len(terms) for slope in gradients]


def case(dtype=torch.float64):
    g = torch.Generator().manual_seed(0)
    predicted = torch.rand(2, 1, 6, 5, generator=g, dtype=dtype)
    target = torch.rand(2, 1, 6, 5, generator=g, dtype=dtype)
    valid = torch.rand(2, 1, 6, 5, generator=g) < 0.7
    return predicted.requires_grad_(), target, valid


def test_three_errors_by_hand():
    predicted, target = torch.tensor([0.5, 0.1, 0.0]), torch.tensor([0.0, 0.05, 0.0])
    # L = .1, so the loss of the first is (.25 + .01) / .2 = 1.3 and that of the second .05.
    assert berhu_loss(predicted, target).item() == pytest.approx((1.3 + 0.05 + 0) / 3)


@pytest.mark.parametrize('share', [0.2, 0.5, 1.0])
def test_the_loss_and_its_gradient_equal_the_formula(share):
    predicted, target, valid = case()
    expected, gradients = by_loop(predicted, target, valid, share)
    loss = berhu_loss(predicted, target, valid, threshold=share)
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    (grad,) = torch.autograd.grad(loss, predicted)
    assert grad[valid].tolist() == pytest.approx(gradients, abs=1e-12)
    assert not grad[~valid].any()


@pytest.mark.parametrize('value', [float('nan'), float('inf'), 9.0])
def test_masked_pixels_have_no_influence_and_without_a_mask_every_pixel_is_valid(value):
    predicted, target, valid = case()
    everywhere = torch.ones_like(valid)
    assert berhu_loss(predicted, target) == berhu_loss(predicted, target, everywhere)
    loss = berhu_loss(predicted, target, valid)
    (before,) = torch.autograd.grad(loss, predicted)
    with torch.no_grad():
        predicted[~valid] = value
        target[~valid] = value
    again = berhu_loss(predicted, target, valid)
    assert again == loss
    assert torch.equal(torch.autograd.grad(again, predicted)[0], before)


@pytest.mark.parametrize('reason', ['no error', 'no valid pixel', 'tiny errors'])
def test_with_nothing_to_learn_loss_and_gradient_are_0(reason):
    predicted, target, valid = case(torch.float32)
    if reason == 'no valid pixel':
        valid = torch.zeros_like(valid)
    else:
        target = predicted.detach() + (1e-44 if reason == 'tiny errors' else 0)
    loss = berhu_loss(predicted, target, valid)
    (grad,) = torch.autograd.grad(loss, predicted)
    assert loss == 0 and grad.isfinite().all()


def test_half_precision_maps_are_compared_in_single_precision():
    predicted, target, valid = case(torch.float32)
    half = predicted.detach().bfloat16()
    loss = berhu_loss(half, target, valid)
    assert loss.dtype == torch.float32 and loss == berhu_loss(half.float(), target, valid)


def test_wrong_shapes_and_thresholds_are_refused():
    predicted, target, valid = case()
    for maps, settings, message in (
        ((predicted, target[:1]), {}, r'\(2, 1, 6, 5\), \(1, 1, 6, 5\)'),
        ((predicted, target, valid[:, 0]), {}, r'\(2, 1, 6, 5\), \(2, 6, 5\)'),
        ((predicted, target), dict(threshold=0), 'threshold=0'),
    ):
        with pytest.raises(UserError, match=message):
            berhu_loss(*maps, **settings)


def test_the_released_loss_differentiates_the_threshold_and_adds_an_eps():
    """The gradient equals the derivative; L = .2 e_max depends only on the largest error."""
    predicted, target, valid = case()
    loss = BerHuLoss(through_threshold=True, eps=1e-4)(predicted, target, valid)
    (grad,) = torch.autograd.grad(loss, predicted)

    errors = (predicted - target)[valid].tolist()
    largest = max(range(len(errors)), key=lambda i: abs(errors[i]))
    limit, sign = 0.2 * abs(errors[largest]), math.copysign(1, errors[largest])
    divisor = 2 * limit + 1e-4
    total, gradients, limit_gradient = 0.0, [], 0.0
    for e in errors:
        if abs(e) <= limit:
            total += abs(e)
            gradients.append(math.copysign(1, e))
        else:
            total += (e * e + limit * limit) / divisor
            gradients.append(2 * e / divisor)
            limit_gradient += 2 * limit / divisor - 2 * (e * e + limit * limit) / divisor**2
    gradients[largest] += limit_gradient * 0.2 * sign
    assert loss.item() == pytest.approx(total / len(errors), abs=1e-12)
    assert grad[valid].tolist() == pytest.approx([s / len(errors) for s in gradients], abs=1e-12)
    # This is the wrong direction: the loss increases if the largest error decreases.
    assert grad[valid][largest] * sign < 0


def test_the_released_eps_reduces_the_loss_of_small_errors():
    error = torch.tensor([1.0, 0.4], dtype=torch.float64)
    for scale, ratio in ((1.0, 0.99975), (1e-2, 0.9756), (1e-3, 0.8)):
        pair = scale * error, torch.zeros_like(error)
        share = berhu_loss(*pair, eps=1e-4) / berhu_loss(*pair)
        assert share.item() == pytest.approx(ratio, abs=1e-4)
