"""Scores of earlier checkpoints are reproduced; ``tests/fixtures/make.py`` made the checkpoints."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from depthda.checkpoints.loading import read_meta
from depthda.engine import launch
from depthda.evaluation.score_report import group_report
from depthda.experiments.tables.configs import resolve
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.runner import run_table
from depthda.experiments.tables.samples import make_samples
from depthda.experiments.tables.table import load_table
from depthda.inference.translate import translate
from depthda.io.files import read_json, write_json

FIXTURES = Path(__file__).parent / 'fixtures'
KEPT = FIXTURES / 'kept'
TABLE = load_table(FIXTURES / 'table.py')
# Keys of metrics.json that depend on the time and machine of the test.
VOLATILE = ('config', 'cfg_options', 'checkpoint', 'versions', 'commit', 'device', 'seconds')
VOLATILE += ('finished', 'scores', 'report')  # scores and report are compared separately
STATISTICS = ('mean', 'std', 'low', 'high', 'n')
# The number of pixels, of 98,304, that may have another class. On one machine no pixel changed with
# SSE instead of AVX, with PyTorch's own convolutions, or with one image at a time. Ten pixels allow
# for a processor that rounds differently.
MAX_CHANGED_PIXELS = 10


@pytest.fixture(scope='module', autouse=True)
def at_the_root():
    """Change to the root of the project, to which the paths of configs in tables are relative."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(FIXTURES.parents[1])
        yield


@pytest.fixture(scope='module')
def runs(tmp_path_factory, at_the_root) -> dict[str, Any]:
    """Return the runs of the table for seed 0, after writing their data."""
    planned = plan_runs(TABLE, tmp_path_factory.mktemp('out'), [0])
    make_samples([(planned[0].data, 0, planned[0].row.sample)], 1, lambda *_: None)
    return {run.row.name: run for run in planned}


@pytest.mark.parametrize('name', [row.name for row in TABLE.rows])
def test_an_earlier_checkpoint_has_the_same_scores(name, runs, tmp_path):
    """The scores are the same with the present sample config and with the recorded one."""
    run, folder = runs[name], KEPT / name
    old = read_json(folder / 'metrics.json')
    step = run.steps[-1]
    options = resolve(step.options, {'data': run.data, 'run': tmp_path, 'seed': 0})
    recorded = tmp_path / 'recorded.py'
    recorded.write_text(read_meta(folder / 'checkpoint.pth')['cfg'])
    prefixes = ('test_dataloader.', 'test_evaluator.')
    test_options = {k: value for k, value in options.items() if k.lstrip('+').startswith(prefixes)}
    for config, overrides in ((step.test, options), (recorded, test_options)):
        launch.test(config, folder / 'checkpoint.pth', str(tmp_path), cfg_options=overrides)
        compare_metrics(old, read_json(tmp_path / 'metrics.json'))


def compare_metrics(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Require every old key, and the old value unless it depends on the time or the machine."""
    assert old.keys() <= new.keys()
    check_equal({key: value for key, value in old.items() if key not in VOLATILE}, new)
    changed = compare_reports(old['report'], new['report'])
    for key, score in old['scores'].items():
        assert new['scores'][key] == pytest.approx(score, rel=1e-9, abs=0.5 if changed else 0), key


def compare_reports(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Compare counts and scores; return whether any pixel has another class."""
    assert old.keys() <= new.keys() and old['groups'].keys() == new['groups'].keys()
    moved = {}
    for name, group in old['groups'].items():
        counts = torch.tensor(group['confusion_matrix'])
        now = torch.tensor(new['groups'][name]['confusion_matrix'])
        moved[name] = (now - counts).abs().sum().item() / 2
        # The present formulas compute the old scores from the old counts.
        ignored = torch.zeros_like(counts[:1])
        ignored[0, 0] = group['ignored_pixels']
        again = group_report(old['classes'], group['images'], torch.cat([counts, ignored]), None)
        check_equal(group, again)
    assert max(moved.values()) <= MAX_CHANGED_PIXELS, moved
    return any(moved.values())


def check_equal(old: Any, new: Any, key: str = '') -> None:
    """Require the old keys and values, except folders; numbers may differ by rounding."""
    if isinstance(old, dict):
        for name in old.keys() - {'data_root'}:
            check_equal(old[name], new[name], name)
    else:
        assert new == (pytest.approx(old, rel=1e-9) if isinstance(old, float) else old), key


def test_the_figures_of_the_table_are_those_of_its_runs(tmp_path):
    for run in plan_runs(TABLE, tmp_path):
        result = read_json(KEPT / run.row.name / f'result-seed-{run.seed}.json')
        # The name of the folder contains a digest of the config, which may change.
        write_json(run.folder / 'result.json', result)
    run_table(FIXTURES / 'table.py', tmp_path, report=True)
    old, new = figures(KEPT / 'table.csv'), figures(tmp_path / 'table' / 'table.csv')
    assert old.keys() <= new.keys() and len(old) == len(TABLE.rows) * len(TABLE.columns)
    for cell, values in old.items():
        assert new[cell] == pytest.approx(values, rel=1e-9, nan_ok=True), cell
    assert sum(not np.isnan(mean) for mean, *_ in old.values()) > 60


def figures(path: Path) -> dict[tuple[str, str], list[float]]:
    with open(path, newline='') as file:
        return {
            (line['row'], line['column']): [float(line[key] or 'nan') for key in STATISTICS]
            for line in csv.DictReader(file)
        }


def test_training_continues_from_an_earlier_checkpoint(runs, tmp_path):
    """Optimiser, schedule, order of tiles and augmentations continue, so the losses are equal."""
    run, old = runs['rgb'], read_json(KEPT / 'rgb' / 'losses.json')
    options = resolve(run.steps[0].options, {'data': run.data, 'run': tmp_path, 'seed': 0})
    options |= {'train_cfg.max_iters': max(map(int, old)), 'resume': True}
    options |= {'load_from': str(KEPT / 'rgb' / 'iter_160.pth')}
    runner = launch.train(run.steps[0].train, str(tmp_path), cfg_options=options)
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == runner.iter == 164
    assert losses[-len(old) :] == pytest.approx([*old.values()], rel=1e-4)


def test_the_images_of_a_translation_are_reproduced(runs, tmp_path):
    run, kept = runs['drdg'], KEPT / 'drdg' / 'translated'
    options = resolve(run.steps[0].options, {'data': run.data, 'run': tmp_path, 'seed': 0})
    options['translate_dataset.data_root'] = str(run.data)
    out = tmp_path / 'translated'
    translate(run.steps[0].train, KEPT / 'drdg' / 'translation.pth', out, cfg_options=options)
    old = sorted(kept.rglob('*.png'))
    assert len(old) == 3
    for path in old:
        files = (path, out / path.relative_to(kept))
        before, now = (cv2.imread(str(f), cv2.IMREAD_UNCHANGED).astype(int) for f in files)
        assert before.shape == now.shape and np.ptp(before) > 0
        difference = np.abs(before - now)
        assert difference.max() <= 1 and (difference > 0).mean() < 0.01, path
