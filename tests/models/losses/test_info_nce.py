"""The vectorised InfoNCE loss equals the paper's formula, written as a loop."""

import math

import pytest
import torch
from mmseg.registry import MODELS

from depthda.errors import UserError
from depthda.models.losses.info_nce import _draw, info_nce


def by_loop(anchors, keys, valid, temperature, negatives):
    """Mean over valid anchors of -log(e^(s_ii/T) / (e^(s_ii/T) + sum of e^(s_in/T)))."""
    anchors, keys = anchors.double(), keys.double()
    terms = []
    for image in range(len(anchors)):
        if valid[image].sum() < 2:
            continue
        for i in range(anchors.shape[1]):
            if not valid[image, i]:
                continue

            def s(j, a=anchors[image, i], image=image):
                cosine = torch.dot(a, keys[image, j]) / (a.norm() * keys[image, j].norm())
                return (cosine + 1) / 2

            negative = [(s(int(n)) / temperature).exp() for n in negatives[image, i]]
            positive = (s(i) / temperature).exp()
            terms.append(-(positive / (positive + sum(negative))).log())
    return torch.stack(terms).mean() if terms else anchors.sum() * 0


def case(images=2, positions=7, channels=5, draws=6, dtype=torch.float32, share=1.0, seed=0):
    """Return anchors, keys, a mask, and negatives drawn from other valid positions."""
    g = torch.Generator().manual_seed(seed)
    anchors = torch.randn(images, positions, channels, generator=g, dtype=dtype).requires_grad_()
    keys = torch.randn(images, positions, channels, generator=g, dtype=dtype).requires_grad_()
    valid = torch.rand(images, positions, generator=g) < share
    negatives = torch.zeros(images, positions, draws, dtype=torch.int64)
    for image in range(images):
        for i in range(positions):
            pool = [j for j in range(positions) if valid[image, j] and j != i]
            if pool:
                picks = torch.randint(len(pool), (draws,), generator=g)
                negatives[image, i] = torch.tensor(pool)[picks]
    return anchors, keys, valid, negatives


@pytest.mark.parametrize('share', [1.0, 0.6])
@pytest.mark.parametrize('temperature', [0.07, 0.02, 1.0])
def test_the_loss_and_its_gradient_equal_the_formula(share, temperature):
    anchors, keys, valid, negatives = case(share=share)
    expected = by_loop(anchors, keys, valid, temperature, negatives)
    loss = info_nce(anchors, keys, valid, temperature, negatives=negatives)
    torch.testing.assert_close(loss, expected.float(), rtol=1e-5, atol=1e-5)
    grads = [torch.autograd.grad(value, (anchors, keys)) for value in (loss, expected)]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5)


def test_the_gradient_equals_finite_differences_and_blocks_of_rows_do_not_change_it(monkeypatch):
    anchors, keys, valid, negatives = case(dtype=torch.float64, share=0.7)
    assert torch.autograd.gradcheck(
        lambda a, k: info_nce(a, k, valid, 0.07, negatives=negatives) * 3, (anchors, keys)
    )
    anchors, keys, valid, negatives = case(positions=11, share=0.8)
    expected = info_nce(anchors, keys, valid, negatives=negatives)
    monkeypatch.setattr('depthda.models.losses.info_nce._BLOCK_SIZE', 2 * 11 * 3)
    loss = info_nce(anchors, keys, valid, negatives=negatives)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, (anchors, keys)) for x in (loss, expected)))


def test_features_at_invalid_positions_do_not_change_the_loss():
    anchors, keys, valid, _ = case(positions=40, share=0.5)
    torch.manual_seed(0)
    before = info_nce(anchors, keys, valid, num_negatives=16)
    grads = torch.autograd.grad(before, (anchors, keys))
    assert all((grad[~valid] == 0).all() and (grad[valid] != 0).any() for grad in grads)
    with torch.no_grad():
        anchors[~valid], keys[~valid] = 5.0, -3.0
    torch.manual_seed(0)
    assert info_nce(anchors, keys, valid, num_negatives=16) == before


