import json
import multiprocessing
import os
import subprocess
import sys
import time
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from depthda.checkpoints.loading import read_meta
from depthda.engine import launch
from depthda.engine.launch import _spare_logits, check_training, load_config, test, train
from depthda.errors import UserError
from depthda.evaluation.tile_counts import load_tiles
from depthda.io.lock import locked, own_folder
from depthda.models.segmentors.depth_guided import DepthGuidedEncoderDecoder

test.__test__ = False  # the function under test, not a test

CONFIGS = Path(__file__).parents[2] / 'configs' / 'sample'
CONFIG = CONFIGS / 'depthda_tiny_u2r.py'


@pytest.fixture(scope='module')
def trained(tmp_path_factory, short_run):
    """Four uninterrupted steps, with what they were told."""
    folder = tmp_path_factory.mktemp('trained')
    train(CONFIG, str(folder), cfg_options=short_run)
    return folder, short_run


def weights(path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)['state_dict']


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[key], second[key]) for key in first
    )


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(trained, tmp_path):
    folder, options = trained
    train(CONFIG, str(tmp_path), cfg_options=options | {'train_cfg.max_iters': 2})
    (tmp_path / 'iter_3.pth.part').touch()  # what a kill in mid-write may leave
    # Another number of workers must not matter either.
    resumed = options | {'train_dataloader.num_workers': 2}
    train(CONFIG, str(tmp_path), resume=True, cfg_options=resumed)

    whole, again = folder / 'iter_4.pth', tmp_path / 'iter_4.pth'
    assert equal(weights(whole), weights(again))
    states = [torch.load(p, weights_only=True)['optimizer']['state'] for p in (whole, again)]
    assert all(
        torch.equal(states[0][i][key], states[1][i][key]) for i in states[0] for key in states[0][i]
    )
    # The same steps with another seed give other weights, so equality above means something.
    train(
        CONFIG,
        str(tmp_path / 'other'),
        cfg_options=options | {'randomness.seed': 1, 'train_cfg.max_iters': 2},
    )
    assert not equal(weights(tmp_path / 'other' / 'iter_2.pth'), weights(tmp_path / 'iter_2.pth'))


def test_a_checkpoint_says_how_it_came_to_be(trained):
    folder, _ = trained
    last = read_meta(folder / 'iter_4.pth')
    assert last['selection'] == {'rule': 'last iteration', 'on': None}
    assert last['trained_on']['domains'] == ['Urban']
    assert last['trained_on']['holdout']['part'] == 'fit'
    (best,) = folder.glob('best_mIoU_iter_*.pth')
    chosen = read_meta(best)['selection']
    assert chosen['rule'] == 'best mIoU'
    assert chosen['on']['domains'] == ['Urban'] and chosen['on']['holdout']['part'] == 'held-out'


def test_test_writes_figures_maps_and_a_checked_zip(trained, tmp_path, sample):
    folder, options = trained
    images = sample / 'Test' / 'Rural' / 'images_png'
    results = test(
        CONFIG,
        folder / 'iter_4.pth',
        work_dir=str(tmp_path),
        out=str(tmp_path / 'maps'),
        show_dir=str(tmp_path / 'colours'),
        submission=str(tmp_path / 'u2r.zip'),
        against=str(images),
        cfg_options=options,
    )
    names = sorted(path.name for path in images.iterdir())
    written = json.loads((tmp_path / 'metrics.json').read_text())
    assert written == json.loads(json.dumps(results))
    assert written['seed'] == 0 and written['selection']['rule'] == 'last iteration'
    assert written['tested_on']['domains'] == ['Rural'] and written['tested_on']['images'] == 3
    assert written['versions']['torch'] == torch.__version__
    assert sorted(p.name for p in (tmp_path / 'maps').iterdir()) == names
    assert sorted(p.name for p in (tmp_path / 'colours').iterdir()) == names
    assert (tmp_path / 'u2r.zip').is_file()
    # What was run, when, and image by image.
    assert written['cfg_options'] == options
    assert datetime.fromisoformat(written['finished']).utcoffset() == timedelta(0)
    (own,) = tmp_path.glob('2*/metrics.json')
    assert json.loads(own.read_text()) == written
    tiles = load_tiles(tmp_path / 'tiles.npz')
    assert [Path(name).name for name in tiles.names] == names
    assert (
        tiles.counts.sum(0)[:-1].tolist() == written['report']['groups']['all']['confusion_matrix']
    )

    # The figures are those of the maps that were written.
    import cv2
    import numpy as np
    from sklearn.metrics import accuracy_score

    truth, found = [], []
    for name in names:
        label = cv2.imread(str(sample / 'Test/Rural/masks_png' / name), cv2.IMREAD_UNCHANGED)
        counted = label > 0
        truth.append(label[counted] - 1)
        found.append(cv2.imread(str(tmp_path / 'maps' / name), cv2.IMREAD_UNCHANGED)[counted])
    accuracy = accuracy_score(np.concatenate(truth), np.concatenate(found))
    assert results['scores']['OA'] == pytest.approx(100 * accuracy)


