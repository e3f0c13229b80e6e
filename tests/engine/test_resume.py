import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import CosineAnnealingLR, LinearLR, OptimWrapper, PolyLR
from refusals import refusal

from depthda.engine.launch import train
from depthda.engine.resume import Start, check_resumed, find_start
from depthda.errors import UserError

SAMPLE = Path(__file__).parents[2] / 'configs' / 'sample' / 'upernet_tiny_u2r.py'


@pytest.fixture
def folder(tmp_path):
    """A work dir with the checkpoint of iteration 4 of a run with seed 0."""
    save(tmp_path / 'iter_4.pth', 4)
    return tmp_path


def save(path, iteration, seed=0, **kwargs):
    content = {'state_dict': {}, 'optimizer': {}, 'meta': dict(epoch=0, iter=iteration, seed=seed)}
    torch.save(content | kwargs, path)
    return str(path)


def config(work_dir, **kwargs) -> Config:
    settings = dict(
        work_dir=str(work_dir),
        randomness=dict(seed=0),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=10),
        load_from=None,
        resume=False,
    )
    return Config(settings | kwargs)


def begins(cfg, resume=False):
    start = find_start(cfg, resume)
    return start.checkpoint and os.path.basename(start.checkpoint), start.resumed


def test_an_empty_folder_starts_anew_with_either_kind_of_resume(tmp_path):
    assert find_start(config(tmp_path), resume=False) == Start()
    for cfg, resume in ((config(tmp_path), True), (config(tmp_path, resume=True), False)):
        start = find_start(cfg, resume)
        assert (start.checkpoint, start.resumed) == (None, False)
        assert 'nothing to resume' in start.note and 'iteration 0' in start.note


def test_resume_on_the_command_line_takes_the_folder_before_load_from(folder, tmp_path):
    other = save(tmp_path / 'pretrained.pth', 900)
    assert begins(config(folder, load_from=other), resume=True) == ('iter_4.pth', True)
    empty = config(tmp_path / 'empty', load_from=other)
    assert begins(empty, resume=True) == ('pretrained.pth', False)
    assert begins(empty) == ('pretrained.pth', False)


def test_resume_in_the_config_resumes_the_file_it_names(folder):
    earlier = save(folder / 'iter_2.pth', 2)
    os.utime(earlier, ns=(0, 0))
    assert begins(config(folder, resume=True)) == ('iter_4.pth', True)
    assert begins(config(folder, resume=True, load_from=earlier)) == ('iter_2.pth', True)


def test_a_fresh_start_in_the_folder_of_an_earlier_run_is_reported(folder):
    start = find_start(config(folder), resume=False)
    assert start.checkpoint is None and 'iter_4.pth of an earlier run' in start.note


def test_another_seed_is_refused(folder):
    with pytest.raises(UserError, match=r'seed 0, but this run has randomness\.seed=1'):
        find_start(config(folder, randomness=dict(seed=1)), resume=True)
    # No fixed seed: the interrupted run's own is taken over.
    assert begins(config(folder, randomness=dict()), resume=True) == ('iter_4.pth', True)


def test_a_finished_run_is_recognised_and_one_beyond_the_end_refused(folder):
    def last(iterations):
        return find_start(config(folder, train_cfg=dict(max_iters=iterations)), resume=True)

    assert not last(5).finished and last(4).finished
    with pytest.raises(UserError, match='at iter 4, beyond train_cfg.max_iters=3'):
        last(3)


def test_a_damaged_checkpoint_is_refused_with_the_one_before_it(folder):
    last = folder / 'iter_6.pth'
    save(last, 6)
    last.write_bytes(last.read_bytes()[:-100])
    (folder / 'last_checkpoint').write_text(str(last))
    outcomes = {'iter_4.pth': 'continue from iter_4.pth', None: 'start at iteration 0'}
    for remaining, outcome in outcomes.items():
        if remaining is None:
            (folder / 'iter_4.pth').unlink()
        assert refusal(find_start, config(folder), resume=True) == (
            f'{last} is damaged or incomplete: remove it, and --resume will {outcome}.'
        )


def test_weights_alone_cannot_be_resumed(tmp_path):
    path = tmp_path / 'best_mIoU_iter_4.pth'
    torch.save({'state_dict': {}, 'meta': {'iter': 4}}, path)
    with pytest.raises(UserError, match='contains only weights'):
        find_start(config(tmp_path, resume=True, load_from=str(path)), resume=False)


def test_load_partial_needs_a_checkpoint_and_has_no_effect_on_resume(folder, tmp_path):
    assert refusal(find_start, config(tmp_path / 'empty', load_partial=True), resume=True) == (
        'load_partial=True needs a checkpoint, and load_from is not set: set load_from to a '
        'checkpoint, or leave out load_partial.'
    )
    assert begins(config(folder, load_partial=True), resume=True) == ('iter_4.pth', True)


