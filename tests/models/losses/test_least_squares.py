import torch
from mmseg.registry import MODELS

from depthda.models.losses.least_squares import critic_loss, generator_loss


def test_the_best_scores_are_1_for_real_and_0_for_fake_images():
    real, fake = torch.tensor([[3.0, 0.0]]), torch.tensor([[2.0], [0.0], [1.0]])
    assert critic_loss(real, fake).item() == torch.tensor((2.5 + 5 / 3) / 2).item()
    assert generator_loss(fake).item() == torch.tensor(2 / 3).item()
    assert critic_loss(torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 4, 4)) == 0
    assert generator_loss(torch.ones(2, 1, 3, 3)) == 0
    # Those of bfloat16 are averaged in single precision.
    scores = torch.tensor([17.0, 2.0, 2.0, 2.0]).bfloat16()
    assert generator_loss(scores).item() == 64.75
    assert critic_loss(scores, torch.zeros(1).bfloat16()).item() == 64.75 / 2


def test_the_class_calls_the_functions():
    loss = MODELS.build(dict(type='LeastSquaresGANLoss', loss_weight=2.0))
    real, fake = torch.rand(2, 1, 3, 3), torch.rand(2, 1, 4, 4)
    assert loss.critic(real, fake) == critic_loss(real, fake)
    assert loss.generator(fake) == generator_loss(fake)  # the caller multiplies by loss_weight
    assert (loss.loss_weight, loss.gp_weight) == (2, 0)