def test_a_set_without_labels_ends_with_the_folder_of_its_maps(trained, tmp_path, capsys):
    folder, options = trained
    config, maps = CONFIGS / 'depthda_tiny_u2r-server.py', tmp_path / 'maps'
    key = 'test_dataloader.dataset.data_root'
    options = {key: options[key]}
    test(config, folder / 'iter_4.pth', str(tmp_path), out=str(maps), cfg_options=options)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f'predicted maps: {maps}' and not any('scores' in line for line in lines)


def test_test_time_augmentation_averages_the_flips(trained, tmp_path):
    folder, options = trained
    plain = test(CONFIG, folder / 'iter_4.pth', str(tmp_path / 'a'), cfg_options=options)
    flipped = test(
        CONFIG, folder / 'iter_4.pth', str(tmp_path / 'b'), tta=True, cfg_options=options
    )
    assert flipped['tta'] and flipped['scores']['OA'] != plain['scores']['OA']
    assert flipped['scores']['OA'] == pytest.approx(plain['scores']['OA'], abs=15)


@pytest.mark.parametrize(
    'val, test, kept',
    [
        (dict(type='SegmentationMetric'), [dict(type='PredictionWriter', out_dir='x')], False),
        (None, None, False),  # the server protocol, before its writer is added
        (dict(type='IoUMetric'), dict(type='SegmentationMetric'), True),
        (dict(type='SegmentationMetric'), [dict(type='IoUMetric')], True),
    ],
)
def test_logits_are_kept_for_metrics_that_may_want_them(val, test, kept):
    model = DepthGuidedEncoderDecoder.__new__(DepthGuidedEncoderDecoder)
    _spare_logits(
        SimpleNamespace(model=model), Config(dict(val_evaluator=val, test_evaluator=test))
    )
    assert model.keep_logits is kept


