"""Old names of configs, tables and rows work, with a warning, and their runs are found."""

from pathlib import Path

import pytest

from depthda.engine.checks.renamed import FILES, ROWS
from depthda.engine.prepare import load_config, prepare
from depthda.errors import UserError
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.table import load_table
from depthda.io.files import write_json

ROOT = Path(__file__).parents[3]
CONFIGS = {old: new for old, new in FILES.items() if not old.startswith(('tables/', '_base_/'))}
OLD, NEW = 'drdg/drdg_potsdam-irrg2vaihingen.py', 'drdg/drdg_potsdam2vaihingen.py'


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr('depthda.engine.checks.renamed.warn', found.append)
    return found


def test_new_names_exist_and_old_ones_do_not():
    assert len(FILES) == 26
    for old, new in FILES.items():
        assert (ROOT / 'configs' / new).is_file() and not (ROOT / 'configs' / old).exists()


@pytest.mark.parametrize('old, new', CONFIGS.items())
def test_a_config_is_found_under_its_old_name(old, new, warnings):
    found = load_config(f'configs/{old}')
    assert warnings == [
        (
            f'configs/{old} has been renamed to {new}: use the new name, because the old one '
            'works for one release only.'
        )
    ]
    assert found.to_dict() == load_config(f'configs/{new}').to_dict() and len(warnings) == 1


@pytest.mark.parametrize('old', [old for old in FILES if not old.startswith('tables/')])
def test_a_base_is_found_under_its_old_name(old, tmp_path, warnings):
    path = tmp_path / 'custom.py'
    path.write_text(f"_base_ = '{ROOT}/configs/{old}'\n")
    found = load_config(path)
    assert found.get('train_dataloader') or found.model.type
    assert FILES[old] in warnings[0]


def test_an_unknown_name_is_refused(warnings):
    with pytest.raises(UserError, match='there is no config file configs/drdg/drdg_potsdam.py'):
        load_config('configs/drdg/drdg_potsdam.py')
    # The same name in another folder is another file.
    with pytest.raises(UserError, match='there is no config file'):
        load_config(f'elsewhere/{OLD}')
    assert not warnings


def test_a_training_continues_in_the_work_dir_of_the_typed_name(warnings):
    cfg = load_config(f'configs/{OLD}')
    prepare(cfg, f'configs/{OLD}', None, 'none')
    assert cfg.work_dir == 'work_dirs/drdg_potsdam-irrg2vaihingen'


def chain(config: str) -> dict:
    tool = ['tools/translate.py', f'configs/{config}', '{run}/translation', '--out', '{run}/set']
    return dict(name='drdg', title='DRDG', steps=[dict(train=f'configs/{config}'), dict(tool=tool)])


def test_a_run_has_the_same_hash_under_both_names(tmp_path, warnings):
    hashes = set()
    for config in (OLD, NEW):
        table = tmp_path / 'table.py'
        columns = [dict(key='mIoU', title='mIoU')]
        table.write_text(f"title = ''\ncolumns = {columns}\nrows = [{chain(config)}]\n")
        hashes |= {run.hash for run in plan_runs(load_table(table), tmp_path, [0])}
    assert len(hashes) == 1


@pytest.mark.parametrize('finished', [True, False])
@pytest.mark.parametrize(
    'old, row, old_row',
    [
        ('depthseg-1', 'depthseg-s', 'depthseg-s'),
        ('depth-guided', 'wo-optical-r2u', 'depth-alone-r2u'),
    ],
)
def test_runs_of_an_old_table_or_row_are_found(old, row, old_row, finished, tmp_path, warnings):
    table = load_table(f'configs/tables/{old}.py')
    (run,) = plan_runs(table, tmp_path, [0], only=[row])
    assert run.result is None and run.folder.parts[-3:-1] == (table.name, row)
    before = tmp_path / old / old_row / run.folder.name
    before.mkdir(parents=True)  # a stopped run, which continues there
    if finished:
        write_json(before / 'result.json', {'state': 'done', 'scores': {'mIoU': 40.0}})
    (again,) = plan_runs(table, tmp_path, [0], only=[old_row])
    assert again.folder == before and (again.result is not None) == finished
    assert len(warnings) == 1 and ('row' in warnings[0]) == (row != old_row)


def test_a_run_that_was_started_under_the_new_name_continues_there(tmp_path, warnings):
    table = load_table('configs/tables/depthseg-table1.py')
    (run,) = plan_runs(table, tmp_path, [0], only=['depthseg-s'])
    for name in ('depthseg-1', 'depthseg-table1'):
        (tmp_path / name / 'depthseg-s' / run.folder.name).mkdir(parents=True)
    assert plan_runs(table, tmp_path, [0], only=['depthseg-s'])[0].folder == run.folder
    assert not warnings


def test_new_names_of_rows_exist():
    for table, rows in ROWS.items():
        names = {row.name for row in load_table(f'configs/tables/{table}.py').rows}
        assert set(rows.values()) <= names and not set(rows) & names
