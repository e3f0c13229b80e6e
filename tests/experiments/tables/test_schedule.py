"""Shares of a table for several machines, and as many runs as fit into some hours."""

import re
import shutil
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest
from refusals import refusal
from small_tables import finish, tiny

from depthda.commands.run_experiments import _run_tables
from depthda.datasets.synthetic import make_world, write_sample
from depthda.experiments.tables import schedule
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.runner import run_table
from depthda.experiments.tables.table import load_table

ROOT = Path(__file__).parents[3]
ROWS = [tiny(), tiny('dual', 'depthda_tiny_u2r', baseline='rgb'), tiny('again')]


@pytest.fixture
def table(write_table):
    return write_table(ROWS, worlds=(1, 2, 3), seeds=(0, 1))


@pytest.fixture
def finished(monkeypatch):
    """Let runs finish at once; return their names in the order in which they were done."""
    done = []

    def execute(runs, jobs, gpus, together, follow, ended, fits):
        for run in filter(fits, runs):
            done.append(run.title)
            finish(run, {'Rural/mIoU': 10.0 * run.world + run.seed, 'mIoU': 1.0}, seconds=3600.0)
        return []

    monkeypatch.setattr('depthda.experiments.tables.runner.execute', execute)
    monkeypatch.setattr('depthda.experiments.tables.runner.make_data', lambda *_: None)
    return done


def test_shards_together_make_the_table_of_one_machine(table, tmp_path, finished):
    run_table(table, tmp_path / 'complete')
    complete = finished[:]
    assert len(complete) == len(set(complete)) == 12
    finished.clear()
    for number in (1, 2, 3):
        run_table(table, tmp_path / f'{number}', shard=f'{number}/3')
    assert sorted(finished) == sorted(complete) and finished != complete
    # A machine starts again, and one of its results is missing.
    lost = next((tmp_path / '2').glob('small/dual/*/result.json'))
    lost.unlink()
    finished.clear()
    run_table(table, tmp_path / '2', shard='2/3')
    assert len(finished) == 1 and finished[0].startswith('dual')
    for number in (1, 2, 3):
        shutil.copytree(tmp_path / f'{number}', tmp_path / 'merged', dirs_exist_ok=True)
    run_table(table, tmp_path / 'merged', report=True)
    for suffix in ('md', 'csv', 'tex'):
        one, other = (tmp_path / name / f'small/table.{suffix}' for name in ('complete', 'merged'))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize('text', ['0/2', '3/2', '1', '1/0', 'a/b', '1/2/3', '-1/2'])
def test_a_share_that_does_not_exist_is_refused(table, tmp_path, text):
    message = f'--shard {text}: write I/N with I from 1 to N, such as 2/3.'
    assert refusal(run_table, table, tmp_path, shard=text) == message


def test_one_run_of_each_row_comes_first(table, tmp_path, finished):
    run_table(table, tmp_path, hours=1000)
    assert finished[:4] == [
        'rgb, world 1, seed 0', 'dual, world 1, seed 0', 'rgb, world 1, seed 1',
        'dual, world 1, seed 1',
    ]  # fmt: skip
    assert len(finished) == 12


def test_runs_that_would_not_end_in_time_are_not_started(
    table, tmp_path, finished, monkeypatch, capsys
):
    clock = [0.0]
    monkeypatch.setattr(schedule.time, 'monotonic', lambda: clock[0])
    run_table(table, tmp_path, hours=0.5)
    # The length of the first run was unknown. It took an hour, and half an hour was allowed.
    assert finished == ['rgb, world 1, seed 0']
    message = '11 runs would not end in time; run the same command again to continue'
    assert message in capsys.readouterr().out
    run_table(table, tmp_path, hours=1)
    assert len(finished) == 12
    options = Namespace(jobs=None, seeds=None, hours=0.0)
    assert refusal(_run_tables, options) == '--hours 0: use a number above 0.'


def test_the_expected_time_of_a_run_is_that_of_its_row(table, tmp_path):
    runs = plan_runs(load_table(table), tmp_path)
    dual = [run for run in runs if run.row.name == 'dual']
    limit = schedule.TimeLimit(1, runs)
    assert limit.expected_seconds(dual[0]) is None
    finish(runs[0], {'mIoU': 1.0}, seconds=100.0)
    assert limit.expected_seconds(dual[0]) == 100
    finish(dual[0], {'mIoU': 1.0}, seconds=30.0)
    finish(dual[1], {'mIoU': 1.0}, seconds=50.0)
    assert limit.expected_seconds(dual[2]) == 40 and limit.expected_seconds(runs[1]) == 100


def test_the_slurm_script_of_the_page_runs(tmp_path):
    page = (ROOT / 'configs/tables/README.md').read_text()
    (script,) = re.findall(r'```bash\n(#!/bin/bash.*?)```', page, re.DOTALL)
    (tmp_path / 'depthda').write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    (tmp_path / 'depthda').chmod(0o755)
    environment = {
        'PATH': f'{tmp_path}:/usr/bin:/bin',
        'SLURM_ARRAY_TASK_ID': '3',
        'SLURM_ARRAY_TASK_COUNT': '8',
    }
    done = subprocess.run(['bash', '-c', script], env=environment, capture_output=True, text=True)
    expected = 'run-experiments tables/loveda-u2r --seeds 0 1 2 --shard 3/8 --hours 23.5'
    assert done.stdout.split() == expected.split()


def test_two_machines_may_write_the_same_images(tmp_path):
    """The second machine finds the dataset of the first when its own is complete."""
    world, counts = make_world(seed=1, size=64), dict(Train=1, Val=0, Test=0)

    def write_first(done):
        if done == 2:
            assert write_sample(tmp_path / 'other', world, counts) == 2
            (tmp_path / 'other').rename(tmp_path / 'data')

    assert write_sample(tmp_path / 'data', world, counts, progress=write_first) == 0
    assert [path.name for path in tmp_path.iterdir()] == ['data']
    assert len(list((tmp_path / 'data').rglob('images_png/*.png'))) == 2