def test_a_checkpoint_of_another_model_is_refused(trained, tmp_path):
    folder, options = trained
    work_dir = tmp_path / 'runs' / 'a'
    with pytest.raises(UserError, match='does not fit the model'):
        test(
            CONFIGS / 'upernet_tiny_u2r.py',
            folder / 'iter_4.pth',
            str(work_dir),
            cfg_options=options,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_test_in_the_folder_of_a_training_leaves_its_config(trained, tmp_path, capsys):
    folder, options = trained
    os.link(folder / 'iter_4.pth', tmp_path / 'iter_4.pth')
    (tmp_path / CONFIG.name).write_text('# of the training')
    out = tmp_path / 'maps'
    out.mkdir()
    for name in 'abcd':
        (out / f'{name}.png').touch()
    test(CONFIG, tmp_path / 'iter_4.pth', str(tmp_path), str(out), cfg_options=options)
    assert (tmp_path / CONFIG.name).read_text() == '# of the training'
    assert (
        f'warning: --out {out} holds 4 PNG of images that this test does not predict (a.png, '
        'b.png, c.png, …): give another folder to keep the maps of this test apart.'
    ) in capsys.readouterr().out


def test_two_trainings_never_write_to_one_folder(trained, tmp_path):
    _, options = trained
    held = 'import sys, time; from pathlib import Path; from depthda.io.lock import own_folder'
    held += (
        "\nwith own_folder(Path(sys.argv[1]), '.training.lock'): print(flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, '-c', held, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        for resume in (False, True):
            with pytest.raises(UserError) as caught:
                train(CONFIG, str(tmp_path), resume=resume, cfg_options=options)
            assert str(caught.value) == (
                f'another process is writing to {tmp_path}: wait until it ends, or give this '
                'training a --work-dir of its own.'
            )
        assert [path.name for path in tmp_path.iterdir()] == ['.training.lock']
        # A check writes nothing, and a finished run has nothing to do.
        assert check_training(CONFIG, str(tmp_path), cfg_options=options)
    finally:
        other.kill()
        other.wait()
    # The system gives the lock of a killed process back. A table's worker has its own.
    with locked(tmp_path), own_folder(tmp_path, '.training.lock'):
        pass


def test_a_killed_training_s_workers_do_not_keep_its_lock(tmp_path):
    with locked(tmp_path) as mine:
        assert mine
        child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))
        child.start()
        time.sleep(0.2)
    try:
        with locked(tmp_path) as again:
            assert again
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize(
    'key, value, old',
    [
        ('optim_wrapper.optimizer.lr', 1e-5, 0.003),
        ('param_scheduler.1.end', 5, 4),
    ],
)
def test_a_resumed_run_keeps_its_optimiser_and_schedule(trained, tmp_path, key, value, old):
    folder, options = trained
    last = tmp_path / 'iter_2.pth'
    os.link(folder / 'iter_2.pth', last)
    (tmp_path / CONFIG.name).write_text('# of the training')
    with pytest.raises(UserError) as caught:
        train(CONFIG, str(tmp_path), resume=True, cfg_options=options | {key: value})
    assert str(caught.value) == (
        f'{last} is of a run with {key}={old}, which a resumed run keeps, and this one has '
        f'{value}: resume with --cfg-options {key}={old}, or start from the weights with '
        f'load_from={last} in another --work-dir.'
    )
    assert {path.name for path in tmp_path.iterdir()} == {last.name, CONFIG.name}
    assert (tmp_path / CONFIG.name).read_text() == '# of the training'


def test_amp_names_the_wrapper_and_keeps_weights_in_fp32(tmp_path, short_run):
    options = short_run | {'train_cfg.max_iters': 1}
    runner = train(CONFIG, str(tmp_path), amp=True, cfg_options=options)
    assert type(runner.optim_wrapper).__name__ == 'AutocastOptimWrapper'
    assert {p.dtype for p in runner.model.parameters()} == {torch.float32}


def test_two_runs_of_one_process_have_names_of_their_own(tmp_path, short_run, monkeypatch):
    runner = train(CONFIG, str(tmp_path), cfg_options=short_run | {'train_cfg.max_iters': 1})
    assert launch._last_name == runner.timestamp
    # mmengine names the next by the second in which it is begun.
    now = time.strftime('%Y%m%d_%H%M%S')
    monkeypatch.setattr(launch, '_last_name', now)
    launch._await_a_new_name()
    assert time.strftime('%Y%m%d_%H%M%S') > now


def test_rgb_only_and_the_other_direction_train_too(tmp_path, short_run):
    options = short_run | {'train_cfg.max_iters': 1}
    runner = train(CONFIGS / 'upernet_tiny_r2u.py', str(tmp_path), cfg_options=options)
    assert runner.train_dataloader.dataset.domains == ['Rural']
    assert runner.train_dataloader.dataset[0]['inputs'].shape[0] == 3


def test_wrong_paths_are_named_with_what_is_there(tmp_path, trained):
    with pytest.raises(UserError, match='no config file.*depthda_tiny_u2r.py'):
        load_config(CONFIGS / 'depthda_tiny.py')
    folder, options = trained
    with pytest.raises(UserError, match='no checkpoint.*iter_4.pth'):
        test(CONFIG, folder / 'iter_5.pth', str(tmp_path), cfg_options=options)
    with pytest.raises(UserError, match='no/such/place'):
        train(
            CONFIG,
            str(tmp_path),
            cfg_options=options | {'train_dataloader.dataset.data_root': 'no/such/place'},
        )


