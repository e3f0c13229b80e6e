"""Learning rates of the released code, for each tensor of ConvNeXt-B+S and each iteration."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS
from mmseg.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS

CONFIGS = Path(__file__).parents[2] / 'configs'


def test_every_tensor_has_the_released_rate():
    """Check all rates: blocks have 9 tensors, 3/3/27/3 per stage; stem and downsamplers 4 × 4.

    The rule of the release does not match the names of its depth encoder, which learns at the full
    rate.
    """
    (path,) = (CONFIGS / 'depth_guided').glob(
        'depth_guided_convnext-b-s_*_loveda-u2r-as-released-*.py'
    )
    cfg = Config.fromfile(path)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    wrapper = dict(cfg.optim_wrapper, type='OptimWrapper')
    constructor = wrapper.pop('constructor')
    paramwise = wrapper.pop('paramwise_cfg')
    wrapper['optimizer'] = dict(wrapper['optimizer'], fused=False)
    build = OPTIM_WRAPPER_CONSTRUCTORS.get(constructor)
    groups = build(wrapper, paramwise)(model).optimizer.param_groups
    rates = Counter()
    for group in groups:
        rates[round(group['lr'] / 1e-4, 6)] += len(group['params'])
    total = len(list(model.parameters()))
    assert rates == {
        round(0.9**13, 6): 4 * 4,
        round(0.9**12, 6): 3 * 9,
        round(0.9**11, 6): 3 * 9,
        round(0.9**10, 6): 27 * 9,
        round(0.9**9, 6): 3 * 9,
        1.0: total - 16 - 36 * 9,
    }
    assert total == 775 + 1  # the mixing weights are one tensor here and four in the released code
    assert sum(weight.numel() for weight in model.parameters()) == 178_355_514
    decayed = {group['weight_decay'] for group in groups}
    assert decayed == {0, 0.05}
    optimizer = wrapper['optimizer']
    assert (optimizer['type'], optimizer['lr'], tuple(optimizer['betas'])) == (
        'AdamW', 1e-4, (0.9, 0.999),
    )  # fmt: skip


def released_rate(iteration, last=40_000):
    """Interpolate from 1e-10 to 1e-4 over 1,500 iterations, and then to 0 at the last one."""
    if iteration < 1500:
        return 1e-4 * (1e-6 + (1 - 1e-6) * iteration / 1499)
    return 1e-4 * (1 - (iteration - 1500) / (last - 1 - 1500))


def test_every_iteration_has_the_released_rate():
    cfg = Config.fromfile(CONFIGS / '_base_' / 'schedules' / 'adamw_40k.py')
    assert cfg.train_cfg.max_iters == 40_000
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=1e-4)
    schedulers = [
        PARAM_SCHEDULERS.build(dict(scheduler), default_args=dict(optimizer=optimizer))
        for scheduler in cfg.param_scheduler
    ]
    rates = []
    for _ in range(40_000):
        rates.append(optimizer.param_groups[0]['lr'])
        for scheduler in schedulers:
            scheduler.step()
    assert rates == pytest.approx([*map(released_rate, range(40_000))], rel=1e-6, abs=1e-13)
    seen = [rates[iteration] for iteration in (0, 100, 1500, 20_000, 39_999)]
    assert seen == pytest.approx([1e-10, 6.6712e-6, 1e-4, 5.1947e-5, 0], rel=1e-4, abs=1e-12)
