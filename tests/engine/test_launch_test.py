"""Test checkpoints: scores, maps, submissions, and what is refused."""

import json
import os
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from refusals import refusal
from tiny_run import CONFIG, CONFIGS

from depthda.engine.launch import _drop_unused_logits, test
from depthda.errors import UserError
from depthda.evaluation.tile_counts import load_tiles
from depthda.models.segmentors.depth_guided import DepthGuidedEncoderDecoder

test.__test__ = False  # keep pytest from collecting this imported function


def test_test_writes_scores_maps_and_a_checked_zip(trained, tmp_path, sample):
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
    (logged,) = tmp_path.glob('2*/metrics.json')
    assert json.loads(logged.read_text()) == written
    tiles = load_tiles(tmp_path / 'tiles.npz')
    assert [Path(name).name for name in tiles.names] == names
    matrix = written['report']['groups']['all']['confusion_matrix']
    assert tiles.counts.sum(0)[:-1].tolist() == matrix

    # The scores are those of the maps that were written.
    import cv2
    import numpy as np
    from sklearn.metrics import accuracy_score

    labels, predicted = [], []
    for name in names:
        label = cv2.imread(str(sample / 'Test/Rural/masks_png' / name), cv2.IMREAD_UNCHANGED)
        counted = label > 0
        labels.append(label[counted] - 1)
        predicted.append(cv2.imread(str(tmp_path / 'maps' / name), cv2.IMREAD_UNCHANGED)[counted])
    accuracy = accuracy_score(np.concatenate(labels), np.concatenate(predicted))
    assert results['scores']['OA'] == pytest.approx(100 * accuracy)


def test_a_dataset_without_labels_ends_with_the_folder_of_its_maps(trained, tmp_path, capsys):
    folder, options = trained
    config, maps = CONFIGS / 'depthda_tiny_u2r-server.py', tmp_path / 'maps'
    key = 'test_dataloader.dataset.data_root'
    options = {key: options[key]}
    test(config, folder / 'iter_4.pth', str(tmp_path), out=str(maps), cfg_options=options)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f'predicted maps: {maps}' and not any('scores' in line for line in lines)


def test_test_time_augmentation_averages_the_flips(trained, tmp_path):
    folder, options = trained
    run = dict(config=CONFIG, checkpoint=folder / 'iter_4.pth', cfg_options=options)
    plain = test(**run, work_dir=str(tmp_path / 'a'))
    flipped = test(**run, work_dir=str(tmp_path / 'b'), tta=True)
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
def test_logits_are_kept_for_metrics_that_may_need_them(val, test, kept):
    model = DepthGuidedEncoderDecoder.__new__(DepthGuidedEncoderDecoder)
    cfg = Config(dict(val_evaluator=val, test_evaluator=test))
    _drop_unused_logits(SimpleNamespace(model=model), cfg)
    assert model.keep_logits is kept


def test_a_checkpoint_of_another_model_is_refused(trained, tmp_path):
    folder, options = trained
    config, work_dir = CONFIGS / 'upernet_tiny_u2r.py', tmp_path / 'runs' / 'a'
    with pytest.raises(UserError, match='does not fit the model'):
        test(config, folder / 'iter_4.pth', str(work_dir), cfg_options=options)
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
        f'warning: --out {out} already contains 4 PNG files of images that this test does not '
        'predict (a.png, b.png, c.png, …): use another folder to keep the maps of this test '
        'separate.'
    ) in capsys.readouterr().out


def test_a_translation_is_not_tested():
    with pytest.raises(UserError, match='no test_dataloader: .* depthda translate'):
        test('configs/sample/drdg_tiny_u2r.py', 'iter_800.pth')


def test_an_impossible_submission_is_refused_before_the_images_are_predicted(
    trained, tmp_path, sample
):
    folder, options = trained
    images, checkpoint = sample / 'Test' / 'Rural' / 'images_png', folder / 'iter_4.pth'

    def submit(**kwargs):
        test(CONFIG, checkpoint, str(tmp_path), cfg_options=options, **kwargs)

    with pytest.raises(UserError, match='--against is used only to check a zip: add --submission'):
        submit(against=str(images))
    with pytest.raises(UserError, match='must end with .zip'):
        submit(submission=str(tmp_path / 'u2r.rar'), against=str(images))
    with pytest.raises(UserError, match='no/folder is not a folder'):
        submit(submission=str(tmp_path / 'u2r.zip'), against='no/folder')
    with pytest.raises(UserError, match='missing'):
        submit(submission=str(tmp_path / 'u2r.zip'), against=str(sample / 'Train/Rural/images_png'))
    assert refusal(submit, submission=str(tmp_path / 'u2r.zip')) == (
        f'--submission: {CONFIG} tests 3 images of {sample} (Rural, Test), none of which is a '
        'test image of LoveDA: use a config with -server in its name, or name the folder of '
        'the test images with --against DIR.'
    )
    # No log, no config, no maps.
    assert list(tmp_path.iterdir()) == []


def test_both_domains_are_one_submission_of_the_segmentation_challenge(trained, tmp_path, sample):
    folder, options = trained
    both, archive = {'test_dataloader.dataset.domain': ['Urban', 'Rural']}, tmp_path / 'both.zip'
    settings = dict(cfg_options=options | both, submission=str(archive))
    with pytest.raises(UserError, match=r'\(Urban, Rural, Test\), none of which is a test'):
        test(CONFIG, folder / 'iter_4.pth', str(tmp_path), **settings)
    assert not (tmp_path / 'predictions').exists() and not archive.exists()
    test(CONFIG, folder / 'iter_4.pth', str(tmp_path), against=str(sample), **settings)
    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
    images = {path.name for path in sample.glob('Test/*/images_png/*.png')}
    assert set(names) == images and len(names) == len(images) > 3
