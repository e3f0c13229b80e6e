import json
import shutil
from datetime import datetime, timezone

import cv2
import numpy as np
import pytest
from page_runs import write_data, write_run

from depthda.errors import UserError
from depthda.experiments.page.runs import name_dataset, open_runs


def test_runs_are_found_below_a_folder_and_named_after_their_folders(made):
    assert [run.name for run in open_runs([made / 'work'])] == ['rgb', 'rgbd']
    assert [run.name for run in open_runs([made / 'work/rgbd', made / 'work'])] == ['rgbd', 'rgb']
    assert [run.name for run in open_runs([made / 'work'], ['a', 'b'])] == ['a', 'b']
    with pytest.raises(UserError, match='--names has 1 name for 2 runs'):
        open_runs([made / 'work'], ['a'])


def test_the_time_of_the_test_is_not_that_of_the_file(made):
    (run,) = open_runs([made / 'work/rgb'])
    assert run.tested.timestamp() == datetime(2026, 1, 2, 12, tzinfo=timezone.utc).timestamp()


def test_equal_folder_names_get_the_parts_that_differ(tmp_path, made):
    for row in ('one', 'two'):
        shutil.copytree(made / 'work/rgb', tmp_path / row / 'seed0')
    names = [run.name for run in open_runs([tmp_path / 'one/seed0', tmp_path / 'two/seed0'])]
    assert names == ['one/seed0', 'two/seed0']


def test_a_folder_without_a_test_is_refused(tmp_path):
    with pytest.raises(UserError, match='test the run first'):
        open_runs([tmp_path])
    with pytest.raises(UserError, match='there is no folder'):
        open_runs([tmp_path / 'nothing'])


def test_tile_scores_are_over_the_classes_in_labels_or_prediction(made):
    (run,) = open_runs([made / 'work/rgb'])
    assert len(run.tile_scores) == 6
    for name, key in zip(run.tiles.names, run.keys, strict=True):
        mask = cv2.imread(str(made / name).replace('images_png', 'masks_png'), 0)
        labels = mask.astype(int) - 1
        path = run.folder / 'predictions' / key.split('/')[-1]
        predicted = cv2.imread(str(path), 0)
        counted = labels >= 0
        ious = []
        for c in range(7):
            either = ((labels == c) | (predicted == c)) & counted
            if either.any():
                ious.append(((labels == c) & (predicted == c) & counted).sum() / either.sum())
        assert run.tile_scores[key] == pytest.approx(100 * np.mean(ious))


def test_runs_on_different_images_are_not_compared(tmp_path, made):
    write_data(tmp_path / 'data', seed=5)
    other = write_run(tmp_path, 'rgb', wrong=0.5, depth=None)
    # The same names with different labels, as in two synthetic worlds.
    with pytest.raises(UserError, match='different labels'):
        open_runs([made / 'work/rgb', other])
    metrics = json.loads((other / 'metrics.json').read_text())
    metrics['tested_on'] |= dict(domains=['Rural'], images=3)
    (other / 'metrics.json').write_text(json.dumps(metrics))
    with pytest.raises(UserError, match='not tested on the same images.*Rural, Test'):
        open_runs([made / 'work/rgb', other])


def test_scores_of_different_groups_are_not_compared(tmp_path, made):
    write_data(tmp_path / 'data')
    other = write_run(tmp_path, 'rgb', wrong=0.5, depth=None, headline='Rural')
    with pytest.raises(UserError, match="is 'all' for .* and 'Rural' for .*same headline="):
        open_runs([made / 'work/rgb', other])


def test_a_server_test_has_no_page(tmp_path, made):
    folder = shutil.copytree(made / 'work/rgb', tmp_path / 'run')
    metrics = json.loads((folder / 'metrics.json').read_text())
    (folder / 'metrics.json').write_text(json.dumps(metrics | dict(report=None)))
    with pytest.raises(UserError, match='images without labels'):
        open_runs([folder])


def test_datasets_are_described_in_words():
    described = dict(type='LoveDARGBD', domains=['Urban'], splits=['Train', 'Val'], images=7)
    assert name_dataset(described) == 'Urban, Train + Val (7 images)'
    held = dict(type='LoveDARGBD', domain='Urban', split='Train', holdout=dict(part='held-out'))
    assert name_dataset(held) == 'Urban, Train, held-out part'
    assert name_dataset(dict(type='X', data_root='data/x', images=3)) == 'data/x (3 images)'
    assert name_dataset(None) == 'not recorded'
