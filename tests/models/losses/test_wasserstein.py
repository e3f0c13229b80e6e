"""The Wasserstein losses, and the gradient penalty of critics whose gradient is known."""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from depthda.models.losses.gan import WassersteinGANLoss, gradient_penalty


def images(number=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.rand(number, 2, 4, 3, generator=g, dtype=torch.float64)


def test_the_losses_have_the_signs_of_equation_2_of_drdg():
    real, fake = torch.tensor([[3.0, 5.0]]), torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    assert WassersteinGANLoss.critic(real, fake).item() == -(4.0 - 0.5)
    assert WassersteinGANLoss.generator(fake).item() == -0.5
    # Scores of bfloat16 are averaged in single precision.
    scores = torch.tensor([256.0, 1.0, 1.0, 1.0]).bfloat16()
    assert WassersteinGANLoss.generator(scores).item() == -64.75 and scores.mean().item() == 65
    assert WassersteinGANLoss.critic(torch.zeros(1).bfloat16(), scores).item() == 64.75


@pytest.mark.parametrize('factor', [0, 0.01, 1.0, 7.0])
def test_the_penalty_of_a_linear_critic_and_its_gradient_are_known(factor):
    weight = (factor * images(1, seed=2)[0]).requires_grad_()
    penalty = gradient_penalty(lambda x: (x * weight).sum((1, 2, 3)), images(), images(seed=1))
    norm = weight.detach().norm()
    assert penalty.item() == pytest.approx((norm.item() - 1) ** 2)
    (grad,) = torch.autograd.grad(penalty, weight)
    expected = 2 * (norm - 1) * weight.detach() / norm if factor else torch.zeros_like(weight)
    torch.testing.assert_close(grad, expected)  # finite for a constant critic, too


def test_the_penalty_samples_one_point_between_each_real_and_fake_image():
    real, fake = images(), images(seed=1)
    torch.manual_seed(5)
    penalty = gradient_penalty(lambda x: x.square().sum((1, 2, 3)) / 2, real, fake)
    torch.manual_seed(5)
    share = torch.rand(3, 1, 1, 1, dtype=torch.float64)
    between = share * real + (1 - share) * fake  # the gradient of x²/2 equals x
    expected = sum((image.norm().item() - 1) ** 2 for image in between) / 3
    assert penalty.item() == pytest.approx(expected)
    assert len(share.unique()) == 3


def test_the_penalty_of_a_map_of_scores_is_that_of_their_sum():
    weights = images(5, seed=3)

    def critic(x):
        return torch.einsum('nchw,pchw->np', x, weights)

    penalty = gradient_penalty(critic, images(), images(seed=1))
    assert penalty.item() == pytest.approx((weights.sum(0).norm().item() - 1) ** 2)


def test_the_penalty_has_no_gradient_with_respect_to_the_images():
    real, fake = images().requires_grad_(), images(seed=1).requires_grad_()
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    gradient_penalty(lambda x: (x.square() * weight).sum((1, 2, 3)), real, fake).backward()
    assert weight.grad is not None and real.grad is None and fake.grad is None


def test_the_penalty_ignores_autocast():
    critic = nn.Conv2d(2, 1, 3)
    real, fake = images().float(), images(seed=1).bfloat16()

    def penalty():
        torch.manual_seed(0)
        seen = []
        critic.register_forward_hook(lambda *args: seen.append(args[2].dtype))
        return gradient_penalty(critic, real, fake), seen

    expected, _ = penalty()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        actual, seen = penalty()
    assert actual == expected and actual.dtype == torch.float32
    assert set(seen) == {torch.float32}


def test_a_config_sets_the_weights():
    loss = MODELS.build(dict(type='WassersteinGANLoss', loss_weight=2.0))
    assert (loss.loss_weight, loss.gp_weight) == (2, 1)
    assert loss.generator(torch.ones(2)) == -1  # the caller multiplies by loss_weight
