import pytest
import torch

from depthda.engine.finite_losses import check_finite
from depthda.errors import UserError


def test_finite_values_pass():
    check_finite(dict(loss=torch.tensor(-3.0), distance_s=1e30), 7)
    check_finite({}, 7)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_others_stop_the_training_and_are_named(value):
    losses = dict(loss_adv=1.0, loss_cyc=torch.tensor(value), loss_critic=value)
    with pytest.raises(UserError, match=f'iteration 7: loss_cyc={value}, loss_critic={value};'):
        check_finite(losses, 7)
