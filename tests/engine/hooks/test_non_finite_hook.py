"""A training that goes bad stops with its cause, and leaves its last good checkpoint."""

import math
import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook, Hook, LoggerHook
from mmengine.registry import HOOKS
from mmengine.structures import BaseDataElement
from refusals import refusal
from torch import nn

from depthda.checkpoints.loading import latest_checkpoint
from depthda.engine.hooks.non_finite_hook import NonFiniteHook
from depthda.engine.launch import train
from depthda.errors import UserError

CONFIG = Path(__file__).parents[3] / 'configs' / 'sample' / 'upernet_tiny_u2r.py'


def make_runner(**options) -> SimpleNamespace:
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    common = dict(model=model, hooks=[LoggerHook(interval=5)], iter=0, max_iters=100)
    return SimpleNamespace(**common | dict(_load_from=None, _resume=False) | options)


def run_steps(hook: NonFiniteHook, runner, losses, device=None) -> None:
    """Run one iteration for each value of the loss, with a sample that has a name."""
    for value in losses:
        sample = BaseDataElement(metainfo=dict(img_path=f'set/{runner.iter + 1}.png'))
        outputs = {'loss': torch.tensor(value, device=device), 'decode.acc_seg': torch.tensor(0.0)}
        outputs['decode.loss_ce'] = outputs['loss']
        hook.after_train_iter(runner, 0, dict(data_samples=[sample]), outputs)
        runner.iter += 1


def begin(runner=None, **options):
    hook, runner = NonFiniteHook(**options), runner or make_runner()
    hook.before_train(runner)
    return hook, runner


def break_weights(runner) -> None:
    next(runner.model.parameters()).data.fill_(math.nan)


def test_bad_iterations_in_a_row_stop_it_and_the_first_is_named():
    hook, runner = begin(patience=4)
    # Read after 5 and 10 iterations: one that a loss scaler skipped, then four in a row.
    run_steps(hook, runner, [1, math.inf, 1, 1, 1, 1, math.nan, -math.inf, math.nan])
    assert refusal(run_steps, hook, runner, [math.nan]) == (
        'training stopped at iteration 10: decode.loss_ce = nan in iteration 7, with the '
        'samples 7.png of set. No checkpoint was written before: lower the learning rate, or '
        'correct the samples.'
    )


def test_fewer_bad_iterations_are_accepted_while_the_weights_are_finite():
    hook, runner = begin(patience=4)
    run_steps(hook, runner, [1, 1, math.nan, math.nan, math.nan, 1, 1, 1, 1, math.nan])
    break_weights(runner)
    with pytest.raises(UserError, match=r'iteration 15: .*nan in iteration 15, .* 15\.png of set'):
        run_steps(hook, runner, [1, 1, 1, 1, math.nan])


def test_the_first_bad_iteration_is_named_however_long_ago_it_was():
    hook, runner = begin(patience=9)
    run_steps(hook, runner, [1, 1, math.nan] + 7 * [math.nan])  # eight bad ones at 10
    with pytest.raises(UserError, match='iteration 15: .* in iteration 3, with the samples 3.png'):
        run_steps(hook, runner, 5 * [math.nan])


def test_weights_are_checked_before_a_checkpoint_and_a_validation():
    hooks = [CheckpointHook(interval=2, by_epoch=False), LoggerHook(interval=50)]
    for check in ('checkpoint', 'validation', 'epoch'):
        hook, runner = begin(make_runner(hooks=hooks))
        run_steps(hook, runner, [1])
        # The weights are bad, but no loss has been bad yet.
        runner.model[1].running_mean.fill_(math.inf)
        with pytest.raises(UserError, match=r'after iteration \d the weights .*1.running_mean'):
            if check == 'checkpoint':
                run_steps(hook, runner, [1])
            elif check == 'validation':
                hook.before_val(runner)
            else:
                hook.after_train_epoch(runner)


def test_no_value_is_read_between_two_intervals():
    hook, runner = begin(interval=5)
    # Reading a value on this device fails. Reading one on a GPU would wait for it.
    run_steps(hook, runner, 4 * [1.0], device='meta')
    with pytest.raises(RuntimeError, match='meta'):
        run_steps(hook, runner, [1.0], device='meta')


