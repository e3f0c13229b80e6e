"""Losses of DRDG's released code: a critic's penalty, and BerHu with a gradient through L.

Forward passes and sizes of generator and critic are in ``tests/models/translation``.
"""

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from depthda.models.losses.berhu import berhu_loss
from depthda.models.losses.gan import WassersteinGANLoss, gradient_penalty


@pytest.fixture
def critic():
    torch.manual_seed(0)
    model = MODELS.build(dict(type='PatchCritic', channels=(3, 4))).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


def released_scores(weights, images):
    """Compute scores with two convolutions of stride 2, batch norm of eps .8, and a last one."""
    w1, b1, w2, b2, scale, shift, w3, b3 = weights
    x = F.leaky_relu(F.conv2d(images, w1, b1, stride=2, padding=1), 0.2)
    x = F.conv2d(x, w2, b2, stride=2, padding=1)
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    x = (x - mean) / (var + 0.8).sqrt() * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)
    return F.conv2d(F.pad(F.leaky_relu(x, 0.2), (1, 0, 1, 0)), w3, b3)


def released_penalty(weights, real, fake, share):
    """Compute how far the gradient of the scores by each image is from a norm of 1."""
    mixed = share * real + (1 - share) * fake
    jacobian = torch.autograd.functional.jacobian(
        lambda images: released_scores(weights, images), mixed
    )
    slopes = jacobian.flatten(0, 3).sum(0)  # (N, C, H, W)
    return (slopes.flatten(1).square().sum(1).sqrt() - 1).square().mean()


def test_the_critics_loss_with_its_penalty_is_as_released(critic):
    real, fake = torch.rand(2, 2, 3, 16, 12).double() * 2 - 1
    weights = [weight.detach().clone() for weight in critic.parameters()]
    torch.testing.assert_close(critic(real), released_scores(weights, real))

    def current():
        torch.manual_seed(1)
        return WassersteinGANLoss.critic(critic(real), critic(fake)) + gradient_penalty(
            critic, real, fake
        )

    torch.manual_seed(1)
    share = torch.rand(2, 1, 1, 1, dtype=torch.float64)

    def released(weights):
        distance = released_scores(weights, real).mean() - released_scores(weights, fake).mean()
        return released_penalty(weights, real, fake, share) - distance

    assert released_penalty(weights, real, fake, share) > 0.01
    assert current().item() == pytest.approx(released(weights).item(), rel=1e-10)
    # The gradient is compared along a line in the space of all weights.
    direction = [torch.randn_like(weight) for weight in weights]
    slopes = torch.autograd.grad(current(), list(critic.parameters()), allow_unused=True)
    found = sum((s * d).sum() for s, d in zip(slopes, direction, strict=True) if s is not None)
    near = [
        released([w + step * d for w, d in zip(weights, direction, strict=True)])
        for step in (1e-6, -1e-6)
    ]
    assert found.item() == pytest.approx(((near[0] - near[1]) / 2e-6).item(), rel=1e-5)


def by_definition(predicted, target, differentiated, eps):
    """Compute equation (5) with autograd: L is .2 of the largest error, constant or not."""
    error = (predicted - target).abs()
    limit = 0.2 * error.max()
    limit = limit if differentiated else limit.item()
    large = (error**2 + limit**2) / (2 * limit + eps)
    return torch.cat([error[error <= limit], large[error > limit]]).mean()


@pytest.mark.parametrize('differentiated, eps', [(False, 0.0), (True, 1e-4)])
def test_berhu_is_that_of_the_paper_or_of_the_released_code(differentiated, eps):
    torch.manual_seed(0)
    predicted, target = torch.rand(2, 2, 1, 9, 7).double()
    predicted.requires_grad_()
    found = berhu_loss(predicted, target, through_threshold=differentiated, eps=eps)
    expected = by_definition(predicted, target, differentiated, eps)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    slopes = [torch.autograd.grad(loss, predicted)[0] for loss in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-14)
    by_default = torch.autograd.grad(berhu_loss(predicted, target), predicted)[0]
    assert torch.equal(slopes[0], by_default) != differentiated


def test_the_released_berhu_does_not_reduce_the_largest_error():
    """A free map is fitted with BerHu only, which shows the effect of differentiating L."""
    largest = []
    for differentiated in (False, True):
        torch.manual_seed(0)
        predicted, target = torch.rand(64, 64).requires_grad_(), torch.rand(64, 64)
        optimizer = torch.optim.Adam([predicted], lr=5e-3)
        for _ in range(400):
            optimizer.zero_grad()
            berhu_loss(predicted, target, through_threshold=differentiated).backward()
            optimizer.step()
        largest.append((predicted - target).abs().max().item())
    assert largest[1] > 10 * largest[0]
