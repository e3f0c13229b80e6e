import torch
from mmseg.registry import MODELS

from depthda.models.losses.gan import LeastSquaresGANLoss


def test_the_best_scores_are_1_for_real_and_0_for_fake_images():
    real, fake = torch.tensor([[3.0, 0.0]]), torch.tensor([[2.0], [0.0], [1.0]])
    assert LeastSquaresGANLoss.critic(real, fake).item() == torch.tensor((2.5 + 5 / 3) / 2).item()
    assert LeastSquaresGANLoss.generator(fake).item() == torch.tensor(2 / 3).item()
    assert LeastSquaresGANLoss.critic(torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 4, 4)) == 0
    assert LeastSquaresGANLoss.generator(torch.ones(2, 1, 3, 3)) == 0
    # Scores of bfloat16 are averaged in single precision.
    scores = torch.tensor([17.0, 2.0, 2.0, 2.0]).bfloat16()
    assert LeastSquaresGANLoss.generator(scores).item() == 64.75
    assert LeastSquaresGANLoss.critic(scores, torch.zeros(1).bfloat16()).item() == 64.75 / 2


def test_a_config_sets_the_weights():
    loss = MODELS.build(dict(type='LeastSquaresGANLoss', loss_weight=2.0))
    assert (loss.loss_weight, loss.gp_weight) == (2, 0)
    assert loss.generator(torch.zeros(2)) == 1  # the caller multiplies by loss_weight
