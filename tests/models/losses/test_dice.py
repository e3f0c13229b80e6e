"""The soft Dice loss equals a loop over classes and pixels of the batch."""

import math

import pytest
import torch
from mmseg.registry import MODELS

from depthda.models.losses.dice import soft_dice


def dice_by_loop(logits, labels, weight, eps=1e-5):
    losses = []
    for c in range(logits.shape[1]):
        common = predicted = true = 0.0
        for n, y, x in torch.cartesian_prod(*map(torch.arange, labels.shape)):
            label = labels[n, y, x].item()
            if label == 255:
                continue
            exps = [math.exp(value) for value in logits[n, :, y, x].tolist()]
            p, t, w = exps[c] / sum(exps), float(label == c), weight[n, y, x].item()
            common, predicted, true = common + w * p * t, predicted + w * p * p, true + w * t
        losses.append(1 - (2 * common + eps) / (predicted + true + eps))
    return sum(losses) / len(losses)


@pytest.mark.parametrize('weighted', [False, True])
def test_the_loss_equals_a_loop_over_the_labelled_pixels_of_the_batch(weighted):
    loss = MODELS.build(dict(type='BatchDiceLoss', loss_weight=0.5))
    logits, labels = 2 * torch.randn(2, 4, 3, 5), torch.randint(3, (2, 3, 5))  # no class 3
    labels[0, 0] = labels[1, 2, 1:3] = 255
    weight = torch.rand(2, 3, 5) if weighted else torch.ones(2, 3, 5)
    found = loss(logits, labels, weight=weight if weighted else None)
    assert found.item() == pytest.approx(0.5 * dice_by_loop(logits, labels, weight), rel=1e-5)
    logits[0, 1, 0] = 90.0  # only where labels are ignored
    assert loss(logits, labels, weight=weight if weighted else None) == found


def test_its_smallest_value_and_the_one_without_labels():
    labels = torch.randint(3, (2, 4, 4))
    target = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    assert soft_dice(target, target, torch.ones(2, 4, 4)).item() == pytest.approx(0, abs=1e-6)
    # Everywhere one half, true in half the pixels: 1 − 2 · ¼ / (¼ + ½).
    half = torch.full((1, 1, 1, 2), 0.5)
    loss = soft_dice(half, torch.tensor([[[[0.0, 1.0]]]]), torch.ones(1, 1, 2))
    assert loss.item() == pytest.approx(1 / 3, rel=1e-4)
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    nothing = MODELS.build(dict(type='BatchDiceLoss'))(logits, torch.full((1, 2, 2), 255))
    nothing.backward()
    assert nothing == 0 and (logits.grad == 0).all()
