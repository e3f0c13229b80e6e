"""The runner through its real commands: failures, kills, restarts, locks, the screen."""

import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_tables import SHORT, finish, tiny

from depthda.errors import UserError
from depthda.experiments.tables.execute import execute
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.runner import check_gpus, run_table, say_failed, split_gpus
from depthda.experiments.tables.table import load_table
from depthda.io.files import read_json, write_json
from depthda.io.lock import locked

ROOT = Path(__file__).parents[3]


def in_smoke(name: str, config: str, options: dict | None = None, **rest) -> dict:
    options = SHORT | (options or {})
    stand_in = dict(config=f'configs/sample/{config}.py', options=options)
    return tiny(name, config, smoke=stand_in, **rest)


@pytest.fixture
def two_rows(write_table) -> Path:
    return write_table(
        [in_smoke('rgb', 'upernet_tiny_u2r'), in_smoke('dual', 'depthda_tiny_u2r')],
    )


def results(out: Path) -> dict[str, Path]:
    return {path.parents[1].name: path for path in out.glob('small/*/*/result.json')}


def test_killed_and_started_again_repeats_no_finished_row(two_rows, tmp_path):
    out = tmp_path / 'out'
    tool = str(ROOT / 'tools' / 'run_experiments.py')
    command = [sys.executable, tool, str(two_rows), '--smoke', '--out', str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not results(out) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = results(out)
    assert list(first) == ['rgb'], 'the kill came too late to show anything'
    before = first['rgb'].stat().st_mtime_ns

    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert set(results(out)) == {'rgb', 'dual'}
    assert first['rgb'].stat().st_mtime_ns == before
    assert 'rgb, world 0' not in again.stdout and 'dual, world 0, seed 0: mIoU' in again.stdout

    run = read_json(results(out)['dual'])
    assert run['seed'] == 0 and run['world'] == 0 and run['state'] == 'done'
    assert run['tested_on']['domains'] == ['Rural'] and not run['target_selected']
    folder = results(out)['dual'].parent
    for name in ('run.json', 'metrics.json', 'tiles.npz', 'output.log', 'depthda_tiny_u2r.py'):
        assert (folder / name).is_file()
    assert len(list((folder / 'predictions').iterdir())) == run['tested_on']['images'] == 2
    for suffix in ('md', 'csv', 'tex'):
        figure = f'{run["scores"]["mIoU"]:.{4 if suffix == "csv" else 2}f}'[:-1]
        assert figure in (out / f'small/table.{suffix}').read_text()


def test_a_failing_row_is_reported_and_the_others_go_on(write_table, tmp_path, capsys):
    table = write_table(
        [
            in_smoke('odd', 'upernet_tiny_u2r', {'train_dataloader.dataset.split': 'Val'}),
            in_smoke(
                'wrong',
                'upernet_tiny_u2r',
                {'optim_wrapper.optimizer.lr': 1e-3},
                protocol='server',
            ),
            in_smoke('rgb', 'upernet_tiny_u2r'),
        ],
    )
    failed = run_table(table, tmp_path / 'out', smoke=True)
    assert {run.row.name for run, _ in failed} == {'odd', 'wrong'}
    capsys.readouterr()
    say_failed(failed)
    out = capsys.readouterr().out
    assert 'failed: small, odd, world 0, seed 0:' in out and 'output.log' in out
    assert 'Traceback' not in out, "a user's mistake is said in a sentence"

    assert list(results(tmp_path / 'out')) == ['rgb']
    errors = {
        row: read_json(next((tmp_path / 'out').glob(f'small/{row}/*/failed.json')))['error']
        for row in ('odd', 'wrong')
    }
    assert 'Val' in errors['odd'] and "declared 'server'" in errors['wrong']


def test_where_an_error_happened_is_told(write_table, tmp_path, capsys, monkeypatch):
    script = (
        'import sys\n'
        'from mmengine.runner import Runner\n'
        'from depthda.experiments.tables import worker\n'
        'def save_checkpoint(self, *rest, **more):\n'
        '    raise RuntimeError("a bug")\n'
        'Runner.save_checkpoint = save_checkpoint\n'
        'worker.main(sys.argv[1:])\n'
    )
    stand_in_worker(monkeypatch, script)
    table = write_table([in_smoke('odd', 'upernet_tiny_u2r')])
    failed = run_table(table, tmp_path / 'out', smoke=True)
    capsys.readouterr()
    say_failed(failed)
    first, *rest = capsys.readouterr().out.splitlines()
    assert 'Error: ' in first and 3 < len(rest) <= 12
    assert all(line.startswith('    ') for line in rest) and '    File "' in ''.join(rest)


@pytest.fixture
def run(write_table, tmp_path):
    table = load_table(write_table([tiny()], worlds=(1,)))
    return plan_runs(table, tmp_path / 'out')[0]


def stand_in_worker(monkeypatch, script: str) -> list[subprocess.Popen]:
    """Replace the worker's process by a short script; ``sys.argv`` holds the run's folders.

    The list that it returns gets each process that is started.
    """
    start, started = subprocess.Popen, []

    def popen(command, **rest):
        if command[1:3] != ['-m', 'depthda.experiments.tables.worker']:
            return start(command, **rest)  # git, which tells the commit
        started.append(start([command[0], '-c', script, *command[3:]], **rest))
        return started[-1]

    monkeypatch.setattr(subprocess, 'Popen', popen)
    return started


def test_a_worker_that_dies_is_a_failure_with_its_last_words(run, monkeypatch):
    stand_in_worker(
        monkeypatch, 'import os; print("out of memory", flush=True); os.kill(os.getpid(), 9)'
    )
    outcome = execute([run])
    assert outcome.failed == [(run, 'its process died (status -9)')]
    assert read_json(run.folder / 'failed.json')['said'] == 'out of memory'


def test_a_worker_that_dies_takes_one_run_with_it(write_table, tmp_path, monkeypatch):
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
    outcome = execute(runs, together=4, ended=lambda run, error: ended.append((run.seed, error)))
    died = 'its process died (status -11)'
    assert ended == [(0, None), (1, died), (2, None), (3, None)]
    assert outcome.done == [runs[0], *runs[2:]] and outcome.failed == [(runs[1], died)]
    assert read_json(runs[1].folder / 'failed.json') == {'error': died, 'said': 'at it'}
    for run in runs:
        assert (run.folder / 'output.log').read_text() == 'at it\n'


def test_a_failure_of_an_earlier_try_is_not_one_of_this(write_table, tmp_path, monkeypatch):
    table = load_table(write_table([tiny()], worlds=(1,), seeds=range(2)))
    runs = plan_runs(table, tmp_path / 'out')
    for run in runs:
        write_json(run.folder / 'failed.json', {'error': 'out of memory'})
    script = (
        'import sys, time; time.sleep(1.2)\n'
        'for folder in sys.argv[1:]: open(folder + "/result.json", "w").write(\'{"a": 1}\')'
    )
    stand_in_worker(monkeypatch, script)
    outcome = execute(runs, together=2)
    assert outcome.done == runs and not outcome.failed


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
    outcome = execute(runs, jobs=2, gpus=['4', '7'])
    assert len(outcome.done) == 4
    seen = [run.result['scores'] for run in runs]
    assert {each['CUDA_VISIBLE_DEVICES'] for each in seen} == {'4', '7'}
    assert {each['OMP_NUM_THREADS'] for each in seen} == {'4'}


@pytest.mark.parametrize(
    'there, ids, said',
    [
        (0, ['0', '1'], '--gpus 0: torch finds that this machine has no GPU.'),
        (1, ['0', '1'], '--gpus 1: torch finds that this machine has 1 GPU, numbered from 0.'),
    ],
)
def test_a_gpu_that_is_not_there_is_refused(write_table, tmp_path, monkeypatch, there, ids, said):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    monkeypatch.setattr('torch.cuda.device_count', lambda: there)
    out = tmp_path / 'out'
    with pytest.raises(UserError) as caught:
        run_table(write_table([tiny()], worlds=(1,)), out, gpus=ids)
    assert str(caught.value) == said and not out.exists()


def test_gpus_that_are_there_or_counted_anew_are_taken(monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    check_gpus(['0', '1', 'GPU-1f2e'])
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '6,7')
    check_gpus(['7'])


def test_gpus_are_parted_by_blanks_or_commas():
    for words in (['0', '1'], ['0,1'], ['0,', '1']):
        assert split_gpus(words) == ['0', '1']
    assert split_gpus([]) == [] and split_gpus(['GPU-1f2e,MIG-3']) == ['GPU-1f2e', 'MIG-3']


@pytest.mark.parametrize('words, wrong', [(['0', 'cuda:1'], 'cuda:1'), ([''], ''), (['-1'], '-1')])
def test_a_word_that_is_no_gpu_is_refused(write_table, tmp_path, monkeypatch, capsys, words, wrong):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0,1')
    path, out = write_table([tiny()], worlds=(1,)), tmp_path / 'out'
    arguments = ['run_experiments.py', str(path), '--out', str(out), '--gpus', *words]
    monkeypatch.setattr(sys, 'argv', arguments)
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / 'tools' / 'run_experiments.py'), run_name='__main__')
    assert stopped.value.code == 2 and not out.exists()
    assert capsys.readouterr().err == (
        f'error: --gpus {" ".join(words)}: {wrong!r} is no device: give numbers from 0 on, as in '
        '--gpus 0 1, or names as nvidia-smi -L lists them.\n'
    )


