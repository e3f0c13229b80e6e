import pytest
import torch
from torch import nn

from depthda.engine.optimizers.autocast_optim_wrapper import AutocastOptimWrapper


def output_dtype(devices: tuple[str, ...], device: str = 'cpu') -> torch.dtype:
    model = nn.Linear(4, 2).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = AutocastOptimWrapper(optimizer=optimizer, devices=devices)
    with wrapper.optim_context(model):
        output = model(torch.ones(3, 4, device=device))
    wrapper.update_params(output.float().sum())
    assert model.weight.dtype == torch.float32 and model.weight.grad is None
    return output.dtype


def test_forward_is_bfloat16_on_the_chosen_devices_and_fp32_elsewhere():
    assert output_dtype(('cpu',)) == torch.bfloat16
    assert output_dtype(('cuda',)) == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
def test_forward_is_bfloat16_on_the_gpu():
    assert output_dtype(('cuda',), 'cuda') == torch.bfloat16
