"""Scores of the challenge server, by the command."""

import json
from pathlib import Path

import pytest

from depthda.checkpoints.loading import file_hash
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.table import load_table
from depthda.io.files import write_json

ROOT = Path(__file__).parents[2]
TABLE = 'configs/tables/loveda-r2u.py'
SCORES = ['50', '40', '30', '20', '10', '60', '70']


@pytest.fixture
def record(run_tool, monkeypatch, tmp_path):
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(ROOT)
        return run_tool('record_score', TABLE, *arguments, '--out', tmp_path, '--smoke')

    return call


def test_a_score_of_a_smoke_run_is_recorded(record, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    run = plan_runs(load_table(TABLE), tmp_path, [0], [0], ['convnext-b-b'], smoke=True)[0]
    run.folder.mkdir(parents=True)
    (run.folder / 'a.zip').write_bytes(b'zip')
    result = dict(state='awaiting score', protocol=run.row.protocol, scores={}, commit=None)
    result |= dict(submission='a.zip', submission_sha256=file_hash(run.folder / 'a.zip'))
    result |= dict(checkpoint={'sha256': 'abc'}, target_selected=False, headline=None, tested_on={})
    write_json(run.folder / 'result.json', result)

    code, out, err = record('convnext-b-b', '0', '--scores', *SCORES, '--miou', '40.01')
    assert (code, err) == (0, '')
    assert out.splitlines()[-1] == f'recorded: {run.folder}/score.json'
    # The table has the paper's line, and the line of this run below it.
    assert '46.73' in out and '40.01' in out
    scores = json.loads((run.folder / 'score.json').read_text())['scores']
    assert scores['IoU.agricultural'] == 70 and scores['mIoU'] == 40.01
    code, _, err = record('convnext-b-b', '0', '--scores', *SCORES)
    assert code == 2 and 'use --replace to overwrite it' in err
    assert record('convnext-b-b', '0', '--scores', *SCORES, '--replace')[0] == 0


def test_a_mistake_is_one_line_and_status_2(record):
    code, out, err = record('convnext', '0', '--scores', *SCORES)
    assert (code, out) == (2, '')
    assert err.startswith("error: unknown row 'convnext': ")
