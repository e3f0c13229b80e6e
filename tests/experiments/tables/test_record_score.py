"""The server's scores are written to the table, or refused in one sentence."""

import json
import zipfile
from pathlib import Path

import pytest
from refusals import refusal
from small_tables import finish, tiny

from depthda.checkpoints.loading import file_hash
from depthda.errors import UserError
from depthda.experiments.tables.plan import Run, plan_runs
from depthda.experiments.tables.record_score import record_score
from depthda.experiments.tables.results import collect
from depthda.experiments.tables.table import load_table

SCORES = ['36.79', '59.27', '46.97', '71.31', '19.87', '41.62', '67.05']
NAMES = ('background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural')
COLUMNS = [dict(key='IoU.road', title='Road'), dict(key='mIoU', title='mIoU')]


@pytest.fixture
def table(write_table) -> Path:
    rows = [
        tiny('scored', 'depthda_tiny_u2r-server', protocol='server'),
        tiny('here'),
        dict(name='other', title='Other', absent='method not in this project', paper=(1.0, 2.0)),
    ]
    return write_table(rows, columns=COLUMNS, worlds=(1,), seeds=(0, 1))


@pytest.fixture
def run(table, tmp_path) -> Run:
    """Return a finished run of the server protocol, with its zip."""
    run = plan_runs(load_table(table), tmp_path / 'out', [1], only=['scored'])[0]
    run.folder.mkdir(parents=True)
    with zipfile.ZipFile(run.folder / 'scored_seed-1.zip', 'w') as archive:
        archive.writestr('1.png', b'labels')
    finish(
        run,
        {},
        state='awaiting score',
        headline=None,
        submission='scored_seed-1.zip',
        submission_sha256=file_hash(run.folder / 'scored_seed-1.zip'),
        checkpoint={'file': 'iter_2.pth', 'sha256': 'abcdef'},
    )
    return run


def record(table: Path, run: Run, *, row: str = 'scored', scores=SCORES, **options) -> dict:
    out = run.folder.parents[2]
    return json.loads(record_score(table, row, run.seed, scores, out, **options).read_text())


def test_the_scores_are_written_and_fill_the_table(table, run, capsys):
    content = record(table, run, miou=48.98)
    assert list(content['scores']) == [*(f'IoU.{name}' for name in NAMES), 'mIoU']
    assert list(content['scores'].values()) == [*map(float, SCORES), 48.98]
    recorded = content['recorded']
    assert recorded['submission'] == 'scored_seed-1.zip' and recorded['checkpoint'] == 'abcdef'
    assert recorded['sha256'] == file_hash(run.folder / 'scored_seed-1.zip')
    assert not list(run.folder.glob('.score*'))

    printed = capsys.readouterr().out
    assert '46.97' in printed and '48.98' in printed and '1 of 2 runs' in printed
    loaded = load_table(table)
    lines = collect(loaded, plan_runs(loaded, run.folder.parents[2], [1]))
    assert [cell.mean for cell in lines[0].cells] == [46.97, 48.98]
    assert lines[0].state == ''


def test_the_mean_of_the_classes_is_the_default(table, run):
    assert record(table, run)['scores']['mIoU'] == pytest.approx(342.88 / 7)


def test_named_scores_may_have_any_order(table, run):
    named = [f'{name}={score}' for name, score in zip(NAMES, SCORES, strict=True)]
    content = record(table, run, scores=named[::-1])
    assert content['scores']['IoU.water'] == 71.31
    assert list(content['scores'])[0] == 'IoU.background'


@pytest.mark.parametrize(
    'scores, message',
    [
        (SCORES[:6], '6 values for 7 classes: pass background, building'),
        ([*SCORES, '48.98'], 'and the mean as --miou'),
        (['0.3679', '0.5', '0.4', '0.7', '0.1', '0.4', '1.0'], 'multiply by 100'),
        ([*SCORES[:6], '100.01'], '100.01 for agricultural is not between'),
        (['-0.5', *SCORES[1:]], '-0.5 for background is not between'),
        (['nan', *SCORES[1:]], 'nan for background is not between'),
        (['36,79', *SCORES[1:]], "'36,79' for background is not a number"),
        (['road=1', *SCORES[1:]], 'do not mix them'),
        (['roads=46.97'], "unknown class 'roads': did you mean 'road'"),
        (['road=46.97', 'road=46.98'], 'road twice'),
        (['road=46.97'], 'lacks background, building, water'),
    ],
)
def test_scores_that_cannot_be_right_are_refused(table, run, scores, message):
    assert message in refusal(record, table, run, scores=scores)
    assert not (run.folder / 'score.json').exists()


@pytest.mark.parametrize('miou, accepted', [(48.99, True), (49.02, False), (float('nan'), False)])
def test_a_wrong_mean_is_refused(table, run, miou, accepted):
    # The classes average 48.983.
    if accepted:
        assert record(table, run, miou=miou)['scores']['mIoU'] == miou
    else:
        with pytest.raises(UserError, match='is not the mean of --scores, 48.98'):
            record(table, run, miou=miou)


def test_recorded_scores_are_replaced_only_on_request(table, run):
    record(table, run)
    other = ['40', *SCORES[1:]]
    with pytest.raises(UserError, match='already has a score .*--replace'):
        record(table, run, scores=other)
    assert record(table, run, scores=other, replace=True)['scores']['IoU.background'] == 40


def test_a_zip_that_has_changed_since_the_check_is_refused(table, run):
    archive = run.folder / 'scored_seed-1.zip'
    with zipfile.ZipFile(archive, 'a') as more:
        more.writestr('2.png', b'labels')
    with pytest.raises(UserError, match='is not the zip that the run packed'):
        record(table, run)
    archive.unlink()
    with pytest.raises(UserError, match='is missing'):
        record(table, run)


def test_runs_that_await_no_score_are_refused(table, run):
    def message(row: str) -> str:
        return refusal(record, table, run, row=row)

    assert "row 'other' cannot be run: method not in this project" in message('other')
    assert '--only here --seeds 1' in message('here')
    local = plan_runs(load_table(table), run.folder.parents[2], [1], only=['here'])[0]
    finish(local, {'mIoU': 5.0})
    assert 'uses the local protocol and was scored here' in message('here')
    assert "unknown row 'score': did you mean 'scored'" in message('score')


def test_one_of_several_worlds_must_be_named(write_table, tmp_path):
    row = tiny('scored', 'depthda_tiny_u2r-server', protocol='server')
    table = write_table([row], columns=COLUMNS, worlds=(1, 2))
    with pytest.raises(UserError, match='2 runs with seed 0: name the world'):
        record_score(table, 'scored', 0, SCORES, tmp_path)
    with pytest.raises(UserError, match='world 2, seed 0 has no result'):
        record_score(table, 'scored', 0, SCORES, tmp_path, world=2)


def test_a_smoke_run_uses_world_0(write_table, tmp_path):
    small = dict(config='configs/sample/depthda_tiny_u2r-server.py')
    row = tiny('scored', 'depthda_tiny_u2r-server', protocol='server', smoke=small)
    table = write_table([row], columns=COLUMNS, worlds=(1, 2))
    with pytest.raises(UserError, match='world 0, seed 0 has no result'):
        record_score(table, 'scored', 0, SCORES, tmp_path, smoke=True)
