import json
from pathlib import Path

import pytest

from depthda.engine.launch import test, train
from depthda.experiments.page.page import make_page
from depthda.experiments.protocol import judge
from depthda.experiments.selection import choices
from depthda.experiments.tested_run import TestedRun, load_run
from depthda.io.files import write_json

test.__test__ = False  # keep pytest from collecting this imported function

ROOT = Path(__file__).parents[2]
SOURCE = dict(type='LoveDARGBD', data_root='data', domains=['Urban'], splits=['Train'])
TARGET = dict(type='LoveDARGBD', data_root='data', domains=['Rural'], splits=['Test'])
LAST = dict(rule='last iteration', on=None)
BEST = 'best mIoU'


def metrics(miou=50.0, selection=LAST, **more):
    return (
        dict(
            checkpoint=dict(file='iter_3.pth'),
            selection=selection,
            trained_on=SOURCE,
            tested_on=TARGET,
            tta=False,
            seed=0,
            report=dict(headline='all', mIoU=miou),
        )
        | more
    )


def run(folder):
    """Return a tested run of this folder, without its files."""
    return TestedRun(folder, '', None, 0, metrics(), None)


def write_history(work_dir, validations, config='', stamp='20260101_000000'):
    """Write the log of a training: the scores of its validations, and its config."""
    folder = work_dir / stamp / 'vis_data'
    folder.mkdir(parents=True)
    lines = [dict(loss=1.0, step=1)] + [dict(scores, step=step) for step, scores in validations]
    (folder / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    (folder / 'config.py').write_text(config)


def both_scores(source, target):
    return {'mIoU': source, 'Rural/mIoU': target, 'all/mIoU': (source + target) / 2}


BOTH = "val_evaluator = dict(type='SegmentationMetric', headline='Urban')\n"


def test_the_log_of_validations_gives_the_three_scores(tmp_path):
    scores = [(60, 40), (70, 45), (65, 50), (66, 42)]
    history = [(10 * i, both_scores(*pair)) for i, pair in enumerate(scores, 1)]
    write_history(tmp_path, history, BOTH)
    (choice,) = choices(run(tmp_path))
    assert (choice.best_on_target, choice.last, choice.chosen_on_source) == (50, 42, 45)
    assert choice.steps == (30, 40, 20)
    assert choice.optimism == 5


def test_the_first_of_equal_source_scores_is_chosen_as_in_training(tmp_path):
    write_history(tmp_path, [(10, both_scores(60, 40)), (20, both_scores(60, 50))], BOTH)
    (choice,) = choices(run(tmp_path))
    assert (choice.chosen_on_source, choice.steps[2]) == (40, 10)


def test_without_source_scores_the_best_is_compared_with_the_last(tmp_path):
    val = "val_dataloader = dict(dataset=dict(domain='Rural'))\nval_evaluator = dict(type='X')\n"
    write_history(tmp_path, [(10, dict(mIoU=50.0)), (20, dict(mIoU=47.0))], val)
    (choice,) = choices(run(tmp_path))
    assert (choice.best_on_target, choice.last, choice.chosen_on_source) == (50, 47, None)
    assert choice.optimism == 3


@pytest.mark.parametrize(
    'val', ["val_dataloader = dict(dataset=dict(domain='Urban'))\n", "val_cfg = dict(type='X')\n"]
)
def test_without_target_scores_there_is_no_choice(tmp_path, val):
    write_history(tmp_path, [(10, dict(mIoU=50.0)), (20, dict(mIoU=47.0))], val)
    assert choices(run(tmp_path)) == []


def test_several_tests_of_one_training_also_give_the_three_scores(tmp_path):
    source, target = (dict(rule=BEST, on=described) for described in (SOURCE, TARGET))
    for stamp, content in (
        ('1', metrics(44.0)),
        ('2', metrics(46.0, source)),
        ('3', metrics(49.0, target)),
        ('4', metrics(99.0, target, tta=True)),
        ('5', metrics(98.0, target, tested_on=SOURCE)),
        ('6', metrics(97.0, target, seed=1)),
    ):
        write_json(tmp_path / stamp / 'metrics.json', content)
    (choice,) = choices(run(tmp_path))
    assert (choice.best_on_target, choice.last, choice.chosen_on_source) == (49, 44, 46)
    assert choice.optimism == 3
    # A single test allows no comparison.
    write_json(tmp_path / 'one/1/metrics.json', metrics(44.0))
    assert choices(run(tmp_path / 'one')) == []


def test_a_concatenation_is_judged_by_its_parts():
    both = dict(type='ConcatDataset', parts=[SOURCE, TARGET])
    assert judge(metrics(selection=dict(rule=BEST, on=both)))['target_selected']
    only = dict(type='ConcatDataset', parts=[SOURCE])
    assert not judge(metrics(selection=dict(rule=BEST, on=only)))['target_selected']
    tested = metrics(selection=dict(rule=BEST, on=TARGET), tested_on=both)
    assert judge(tested)['target_selected']


def test_a_training_that_validates_on_both_domains_selects_on_the_source(tmp_path, short_run):
    """Train and test with such a config, and make the page of the run."""
    config = ROOT / 'configs/sample/depthda_tiny_u2r-both-domains.py'
    train(config, str(tmp_path), cfg_options=short_run)
    (best,) = tmp_path.glob('best_mIoU_iter_*.pth')
    for checkpoint in (tmp_path / 'iter_4.pth', best):
        result = test(config, checkpoint, str(tmp_path), cfg_options=short_run)
    assert result['selection']['on']['domains'] == ['Urban']
    assert 'images' not in result['selection']['on']
    assert not judge(result)['target_selected']
    history, tests = choices(load_run(tmp_path))
    assert history.steps[1] == 4 and history.steps[2] == int(best.stem.rsplit('_')[-1])
    assert history.best_on_target >= history.chosen_on_source
    assert tests.best_on_target is None and tests.chosen_on_source == result['report']['mIoU']
    text = make_page([tmp_path], tmp_path / 'p.html', tiles=0).path.read_text()
    assert 'best on target <strong class="badge">target-selected' in text
    assert 'validations during training' in text and 'do not allow a comparison' not in text