def test_a_rate_that_a_hook_has_lowered_is_not_reported_as_changed():
    """Without schedulers, a plateau hook may have changed the rate, which the run then keeps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0)
    saved = dict(optimizer=optimizer.state_dict(), meta={})
    saved['optimizer']['param_groups'][0]['lr'] = 0.5
    cfg = dict(
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.0)),
        custom_hooks=[dict(type='PlateauHook', monitor='loss')],
    )
    runner = SimpleNamespace(
        cfg=Config(cfg),
        optim_wrapper=OptimWrapper(optimizer),
        param_schedulers=dict(generators=[], critics=[]),  # as mmengine has them with parts
        train_dataloader=SimpleNamespace(batch_size=2),
        _load_from='iter_2.pth',
    )
    check_resumed(runner, saved)
    runner.cfg.custom_hooks = None
    with pytest.raises(
        UserError, match=r'optimizer\.lr=0\.5, and a resumed run must have the same'
    ):
        check_resumed(runner, saved)


def sentence_about(path, old, new, advice) -> str:
    return (
        f'{path} comes from a run with {old}, and a resumed run must have the same, but '
        f'this run has {new}: resume with {advice}, or start from the weights with '
        f'load_from={path} in another --work-dir.'
    )


SAME = 'the param_scheduler of that run'


@pytest.mark.parametrize(
    'change, sentence',
    [
        (
            {'train_dataloader.batch_size': 4},
            ('batches of 2 samples', '4', '--cfg-options train_dataloader.batch_size=2'),
        ),
        ({'param_scheduler': None}, ('2 schedulers in param_scheduler', '0', SAME)),
    ],
)
def test_another_batch_or_schedule_is_refused(trained_once, short_run, tmp_path, change, sentence):
    options, last = short_run, tmp_path / 'iter_2.pth'
    os.link(trained_once(SAMPLE.stem) / last.name, last)
    if 'param_scheduler' in change:
        options = {key: options[key] for key in options if 'param_scheduler' not in key}
    assert refusal(
        train, SAMPLE, str(tmp_path), resume=True, cfg_options=options | change
    ) == sentence_about(last, *sentence)
    assert [path.name for path in tmp_path.iterdir()] == [last.name]


@pytest.mark.parametrize(
    'processes, sentence',
    [
        (2, ('4 (2 in each of 2 processes)', '--cfg-options train_dataloader.batch_size=1')),
        (
            3,
            (
                '6 (2 in each of 3 processes)',
                'a number of processes and a batch_size that together make 2',
            ),
        ),
    ],
)
def test_another_number_of_processes_is_another_batch(monkeypatch, processes, sentence):
    for module in ('depthda.engine.resume', 'mmengine.dist'):
        monkeypatch.setattr(f'{module}.get_world_size', lambda: processes)
    loader = SimpleNamespace(batch_size=2)
    runner = SimpleNamespace(train_dataloader=loader, _load_from='iter_2.pth')
    message = refusal(check_resumed, runner, dict(meta=dict(samples_per_iteration=2)))
    assert message == sentence_about('iter_2.pth', 'batches of 2 samples', *sentence)


def test_schedulers_that_are_added_or_replaced_are_refused():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0)
    linear, poly, cosine = LinearLR(optimizer), PolyLR(optimizer), CosineAnnealingLR(optimizer, 4)
    runner = SimpleNamespace(
        cfg=Config(dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.0)))),
        optim_wrapper=OptimWrapper(optimizer),
        train_dataloader=SimpleNamespace(batch_size=2),
        _load_from='iter_2.pth',
    )

    def refused(now, saved):
        runner.param_schedulers = now
        states = [scheduler.state_dict() for scheduler in saved]
        names = now if isinstance(now, dict) else None
        saved = dict.fromkeys(names, states) if names else states
        checkpoint = dict(optimizer=optimizer.state_dict(), meta={}, param_schedulers=saved)
        return refusal(check_resumed, runner, checkpoint)

    added = ('1 scheduler in param_scheduler', '2', SAME)
    assert refused([linear, poly], [linear]) == sentence_about('iter_2.pth', *added)
    other = 'a scheduler other than CosineAnnealingLR in param_scheduler.1'
    replaced = (other, 'CosineAnnealingLR', SAME)
    assert refused([linear, cosine], [linear, poly]) == sentence_about('iter_2.pth', *replaced)
    name = 'param_scheduler.critics'
    of_part = (f'1 scheduler in {name}', '0', f'the {name} of that run')
    sentence = refused({'generators': [poly], 'critics': []}, [poly])
    assert sentence == sentence_about('iter_2.pth', *of_part)


def test_a_run_resumes_with_fewer_processes_and_larger_batches(trained_once, short_run, tmp_path):
    """The number of samples per iteration is the same as before."""
    checkpoint = trained_once(SAMPLE.stem) / 'iter_2.pth'
    content = torch.load(checkpoint, weights_only=True)
    assert content['meta']['samples_per_iteration'] == 2
    content['meta']['samples_per_iteration'] = 4  # of 2 processes
    torch.save(content, tmp_path / checkpoint.name)
    options = short_run | {'train_dataloader.batch_size': 4}
    assert train(SAMPLE, str(tmp_path), resume=True, cfg_options=options).iter == 4
