"""PlateauHook lowers learning rates as torch's scheduler does, also after a resume."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, OptimWrapperDict

from depthda.engine.hooks.plateau_hook import PlateauHook
from depthda.errors import UserError


def make_runner(rates=(1.0, 0.1), dataset=6, batch=2):
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in rates]
    wrappers = [
        OptimWrapper(torch.optim.SGD([weight], lr=rate))
        for weight, rate in zip(weights, rates, strict=True)
    ]
    return SimpleNamespace(
        optim_wrapper=OptimWrapperDict(a=wrappers[0], b=wrappers[1]),
        train_dataloader=SimpleNamespace(dataset=range(dataset), batch_size=batch),
        world_size=1,
        iter=0,
        logger=MMLogger.get_instance('plateau', log_level='ERROR'),
        _resume=True,
    )


def rates(runner):
    wrapper = runner.optim_wrapper
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    return [group['lr'] for part in wrappers for group in part.param_groups]


def train(hook, runner, losses):
    """Run one iteration for each loss; return the rate after each."""
    seen = []
    for loss in losses:
        outputs = {} if loss is None else dict(loss=torch.tensor(loss))
        hook.after_train_iter(runner, 0, outputs=outputs)
        runner.iter += 1
        seen.append(rates(runner)[0])
    return seen


def test_the_rates_are_those_of_torch():
    generator = torch.Generator().manual_seed(0)
    means = (3 * torch.rand(60, generator=generator) + 1).tolist()
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    expected = []
    for mean in means:
        reference.step(mean)
        expected.append(optimizer.param_groups[0]['lr'])
    assert len(set(expected)) > 3

    runner = make_runner()
    hook = PlateauHook(factor=0.5, patience=3)
    hook.before_train(runner)
    assert hook.epoch_length == 3
    # Two of three iterations log a loss, and their mean is the loss of the epoch.
    losses = [value for mean in means for value in (mean - 0.5, None, mean + 0.5)]
    assert train(hook, runner, losses)[2::3] == expected
    assert rates(runner)[1] == pytest.approx(expected[-1] / 10)


def test_the_settings_of_the_released_drdg_give_the_rates_of_torch():
    """The last loss of an epoch decides, rates have a floor, one of two optimisers changes."""
    generator = torch.Generator().manual_seed(1)
    last = (3 * torch.rand(60, generator=generator) + 1).tolist()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    settings = dict(factor=0.5, patience=3, min_lr=0.02)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    expected = []
    for loss in last:
        reference.step(loss)
        expected.append(optimizer.param_groups[0]['lr'])
    assert expected[-1] == 0.02 and len(set(expected)) == 4

    runner = make_runner()
    hook = PlateauHook(patience=3, epoch_length=3, of_epoch='last', min_lr=0.02, part='b')
    hook.before_train(runner)
    seen = []
    for loss in last:
        # Only the last logged loss of an epoch counts. A batch may log no loss.
        train(hook, runner, [9.0 - 5 * loss, loss, None])
        seen.append(rates(runner)[1])
    assert seen == expected and rates(runner)[0] == 1.0


def test_hooks_of_two_losses_keep_two_states():
    runner, checkpoint = make_runner(), {}
    hooks = [PlateauHook(name, epoch_length=1) for name in ('loss', 'loss_critic')]
    for hook, value in zip(hooks, (1.0, 2.0), strict=True):
        hook.after_train_iter(runner, 0, outputs={hook.monitor: torch.tensor(value)})
        hook.before_save_checkpoint(runner, checkpoint)
    again = [PlateauHook(name, epoch_length=1) for name in ('loss', 'loss_critic')]
    for hook in again:
        hook.after_load_checkpoint(runner, checkpoint)
    assert [hook._lowest for hook in again] == [1.0, 2.0]


def test_losses_below_zero_may_fall_too():
    runner = make_runner()
    hook = PlateauHook(patience=0, epoch_length=1)
    assert train(hook, runner, [-1.0, -2.0, -3.0]) == [1.0] * 3
    assert train(hook, runner, [-3.0]) == [0.5]


def test_a_resumed_hook_continues_its_count():
    losses = [3.0, 2.0, 2.5, 2.6, 2.7, 2.8, 1.0, 2.0, 2.1, 2.2]
    runner = make_runner()
    uninterrupted = train(PlateauHook(patience=1, epoch_length=2), runner, losses)
    assert len(set(uninterrupted)) > 1
    for cut in range(1, len(losses)):
        runner, first = make_runner(), PlateauHook(patience=1, epoch_length=2)
        before = train(first, runner, losses[:cut])
        checkpoint = {}
        first.before_save_checkpoint(runner, checkpoint)
        second = PlateauHook(patience=1, epoch_length=2)
        second.after_load_checkpoint(runner, checkpoint)
        assert before + train(second, runner, losses[cut:]) == uninterrupted


def test_a_training_from_weights_alone_starts_anew():
    runner, hook = make_runner(), PlateauHook(epoch_length=1)
    runner._resume = False
    hook.after_load_checkpoint(runner, dict(plateau=dict(sum=1, count=1, lowest=0, waited=9)))
    assert hook._waited == 0


def test_mistakes():
    with pytest.raises(UserError, match='factor=1'):
        PlateauHook(factor=1)
    hook = PlateauHook(monitor='losss', epoch_length=2)
    with pytest.raises(UserError, match="no 'losss'"):
        train(hook, make_runner(), [1.0, 2.0])
    with pytest.raises(UserError, match="of_epoch must be 'mean' or 'last'"):
        PlateauHook(of_epoch='first')
    with pytest.raises(UserError, match="no optimiser is named 'critics': set part to one of a, b"):
        PlateauHook(part='critics', epoch_length=1).before_train(make_runner())