def test_a_group_that_the_test_set_lacks_is_refused_first(trained, tmp_path):
    folder, options = trained
    headline = {'+test_evaluator.headline': 'Urbn'}
    with pytest.raises(UserError) as caught:
        test(CONFIG, folder / 'iter_4.pth', str(tmp_path / 'a'), cfg_options=options | headline)
    assert str(caught.value) == (
        "test_evaluator.headline='Urbn' is not in the test set, which has all, Rural, Test, "
        'Test/Rural.'
    )
    assert not (tmp_path / 'a').exists()


def test_a_translation_is_not_tested():
    with pytest.raises(UserError, match='no test_dataloader: .* tools/translate.py'):
        test('configs/sample/drdg_tiny_u2r.py', 'iter_800.pth')


def test_the_config_s_own_resume_in_an_empty_folder_starts_as_without(trained, tmp_path):
    folder, options = trained
    options = options | {'train_cfg.max_iters': 2, 'resume': True}
    leak = {'test_dataloader.dataset.domain': 'Urban', 'test_dataloader.dataset.split': 'Train'}
    train(CONFIG, str(tmp_path), cfg_options=options | leak)
    assert equal(weights(folder / 'iter_2.pth'), weights(tmp_path / 'iter_2.pth'))
    # What the user should know stands in the log.
    log = next(tmp_path.glob('2*/*.log')).read_text()
    assert 'nothing to resume' in log and 'test images are training images too' in log


def test_resume_goes_on_with_the_last_run_and_keeps_a_config_that_repeats_it(trained, tmp_path):
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


def test_a_submission_that_cannot_be_is_refused_before_the_images_are_predicted(
    trained, tmp_path, sample
):
    folder, options = trained
    images, checkpoint = sample / 'Test' / 'Rural' / 'images_png', folder / 'iter_4.pth'

    def submit(**kwargs):
        test(CONFIG, checkpoint, str(tmp_path), cfg_options=options, **kwargs)

    with pytest.raises(UserError, match='--against says.*add --submission'):
        submit(against=str(images))
    with pytest.raises(UserError, match='ends with .zip'):
        submit(submission=str(tmp_path / 'u2r.rar'), against=str(images))
    with pytest.raises(UserError, match='no/folder is not a folder'):
        submit(submission=str(tmp_path / 'u2r.zip'), against='no/folder')
    with pytest.raises(UserError, match='missing'):
        submit(submission=str(tmp_path / 'u2r.zip'), against=str(sample / 'Train/Rural/images_png'))
    with pytest.raises(UserError) as caught:
        submit(submission=str(tmp_path / 'u2r.zip'))
    assert str(caught.value) == (
        f'--submission: {CONFIG} tests 3 images of {sample} (Rural, Test), and none of them is a '
        'test image of LoveDA: use a config with -server in its name, or give the folder of the '
        'test images with --against DIR.'
    )
    # No log, no config, no maps.
    assert list(tmp_path.iterdir()) == []


def test_both_domains_are_one_submission_of_the_segmentation_challenge(trained, tmp_path, sample):
    folder, options = trained
    both, archive = {'test_dataloader.dataset.domain': ['Urban', 'Rural']}, tmp_path / 'both.zip'
    settings = dict(cfg_options=options | both, submission=str(archive))
    with pytest.raises(UserError, match=r'\(Urban, Rural, Test\), and none of them is a test'):
        test(CONFIG, folder / 'iter_4.pth', str(tmp_path), **settings)
    assert not (tmp_path / 'predictions').exists() and not archive.exists()
    test(CONFIG, folder / 'iter_4.pth', str(tmp_path), against=str(sample), **settings)
    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
    images = {path.name for path in sample.glob('Test/*/images_png/*.png')}
    assert set(names) == images and len(names) == len(images) > 3
