"""Results of other people are shown in the table, or refused with a reason."""

import json
from pathlib import Path

import numpy as np
import pytest
from refusals import refusal
from small_tables import finish, tiny

from depthda.config_files import config_folder
from depthda.evaluation.confusion import scores
from depthda.experiments.tables import contributed
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.runner import run_table
from depthda.experiments.tables.table import load_table
from depthda.io.files import read_json, write_json

CLASSES = ['ground', 'building', 'water']


@pytest.mark.parametrize('path', sorted(contributed.results_folder().glob('*/*.json')), ids=str)
def test_contributed_results_are_complete_and_follow_from_their_matrices(path):
    contributed.check_results(path)


def matrix_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 1000, (3, 3))


def finish_with_matrix(run, seed: int) -> None:
    matrices = {'Rural': matrix_of(seed), 'Urban': matrix_of(seed + 50)}
    figures = {}
    for prefix, matrix in zip(('', 'Urban/'), matrices.values(), strict=True):
        computed = scores(matrix)
        figures |= {f'{prefix}{name}': value for name, value in computed.means().items()}
        for name, iou, f1 in zip(CLASSES, computed.iou, computed.f1, strict=True):
            figures |= {f'{prefix}IoU.{name}': iou, f'{prefix}F1.{name}': f1}
    groups = {name: {'confusion_matrix': matrix.tolist()} for name, matrix in matrices.items()}
    finish(run, figures, hardware={'device': 'Card 1'}, versions={'torch': '2'}, commit='a' * 12)
    report = dict(aggregate='global', classes=CLASSES, headline='Rural', groups=groups)
    write_json(run.folder / 'metrics.json', {'report': report})


@pytest.fixture
def table(write_table):
    rows = [tiny(), tiny('dual', 'depthda_tiny_u2r', baseline='rgb', paper=(40.0, None))]
    columns = [dict(key='{target}/mIoU', title='mIoU')]
    columns.append(dict(key='{target}/mIoU', title='gain', gain=True))
    return write_table(rows, columns=columns, worlds=(1, 2), seeds=(0, 1))


