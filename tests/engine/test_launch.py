"""Train configs: resume, names, locks, and what is refused."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import time

import pytest
import torch
from refusals import refusal
from tiny_run import CONFIG, CONFIGS

from depthda.checkpoints.loading import read_meta
from depthda.engine import launch
from depthda.engine.launch import check_training, load_config, test, train
from depthda.errors import UserError
from depthda.io.lock import locked, own_folder

test.__test__ = False  # keep pytest from collecting this imported function


def weights(path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)['state_dict']


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(trained, tmp_path):
    folder, options = trained
    train(CONFIG, str(tmp_path), cfg_options=options | {'train_cfg.max_iters': 2})
    (tmp_path / 'iter_3.pth.part').touch()  # left by a kill in the middle of a write
    # Another number of workers must not matter either.
    resumed = options | {'train_dataloader.num_workers': 2}
    train(CONFIG, str(tmp_path), resume=True, cfg_options=resumed)

    uninterrupted, resumed_file = folder / 'iter_4.pth', tmp_path / 'iter_4.pth'
    assert equal(weights(uninterrupted), weights(resumed_file))
    first, second = (
        torch.load(path, weights_only=True)['optimizer']['state']
        for path in (uninterrupted, resumed_file)
    )
    assert first.keys() == second.keys() and all(equal(first[i], second[i]) for i in first)
    # The same steps with another seed give other weights, so equality above means something.
    other = options | {'randomness.seed': 1, 'train_cfg.max_iters': 2}
    train(CONFIG, str(tmp_path / 'other'), cfg_options=other)
    assert not equal(weights(tmp_path / 'other' / 'iter_2.pth'), weights(tmp_path / 'iter_2.pth'))


def test_a_checkpoint_records_where_it_comes_from(trained):
    folder, _ = trained
    last = read_meta(folder / 'iter_4.pth')
    assert last['selection'] == {'rule': 'last iteration', 'on': None}
    assert last['trained_on']['domains'] == ['Urban']
    assert last['trained_on']['holdout']['part'] == 'fit'
    (best,) = folder.glob('best_mIoU_iter_*.pth')
    chosen = read_meta(best)['selection']
    assert chosen['rule'] == 'best mIoU'
    assert chosen['on']['domains'] == ['Urban'] and chosen['on']['holdout']['part'] == 'held-out'


@pytest.mark.parametrize('moved, scores', [(False, 'mIoU'), (True, ['mIoU', 'mPrecision'])])
def test_a_run_resumed_in_another_folder_replaces_only_its_own_best(
    short_run, tmp_path, scores, moved
):
    names = [scores] if isinstance(scores, str) else scores
    options = short_run | {'default_hooks.checkpoint.save_best': scores}
    options['train_cfg.val_interval'] = 2
    first, second = tmp_path / 'first', tmp_path / 'second'
    train(CONFIG, str(first), cfg_options=options)
    # Any later score is better than this one.
    last = torch.load(first / 'iter_4.pth', weights_only=True)
    info = last['message_hub']['runtime_info']
    info.update(dict.fromkeys([key for key in info if key.startswith('best_score')], -1.0))
    torch.save(last, first / 'iter_4.pth')
    before = {path: path.read_bytes() for path in first.rglob('*') if path.is_file()}
    shutil.move(first, second) if moved else shutil.copytree(first, second)

    train(CONFIG, str(second), resume=True, cfg_options=options | {'train_cfg.max_iters': 8})
    if not moved:
        assert before == {path: path.read_bytes() for path in first.rglob('*') if path.is_file()}
    assert (second / 'iter_8.pth').is_file() and first.exists() != moved
    for name in names:
        (best,) = second.glob(f'best_{name}_iter_*.pth')
        assert best.stem[-1] in '68'
    info = torch.load(second / 'iter_8.pth', weights_only=True)['message_hub']['runtime_info']
    paths = [value for key, value in info.items() if key.startswith(('best_ckpt', 'last_ckpt'))]
    assert len(paths) == 1 + len(names)
    assert {os.path.dirname(path) for path in paths} == {str(second)}


def test_two_trainings_never_write_to_one_folder(trained, tmp_path):
    _, options = trained
    held = 'import sys, time; from pathlib import Path; from depthda.io.lock import own_folder\n'
    held += "with own_folder(Path(sys.argv[1]), '.training.lock'): print(flush=1); time.sleep(60)"
    other = subprocess.Popen([sys.executable, '-c', held, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        for resume in (False, True):
            assert refusal(train, CONFIG, str(tmp_path), resume=resume, cfg_options=options) == (
                f'another process is writing to {tmp_path}: wait until it ends, or use another '
                '--work-dir for this training.'
            )
        assert [path.name for path in tmp_path.iterdir()] == ['.training.lock']
        # A check writes nothing, and a finished run has nothing to do.
        assert check_training(CONFIG, str(tmp_path), cfg_options=options)
    finally:
        other.kill()
        other.wait()
    # The system releases the lock of a killed process. A table's worker has another lock.
    with locked(tmp_path), own_folder(tmp_path, '.training.lock'):
        pass


def test_a_killed_training_s_workers_do_not_keep_its_lock(tmp_path):
    with locked(tmp_path) as first:
        assert first
        child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))
        child.start()
        time.sleep(0.2)
    try:
        with locked(tmp_path) as second:
            assert second
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize(
    'key, value, old',
    [('optim_wrapper.optimizer.lr', 1e-5, 0.003), ('param_scheduler.1.end', 5, 4)],
)
def test_a_resumed_run_keeps_its_optimiser_and_schedule(trained, tmp_path, key, value, old):
    folder, options = trained
    last = tmp_path / 'iter_2.pth'
    os.link(folder / 'iter_2.pth', last)
    (tmp_path / CONFIG.name).write_text('# of the training')
    changed = options | {key: value}
    assert refusal(train, CONFIG, str(tmp_path), resume=True, cfg_options=changed) == (
        f'{last} comes from a run with {key}={old}, and a resumed run must have the same, '
        f'but this run has {value}: resume with --cfg-options {key}={old}, or start from the '
        f'weights with load_from={last} in another --work-dir.'
    )
    assert {path.name for path in tmp_path.iterdir()} == {last.name, CONFIG.name}
    assert (tmp_path / CONFIG.name).read_text() == '# of the training'


def test_amp_names_the_wrapper_and_keeps_weights_in_fp32(tmp_path, short_run):
    options = short_run | {'train_cfg.max_iters': 1}
    runner = train(CONFIG, str(tmp_path), amp=True, cfg_options=options)
    assert type(runner.optim_wrapper).__name__ == 'AutocastOptimWrapper'
    assert {p.dtype for p in runner.model.parameters()} == {torch.float32}


def test_two_runs_of_one_process_have_different_names(tmp_path, short_run, monkeypatch):
    runner = train(CONFIG, str(tmp_path), cfg_options=short_run | {'train_cfg.max_iters': 1})
    assert launch._last_name == runner.timestamp
    # mmengine names a run after its start, in whole seconds.
    now = time.strftime('%Y%m%d_%H%M%S')
    monkeypatch.setattr(launch, '_last_name', now)
    launch._await_a_new_name()
    assert time.strftime('%Y%m%d_%H%M%S') > now


def test_wrong_paths_are_refused_with_similar_names(tmp_path, trained):
    with pytest.raises(UserError, match='no config file.*depthda_tiny_u2r.py'):
        load_config(CONFIGS / 'depthda_tiny.py')
    folder, options = trained
    with pytest.raises(UserError, match='iter_5.pth does not exist: .*iter_4.pth'):
        test(CONFIG, folder / 'iter_5.pth', str(tmp_path), cfg_options=options)
    with pytest.raises(UserError, match='no/such/place'):
        options = options | {'train_dataloader.dataset.data_root': 'no/such/place'}
        train(CONFIG, str(tmp_path), cfg_options=options)


def test_resume_in_the_config_starts_anew_in_an_empty_folder(trained, tmp_path):
    folder, options = trained
    options = options | {'train_cfg.max_iters': 2, 'resume': True}
    leak = {'test_dataloader.dataset.domain': 'Urban', 'test_dataloader.dataset.split': 'Train'}
    train(CONFIG, str(tmp_path), cfg_options=options | leak)
    assert equal(weights(folder / 'iter_2.pth'), weights(tmp_path / 'iter_2.pth'))
    # The log contains both warnings.
    log = next(tmp_path.glob('2*/*.log')).read_text()
    assert 'nothing to resume' in log and 'test images are also training images' in log


def test_resume_continues_the_last_run_and_saves_a_config_without_a_start(trained, tmp_path):
    folder, options = trained
    for name in ('iter_4.pth', 'iter_2.pth'):
        os.link(folder / name, tmp_path / name)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_2.pth'))
    options = options | {'train_cfg.max_iters': 3}
    assert train(CONFIG, str(tmp_path), resume=True, cfg_options=options).iter == 3
    log = next(tmp_path.glob('2*/*.log')).read_text()
    assert 'resumed epoch: 0, iter: 2' in log
    assert 'more than once' not in log  # the weights are not initialised before they are read
    for kept in (tmp_path / CONFIG.name, next(tmp_path.glob('2*/vis_data/config.py'))):
        cfg = load_config(kept)
        assert cfg.resume is False and cfg.load_from is None


def test_a_finished_run_has_nothing_to_do(trained):
    folder, options = trained
    before = sorted(folder.iterdir())
    assert train(CONFIG, str(folder), resume=True, cfg_options=options) is None
    assert sorted(folder.iterdir()) == before
