"""Runs in processes of their own: failures, progress, devices and locks."""

import os
import subprocess
import sys

import pytest
from small_tables import stand_in_worker, tiny

from depthda.experiments.tables.execute import execute
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.table import load_table
from depthda.io.files import read_json, write_json
from depthda.io.lock import locked


@pytest.fixture
def run(write_table, tmp_path):
    table = load_table(write_table([tiny()], worlds=(1,)))
    return plan_runs(table, tmp_path / 'out')[0]


def test_a_worker_that_dies_is_a_failure_with_its_last_output(run, monkeypatch):
    stand_in_worker(
        monkeypatch, 'import os; print("out of memory", flush=True); os.kill(os.getpid(), 9)'
    )
    assert execute([run]) == [(run, 'the worker process died (status -9)')]
    assert read_json(run.folder / 'failed.json')['output'] == 'out of memory'


def test_a_worker_that_dies_fails_only_its_current_run(write_table, tmp_path, monkeypatch):
    table = load_table(write_table([tiny()], worlds=(1,), seeds=range(4)))
    runs = plan_runs(table, tmp_path / 'out')
    script = (
        'import os, sys\n'
        'for folder in sys.argv[1:]:\n'
        '    open(folder + "/output.log", "a").write("at it\\n")\n'
        '    "_seed-1-" in folder and os.kill(os.getpid(), 11)\n'
        '    open(folder + "/result.json", "w").write(\'{"state": "done"}\')\n'
    )
    stand_in_worker(monkeypatch, script)
    ended = []
    failed = execute(
        runs, runs_per_process=4, on_end=lambda run, error: ended.append((run.seed, error))
    )
    died = 'the worker process died (status -11)'
    assert ended == [(0, None), (1, died), (2, None), (3, None)]
    assert failed == [(runs[1], died)] and all(run.result for run in (runs[0], *runs[2:]))
    assert read_json(runs[1].folder / 'failed.json') == {'error': died, 'output': 'at it'}
    for run in runs:
        assert (run.folder / 'output.log').read_text() == 'at it\n'


def test_a_failure_of_an_earlier_attempt_does_not_count(write_table, tmp_path, monkeypatch):
    table = load_table(write_table([tiny()], worlds=(1,), seeds=range(2)))
    runs = plan_runs(table, tmp_path / 'out')
    for run in runs:
        write_json(run.folder / 'failed.json', {'error': 'out of memory'})
    script = (
        'import sys, time; time.sleep(1.2)\n'
        'for folder in sys.argv[1:]: open(folder + "/result.json", "w").write(\'{"a": 1}\')'
    )
    stand_in_worker(monkeypatch, script)
    assert execute(runs, runs_per_process=2) == [] and all(run.result for run in runs)


def test_jobs_take_the_devices_in_turn_and_share_the_cores(write_table, tmp_path, monkeypatch):
    table = load_table(write_table([tiny()], worlds=(1,), seeds=range(4)))
    runs = plan_runs(table, tmp_path / 'out')
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 8)
    script = (
        'import json, os, sys, time; time.sleep(0.3)\n'
        'keys = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")\n'
        'json.dump({"scores": {k: os.environ[k] for k in keys}}, '
        'open(sys.argv[1] + "/result.json", "w"))'
    )
    stand_in_worker(monkeypatch, script)
    assert execute(runs, jobs=2, gpus=['4', '7']) == []
    environments = [run.result['scores'] for run in runs]
    assert {variables['CUDA_VISIBLE_DEVICES'] for variables in environments} == {'4', '7'}
    assert {variables['OMP_NUM_THREADS'] for variables in environments} == {'4'}


def test_progress_is_read_from_the_log(run, monkeypatch):
    line = '11/21 00:59:54 - mmengine - INFO - Iter(train) [250/300]  lr: 5e-04  loss: 0.5449  x: 1'
    script = (
        'import sys, time\n'
        f'with open(sys.argv[1] + "/output.log", "w") as log: log.write({line!r} + "\\n")\n'
        'time.sleep(1.2)\n'
        'open(sys.argv[1] + "/result.json", "w").write("{}")'
    )
    stand_in_worker(monkeypatch, script)
    calls = []
    execute([run], on_progress=lambda *progress: calls.append(progress))
    assert calls == [(run, 'train', 250, 300, 0.5449)]


def test_a_run_of_another_process_is_locked(tmp_path):
    hold = 'import fcntl, sys; f = open(sys.argv[1] + "/.lock", "w"); fcntl.flock(f, fcntl.LOCK_EX)'
    script = f'{hold}; print("held", flush=True); sys.stdin.read()'
    command = [sys.executable, '-c', script, str(tmp_path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == 'held\n'
    with locked(tmp_path) as free:
        assert not free
    other.kill()
    other.wait()
    with locked(tmp_path) as free:
        assert free
