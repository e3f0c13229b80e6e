"""Boundaries and their losses equal those computed pixel by pixel."""

import math

import pytest
import torch

from depthda.models.losses.boundary import boundary_losses, class_boundaries


def boundaries_by_loop(labels, ignored=255):
    """Return the fused Roberts gradients above the threshold, and where they are known."""
    height, width = labels.shape
    edge, known = torch.zeros(height, width), torch.zeros(height, width, dtype=torch.bool)
    for y in range(height):
        for x in range(width):
            here, corner, above, left = (
                labels[max(y - dy, 0), max(x - dx, 0)].item()
                for dy, dx in ((0, 0), (1, 1), (1, 0), (0, 1))
            )
            known[y, x] = ignored not in (here, corner, above, left)
            gradient = abs(here - corner) + abs(left - above)
            edge[y, x] = float(known[y, x] and gradient > 0.1)
    fused = torch.zeros(height, width)
    for stride, weight in ((1, 0.6), (2, 0.3), (4, 0.1)):
        for y in range(height):
            for x in range(width):
                fused[y, x] += weight * edge[y // stride * stride, x // stride * stride]
    return fused > 0.1 + 1e-4, known


def example():
    labels = torch.randint(3, (2, 5, 4)).repeat_interleave(2, 1).repeat_interleave(3, 2)
    labels[0, 4:6, 2:5] = labels[1, 0, 0] = 255
    return labels


def test_boundaries_equal_the_loop():
    labels = example()
    boundaries, known = class_boundaries(labels)
    for n in range(2):
        expected, expected_known = boundaries_by_loop(labels[n])
        assert torch.equal(boundaries[n], expected) and torch.equal(known[n], expected_known)
    assert 0.2 < boundaries.float().mean() < 0.9 and not known.all()


def test_a_straight_boundary_is_found_in_any_order_of_the_classes_but_not_at_the_image_border():
    for column, expected in ((4, [4, 5]), (5, [5])):
        labels = torch.zeros(1, 8, 12, dtype=torch.long)
        labels[..., column:] = 2
        for case in (labels, 2 - labels):
            for vertical in (class_boundaries(case)[0], class_boundaries(case.mT)[0].mT):
                assert vertical[0].any(0).nonzero()[:, 0].tolist() == expected
                assert torch.equal(vertical.any(1), vertical.all(1))
        assert class_boundaries(labels)[1].all()


def test_the_losses_equal_a_loop_and_reach_the_logits():
    labels, logits = example(), torch.randn(2, 1, 10, 12, requires_grad=True)
    losses = boundary_losses(logits, labels)
    terms, common, sizes = [], 0.0, 0.0
    for n in range(2):
        boundaries, known = boundaries_by_loop(labels[n])
        for y, x in known.nonzero().tolist():
            p, t = 1 / (1 + math.exp(-logits[n, 0, y, x].item())), float(boundaries[y, x])
            terms.append(-math.log(p if t else 1 - p))
            common, sizes = common + p * t, sizes + p * p + t
    assert losses['loss_boundary_ce'].item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)
    dice = 1 - (2 * common + 1e-5) / (sizes + 1e-5)
    assert losses['loss_boundary_dice'].item() == pytest.approx(dice, rel=1e-5)
    for loss in losses.values():
        (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
        assert torch.equal(gradient[:, 0] != 0, class_boundaries(labels)[1])
    unknown = boundary_losses(logits, torch.full_like(labels, 255))
    assert all(loss == 0 for loss in unknown.values())
