"""The loss against eq. (5) of the paper, pixel by pixel."""

import math

import pytest
import torch

from depthda.errors import UserError
from depthda.models.losses.berhu import berhu_loss


def by_loop(predicted, target, valid, share=0.2):
    """The mean over the valid pixels, and its gradient with L a constant."""
    errors = [
        p - t
        for p, t, v in zip(
            predicted.flatten().tolist(),
            target.flatten().tolist(),
            valid.flatten().tolist(),
            strict=True,
        )
        if v
    ]
    limit = share * max(abs(e) for e in errors)
    terms, slopes = [], []
    for e in errors:
        if abs(e) <= limit:
            terms.append(abs(e))
            slopes.append(math.copysign(1, e))
        else:
            terms.append((e * e + limit * limit) / (2 * limit))
            slopes.append(e / limit)
    return sum(terms) / len(terms), [slope / len(terms) for slope in slopes]


def case(dtype=torch.float64):
    g = torch.Generator().manual_seed(0)
    predicted = torch.rand(2, 1, 6, 5, generator=g, dtype=dtype)
    target = torch.rand(2, 1, 6, 5, generator=g, dtype=dtype)
    valid = torch.rand(2, 1, 6, 5, generator=g) < 0.7
    return predicted.requires_grad_(), target, valid


def test_a_case_that_a_reader_can_check():
    predicted, target = torch.tensor([0.5, 0.1, 0.0]), torch.tensor([0.0, 0.05, 0.0])
    # L = .1: the first is (.25 + .01) / .2 = 1.3, the second .05
    assert berhu_loss(predicted, target).item() == pytest.approx((1.3 + 0.05 + 0) / 3)


@pytest.mark.parametrize('share', [0.2, 0.5, 1.0])
def test_it_equals_the_formula_with_its_gradient(share):
    predicted, target, valid = case()
    expected, slopes = by_loop(predicted, target, valid, share)
    loss = berhu_loss(predicted, target, valid, threshold=share)
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    (grad,) = torch.autograd.grad(loss, predicted)
    assert grad[valid].tolist() == pytest.approx(slopes, abs=1e-12)
    assert not grad[~valid].any()


def test_without_a_mask_every_pixel_counts():
    predicted, target, _ = case()
    everywhere = torch.ones_like(target, dtype=torch.bool)
    assert berhu_loss(predicted, target) == berhu_loss(predicted, target, everywhere)


@pytest.mark.parametrize('rubbish', [float('nan'), float('inf'), 9.0])
def test_masked_places_change_nothing(rubbish):
    predicted, target, valid = case()
    loss = berhu_loss(predicted, target, valid)
    (before,) = torch.autograd.grad(loss, predicted)
    with torch.no_grad():
        predicted[~valid] = rubbish
        target[~valid] = rubbish
    again = berhu_loss(predicted, target, valid)
    assert again == loss
    assert torch.equal(torch.autograd.grad(again, predicted)[0], before)


@pytest.mark.parametrize('why', ['no error', 'no valid pixel', 'next to no error'])
def test_nothing_to_learn_is_0_without_nan(why):
    predicted, target, valid = case(torch.float32)
    if why == 'no valid pixel':
        valid = torch.zeros_like(valid)
    else:
        target = predicted.detach() + (1e-44 if why == 'next to no error' else 0)
    loss = berhu_loss(predicted, target, valid)
    (grad,) = torch.autograd.grad(loss, predicted)
    assert loss == 0 and grad.isfinite().all()


def test_half_precision_is_computed_in_single():
    predicted, target, valid = case(torch.float32)
    half = predicted.detach().bfloat16()
    loss = berhu_loss(half, target, valid)
    assert loss.dtype == torch.float32 and loss == berhu_loss(half.float(), target, valid)


def test_mistakes_are_told_in_a_sentence():
    predicted, target, valid = case()
    with pytest.raises(UserError, match=r'\(2, 1, 6, 5\), \(1, 1, 6, 5\)'):
        berhu_loss(predicted, target[:1])
    with pytest.raises(UserError, match=r'\(2, 1, 6, 5\), \(2, 6, 5\)'):
        berhu_loss(predicted, target, valid[:, 0])
    with pytest.raises(UserError, match='threshold=0'):
        berhu_loss(predicted, target, threshold=0)
