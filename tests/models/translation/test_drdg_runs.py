"""DRDG in mmengine's training loop: checkpoints contain two optimisers, and runs resume exactly."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

ROOT = __file__.split('/tests/')[0]


def noise(index):
    """Return a pair of random images."""
    g = torch.Generator().manual_seed(index)
    sizes = dict(source=(32, 48), target=(24, 32))
    return dict(inputs={name: torch.rand(4, *size, generator=g) for name, size in sizes.items()})


def run(model, folder, max_iters, resume=False):
    cfg = Config.fromfile(f'{ROOT}/configs/_base_/default_runtime.py')
    schedule = Config.fromfile(f'{ROOT}/configs/_base_/schedules/adam-rmsprop-drdg.py')
    hooks = cfg.default_hooks | dict(
        checkpoint=dict(type='PlainCheckpointHook', by_epoch=False, interval=2),
        logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
    )
    runner = Runner(
        model=model,
        work_dir=str(folder),
        train_dataloader=dict(dataset=[*map(noise, range(8))], batch_size=1, num_workers=0)
        | dict(sampler=dict(type='RunSampler')),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters),
        optim_wrapper=schedule.optim_wrapper,
        default_hooks=hooks,
        randomness=dict(seed=3),
        default_scope='mmseg',
        log_level='ERROR',
        log_processor=dict(by_epoch=False),
        experiment_name=f'drdg-{folder.name}-{max_iters}',
        resume=resume,
    )
    runner.train()
    return runner


@pytest.mark.skipif(torch.cuda.is_available(), reason='the order of sums on a GPU varies')
def test_a_resumed_run_equals_an_uninterrupted_one(drdg, tmp_path):
    config = drdg(n_critic=3)
    config['generator']['dropout'] = 0.5
    uninterrupted = run(config, tmp_path / 'uninterrupted', 6)
    run(config, tmp_path / 'resumed', 4)
    run(config, tmp_path / 'resumed', 6, resume=True)
    paths = [tmp_path / folder / 'iter_6.pth' for folder in ('uninterrupted', 'resumed')]
    first, second = (torch.load(path, weights_only=True) for path in paths)
    assert first['optimizer'].keys() == {'generators', 'critics'}
    for key, value in first['state_dict'].items():
        assert torch.equal(value, second['state_dict'][key])
    # The resumed part changed the weights.
    before = torch.load(tmp_path / 'resumed' / 'iter_4.pth', weights_only=True)['state_dict']
    weight = 'generator_s2t.downs.0.0.weight'
    assert not torch.equal(before[weight], first['state_dict'][weight])
    # With n_critic=3, six iterations update the generators twice and the critics six times.
    states = first['optimizer']
    assert {float(s['step']) for s in states['generators']['state'].values()} == {2}
    assert {float(s['step']) for s in states['critics']['state'].values()} == {6}
    logged = uninterrupted.message_hub.log_scalars
    assert len(logged['train/distance_t'].data[0]) == 6
    assert len(logged['train/loss_dccl'].data[0]) == 2