def test_losses_that_differ_from_step_to_step_and_plain_numbers_count():
    # As DRDG logs them: the generators are updated in some iterations only.
    hook, runner = begin(interval=2, patience=1)
    hook.after_train_iter(runner, 0, {}, dict(loss_critic=torch.tensor(1.0), distance=math.nan))
    runner.iter = 1
    outputs = dict(loss_critic=math.inf, loss_cyc=torch.tensor(1.0))
    with pytest.raises(UserError, match='loss_critic = inf in iteration 2, with the samples unkn'):
        hook.after_train_iter(runner, 0, {}, outputs)
    # A custom model whose outputs have no 'loss' in their names.
    hook, runner = begin(interval=1, patience=1)
    with pytest.raises(UserError, match='energy = nan'):
        hook.after_train_iter(runner, 0, {}, dict(energy=torch.tensor(math.nan), text='x'))


def test_no_training_starts_from_bad_weights():
    runner = make_runner(_load_from='work/iter_4.pth')
    break_weights(runner)
    with pytest.raises(UserError, match=r'weights of work/iter_4.pth are not finite \(0.weight\)'):
        begin(runner)


@pytest.mark.parametrize('options', [dict(patience=0), dict(interval=0)])
def test_mistakes(options):
    with pytest.raises(UserError, match='NonFiniteHook.*must be 1 or more'):
        NonFiniteHook(**options)


@HOOKS.register_module()
class PoisonHook(Hook):
    """Make the weights NaN before an iteration."""

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter + 1 == self.iteration:
            break_weights(runner)


@pytest.fixture
def poisoned(tmp_path):
    """A config whose default_hooks write checkpoints, but have no NonFiniteHook."""
    config = tmp_path / 'custom.py'
    config.write_text(
        f"_base_ = '{CONFIG}'\n"
        "default_hooks = dict(_delete_=True, checkpoint=dict(type='PlainCheckpointHook', "
        "by_epoch=False, interval=2, save_best='mIoU', max_keep_ckpts=1))\n"
        "custom_hooks = [dict(type='PoisonHook', iteration=3)]\n"
    )
    return config


def test_a_run_keeps_its_last_good_checkpoint(poisoned, tmp_path, short_run):
    work_dir = tmp_path / 'run'
    with pytest.raises(UserError) as stopped:
        train(poisoned, str(work_dir), cfg_options=short_run)
    good = work_dir / 'iter_2.pth'
    sentence = str(stopped.value)
    assert sentence.startswith(
        'training stopped at iteration 4: decode.loss_ce = nan in iteration 3, with the samples '
    )
    assert f'/Train/Urban/images_png. The last good checkpoint is {good}: start' in sentence
    assert sentence.endswith(
        'from its weights (load_from) with a lower learning rate, or correct the samples and '
        'add --resume.'
    )
    assert latest_checkpoint(work_dir) == good
    names = {path.name for path in work_dir.glob('*.pth')}
    assert names == {'best_mIoU_iter_2.pth', 'iter_2.pth'}
    assert sentence in next(work_dir.glob('2*/*.log')).read_text()

    # Resuming works as advised. A checkpoint with bad weights is refused.
    options = short_run | {'custom_hooks': []}
    assert train(poisoned, str(work_dir), resume=True, cfg_options=options).iter == 4
    bad = torch.load(work_dir / 'iter_4.pth', weights_only=True)
    next(value for value in bad['state_dict'].values()).fill_(math.nan)
    torch.save(bad, work_dir / 'iter_4.pth')
    with pytest.raises(UserError, match='iter_4.pth are not finite'):
        train(poisoned, str(work_dir), True, cfg_options=options | {'train_cfg.max_iters': 5})


def run_rank(rank: int, folder: Path) -> None:
    """One of two processes; the losses of the second go bad."""
    store = f'file://{folder}/store'
    torch.distributed.init_process_group('gloo', init_method=store, rank=rank, world_size=2)
    hook, runner = begin(patience=1)
    bad = math.nan if rank else 1.0
    try:
        run_steps(hook, runner, [1, 1, bad, bad, bad])
    except (UserError, SystemExit) as stopped:
        (folder / str(rank)).write_text(str(stopped))


def test_all_processes_stop_together_and_one_of_them_reports_why(tmp_path):
    # Fork the processes, to save two imports of torch.
    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=run_rank, args=(rank, tmp_path)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    sentence = 'training stopped at iteration 5: decode.loss_ce = nan in iteration 3'
    assert (tmp_path / '0').read_text().startswith(sentence)
    assert (tmp_path / '1').read_text() == '2'  # the exit status