def test_each_job_sees_one_of_the_gpus(write_table, tmp_path, monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.setattr('depthda.experiments.tables.runner.make_data', lambda *_: None)
    seen = []

    def stand_in(console, runs, jobs, gpus, together):
        seen.append((jobs, gpus))
        return []

    monkeypatch.setattr('depthda.experiments.tables.runner.do_runs', stand_in)
    run_table(write_table([tiny()], worlds=(1,)), tmp_path / 'out', gpus=['0,1'])
    assert seen == [(2, ['0', '1'])]


def test_worlds_of_a_table_without_synthetic_rows_are_refused(write_table, tmp_path):
    path = write_table([tiny() | {'sample': None}])
    with pytest.raises(UserError) as caught:
        run_table(path, tmp_path / 'out', worlds=[5], dry_run=True)
    assert str(caught.value) == (f'--worlds: no row of {path} is on a synthetic set; leave it out.')


@pytest.fixture
def handlers():
    """What a test changes about signals is undone."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_ends_the_tool_with_a_sentence_and_no_worker(
    write_table, tmp_path, monkeypatch, capsys, handlers
):
    script = 'import os, signal, sys, time; os.kill(os.getppid(), 15); time.sleep(60)'
    started = stand_in_worker(monkeypatch, script)
    monkeypatch.setattr('depthda.experiments.tables.runner.make_data', lambda *_: None)
    path = write_table([tiny()], worlds=(1,), seeds=range(2))
    out = str(tmp_path / 'out')
    monkeypatch.setattr(sys, 'argv', ['run_experiments.py', str(path), '--out', out])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / 'tools' / 'run_experiments.py'), run_name='__main__')
    assert stopped.value.code == 143
    assert capsys.readouterr().err == (
        'interrupted; 0 of 2 runs finished; the same command does the rest\n'
    )
    assert [process.returncode for process in started] == [-15]


def test_progress_is_read_off_the_log(run, monkeypatch):
    line = '11/21 00:59:54 - mmengine - INFO - Iter(train) [250/300]  lr: 5e-04  loss: 0.5449  x: 1'
    script = (
        'import sys, time\n'
        f'with open(sys.argv[1] + "/output.log", "w") as log: log.write({line!r} + "\\n")\n'
        'time.sleep(1.2)\n'
        'open(sys.argv[1] + "/result.json", "w").write("{}")'
    )
    stand_in_worker(monkeypatch, script)
    seen = []
    execute([run], follow=seen.append)
    assert [(at.phase, at.step, at.of, at.loss) for at in seen] == [('train', 250, 300, 0.5449)]


def test_a_run_that_another_process_does_is_left_to_it(tmp_path):
    hold = 'import fcntl, sys; f = open(sys.argv[1] + "/.lock", "w"); fcntl.flock(f, fcntl.LOCK_EX)'
    script = f'{hold}; print("held", flush=True); sys.stdin.read()'
    command = [sys.executable, '-c', script, str(tmp_path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == 'held\n'
    with locked(tmp_path) as mine:
        assert not mine
    other.kill()
    other.wait()
    with locked(tmp_path) as mine:
        assert mine


def test_a_dry_run_lists_and_does_nothing(write_table, tmp_path, capsys):
    path = write_table([tiny(), dict(name='x', title='X', absent='no data')], worlds=(1, 2))
    first, _ = plan_runs(load_table(path), tmp_path / 'out')
    finish(first, {'mIoU': 1.0})
    assert not run_table(path, tmp_path / 'out', dry_run=True)
    out = capsys.readouterr().out
    assert 'not here   x: no data' in out and '1 of 2 runs would be done' in out
    assert 'finished   rgb, world 1' in out and 'would run  rgb, world 2' in out
    assert not (tmp_path / 'out' / 'samples').exists()


def test_rows_that_are_the_same_run_are_done_once(write_table, tmp_path, monkeypatch):
    path = write_table([tiny('one'), tiny('two')], worlds=(1,))
    done = []

    def stand_in(console, runs, jobs, gpus, together):
        done.extend(runs)
        for run in runs:
            finish(run, {'mIoU': 12.34})
        return []

    monkeypatch.setattr('depthda.experiments.tables.runner.make_data', lambda *_: None)
    monkeypatch.setattr('depthda.experiments.tables.runner.do_runs', stand_in)
    assert not run_table(path, tmp_path / 'out')
    assert [run.row.name for run in done] == ['one']
    assert (tmp_path / 'out/small/table.md').read_text().count('12.34') == 2


def test_report_writes_the_table_and_runs_nothing(write_table, tmp_path, monkeypatch, capsys):
    columns = [dict(key=f'IoU.{name}', title=name) for name in 'abcdefg']
    path = write_table([tiny()], columns=[*columns, dict(key='mIoU', title='mIoU')], worlds=(1,))
    (only,) = plan_runs(load_table(path), tmp_path / 'out')
    finish(only, {'mIoU': 12.34, 'IoU.d': 56.78})
    write_json(only.folder / 'run.json', {})
    monkeypatch.delenv('COLUMNS', raising=False)
    assert not run_table(path, tmp_path / 'out', report=True)
    assert '56.78' in capsys.readouterr().out, 'a file or a pipe has room for the classes'
    assert '12.34' in (tmp_path / 'out/small/table.md').read_text()