@pytest.mark.parametrize('count', [0, 1])
def test_the_loss_is_zero_if_every_image_has_fewer_than_two_valid_positions(count):
    anchors, keys, valid, negatives = case()
    valid[:] = False
    valid[:, :count] = True
    loss = info_nce(anchors, keys, valid)
    assert loss == 0
    assert all((grad == 0).all() for grad in torch.autograd.grad(loss, (anchors, keys)))
    # An image of so few valid positions is left out of the mean.
    valid[0] = True
    alone = info_nce(anchors[:1], keys[:1], valid[:1], negatives=negatives[:1])
    torch.testing.assert_close(info_nce(anchors, keys, valid, negatives=negatives), alone)


def test_negatives_are_drawn_in_proportion_to_their_weights():
    torch.manual_seed(0)
    weights = torch.tensor([[[0.0, 1.0, 3.0, 0.0, 6.0]]])
    drawn = _draw(weights, 200_000).flatten()
    share = torch.bincount(drawn, minlength=5) / len(drawn)
    torch.testing.assert_close(share, weights.flatten() / 10, atol=5e-3, rtol=0)


def test_similar_negatives_are_drawn_more_often():
    """The mean loss equals its expectation when negatives follow the softmax of similarity."""
    keys = torch.eye(3).unsqueeze(0)
    anchors = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    valid, temperature, draws = torch.ones(1, 3, dtype=torch.bool), 0.2, 5
    torch.manual_seed(0)
    losses = [info_nce(anchors, keys, valid, temperature, draws) for _ in range(4000)]
    s = (torch.nn.functional.normalize(anchors[0], dim=1) @ keys[0].T + 1) / 2
    expected = 0.0
    for i in range(3):
        j, k = [position for position in range(3) if position != i]
        p = (s[i] / temperature)[[j, k]].softmax(0)
        e = (s[i] / temperature).exp()
        for n in range(draws + 1):  # the number of draws of j; the others are of k
            chance = math.comb(draws, n) * p[0] ** n * p[1] ** (draws - n)
            expected += chance * -(e[i] / (e[i] + n * e[j] + (draws - n) * e[k])).log() / 3
    assert torch.stack(losses).mean().item() == pytest.approx(float(expected), abs=0.01)


def test_bfloat16_features_are_compared_in_single_precision():
    anchors, keys, valid, negatives = case(channels=64, positions=30)
    half = [tensor.detach().bfloat16().requires_grad_() for tensor in (anchors, keys)]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = info_nce(*half, valid, negatives=negatives)
    exact = info_nce(*(tensor.float() for tensor in half), valid, negatives=negatives)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact)
    assert all(grad.dtype == torch.bfloat16 for grad in torch.autograd.grad(loss, half))


def test_half_precision_rounds_the_gradient_only_after_the_loss_scale():
    """The factor 32 makes the gradient as small as with 16,384 positions: too small for half."""
    anchors, keys, valid, negatives = case(positions=128, channels=128, draws=16)
    half = [32 * tensor.detach().half() for tensor in (anchors, keys)]
    loss_scale = (
        2.0**16 * 0.02 / 4
    )  # GradScaler × weight of the contrast ÷ number of feature scales
    gradients, exact = (
        torch.autograd.grad(loss_scale * info_nce(*features, valid, negatives=negatives), features)
        for features in (
            [tensor.clone().requires_grad_() for tensor in half],
            [tensor.float().requires_grad_() for tensor in half],
        )
    )
    for grad, expected in zip(gradients, exact, strict=True):
        assert grad.dtype == torch.float16
        assert ((grad.float() - expected).norm() / expected.norm()).item() < 3e-4
        # Only values too small for half precision become 0: 3e-8 is half of its smallest number.
        assert not ((grad == 0) & (expected.abs() > 3e-8)).any()


def test_the_class_passes_its_settings_to_the_function():
    anchors, keys, valid, _ = case()
    # exp(1 / temperature) must fit into single precision.
    with pytest.raises(UserError, match='must be 0.02 or more'):
        info_nce(anchors, keys, temperature=0.01)
    loss = MODELS.build(dict(type='InfoNCELoss', temperature=0.3, num_negatives=5))
    torch.manual_seed(0)
    expected = info_nce(anchors, keys, valid, 0.3, 5)
    torch.manual_seed(0)
    assert loss(anchors, keys, valid) == expected