@pytest.fixture
def files(table, tmp_path, monkeypatch):
    """Return the files of both rows, as ``--contribute`` writes them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(contributed, 'config_folder', lambda: tmp_path / 'configs')
    (tmp_path / 'configs/tables').mkdir(parents=True)
    (tmp_path / 'configs/tables/small.py').write_text(table.read_text())
    (tmp_path / 'configs/sample').symlink_to(config_folder() / 'sample')
    (tmp_path / 'configs/_base_').symlink_to(config_folder() / '_base_')
    loaded = load_table(table)
    for seed, run in enumerate(plan_runs(loaded, tmp_path / 'out')):
        finish_with_matrix(run, seed)
    runs = plan_runs(loaded, tmp_path / 'out')
    return list(contributed.contribute(loaded, runs, 'jo', tmp_path / 'results'))


def test_the_results_of_others_are_in_the_table(files, table, tmp_path, capsys):
    assert [path.name for path in files] == ['rgb_jo.json', 'dual_jo.json']
    for path in files:
        contributed.check_results(path)
    run_table(table, tmp_path / 'mine', report=True)
    lines = (tmp_path / 'mine/small/table.md').read_text().splitlines()
    own = [scores(matrix_of(seed)).means()['mIoU'] for seed in range(8)]
    mean, gain = np.mean(own[4:]), np.mean(own[4:]) - np.mean(own[:4])
    (line,) = [line for line in lines if '| by jo |' in line and f'{mean:.2f} ±' in line]
    assert f'| {gain:+.2f} [' in line and line.startswith('|  | by jo |')
    assert f'| 4 | Card 1, commit {"a" * 12} |' in line
    csv = (tmp_path / 'mine/small/table.csv').read_text()
    assert csv.count(',paper,40.0,') == 1 and csv.count(',by jo,') == 4
    assert 'by jo' in (tmp_path / 'mine/small/table.tex').read_text()


def spoil(change):
    """Return a change of the second run of a file."""

    def spoil_run(content):
        change(content['runs'][1])

    return spoil_run


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            spoil(lambda run: run['matrices']['Rural'][0].__setitem__(0, 5)),
            'world 1, seed 1: mIoU is ',
        ),
        (spoil(lambda run: run['scores'].update({'IoU.water': 99.0})), 'IoU.water is 99.00, but'),
        (spoil(lambda run: run['matrices'].pop('Rural')), 'there is no confusion matrix of Rural'),
        (spoil(lambda run: run['matrices'].pop('Urban')), 'do not yield Urban/F1.building'),
        (spoil(lambda run: run['scores'].pop('Kappa')), 'Kappa is missing, but its recomputed'),
        (spoil(lambda run: run['matrices']['Rural'].pop()), 'Rural does not have 3 rows and as m'),
        (lambda content: content['runs'].pop(1), 'lacks world 1, seed 1: include each run of the '),
        (lambda content: content['runs'].append(content['runs'][0]), 'has a run twice'),
        (spoil(lambda run: run.update(protocol='server')), "'server', but the row has 'local'"),
        (
            lambda content: content.update(commit='aaaaaaa-dirty'),
            "commit 'aaaaaaa-dirty': run",
        ),
        (lambda content: content.update(row='rbg'), 'rename it to small/rbg_jo.json'),
        (lambda content: content.pop('device'), 'lacks device'),
        (spoil(lambda run: run.pop('classes')), 'a run lacks classes'),
    ],
)
def test_results_that_do_not_prove_their_figures_are_refused(files, change, message):
    content = read_json(files[0])
    change(content)
    files[0].write_text(json.dumps(content))
    assert message in refusal(contributed.check_results, files[0])


def test_what_is_not_a_file_of_results_is_refused(files):
    files[0].write_text('5')
    assert 'lacks by, commit, device' in refusal(contributed.check_results, files[0])
    files[0].write_text('{')
    assert 'cannot be read as JSON' in refusal(contributed.check_results, files[0])
    other = Path(files[0].parents[1], 'other', 'rgb_jo.json')
    assert "there is no table 'other'" in refusal(contributed.check_results, other)


def test_unfinished_rows_are_not_contributed(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = plan_runs(load_table(table), tmp_path / 'out')
    finish_with_matrix(runs[0], 0)
    assert refusal(run_table, table, tmp_path / 'out', report=True, contribute='jo') == (
        '--contribute: no row has a finished run for each seed and world: finish a row first.'
    )
    smoke = refusal(run_table, table, tmp_path / 'out', smoke=True, contribute='jo')
    assert smoke == '--contribute needs the scores of real runs: remove --smoke.'
    assert (tmp_path / 'out/small/table.md').is_file(), 'the table is written first'
    message = refusal(run_table, table, tmp_path / 'out', report=True, contribute='Jo B')
    assert message == '--contribute Jo B: use lower-case letters, digits and hyphens only.'


def test_scores_of_the_server_need_the_hash_of_their_submission(write_table, tmp_path):
    table = load_table(write_table([tiny(protocol='server')], worlds=(1,)))
    (run,) = plan_runs(table, tmp_path / 'out')
    figures = {'IoU.ground': 40.0, 'IoU.building': 50.0, 'mIoU': 45.0}
    record = dict(hardware={'device': 'Card 1'}, versions={}, commit='a' * 12)
    finish(run, figures, submission_sha256='abc', **record)
    (path,) = contributed.contribute(table, [run], 'jo', tmp_path / 'results')
    content = read_json(path)
    contributed.check_content(path, content, table)
    content['runs'][0]['scores']['mIoU'] = 45.5
    message = refusal(contributed.check_content, path, content, table)
    assert 'mIoU is 45.50, but its recomputed value is 45.00: write the file with' in message
    content['runs'][0]['submission_sha256'] = None
    assert 'hash of the submission' in refusal(contributed.check_content, path, content, table)
