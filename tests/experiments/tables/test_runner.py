"""The runner through its real commands: failures, kills, restarts, locks, output."""

import runpy
import signal
import sys
from pathlib import Path

import pytest
from refusals import refusal
from small_tables import SHORT, finish, stand_in_worker, tiny

from depthda.datasets.loveda import LoveDARGBD
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.runner import read_gpus, run_table, say_failed
from depthda.experiments.tables.table import load_table
from depthda.io.files import read_json, write_json

ROOT = Path(__file__).parents[3]


def in_smoke(name: str, config: str, options: dict | None = None, **fields) -> dict:
    options = SHORT | (options or {})
    stand_in = dict(config=f'configs/sample/{config}.py', options=options)
    return tiny(name, config, smoke=stand_in, **fields)


def results(out: Path) -> dict[str, Path]:
    return {path.parents[1].name: path for path in out.glob('small/*/*/result.json')}


def test_a_failing_row_is_reported_and_the_others_continue(write_table, tmp_path, capsys):
    table = write_table(
        [
            in_smoke('empty', 'upernet_tiny_u2r', {'train_dataloader.dataset.split': 'Val'}),
            in_smoke(
                'wrong', 'upernet_tiny_u2r', {'optim_wrapper.optimizer.lr': 1e-3}, protocol='server'
            ),
            in_smoke('rgb', 'upernet_tiny_u2r'),
        ]
    )
    failed = run_table(table, tmp_path / 'out', smoke=True)
    assert {run.row.name for run, _ in failed} == {'empty', 'wrong'}
    capsys.readouterr()
    say_failed(failed)
    out = capsys.readouterr().out
    assert 'failed: small, empty, world 0, seed 0:' in out and 'output.log' in out
    assert 'Traceback' not in out, "a user's mistake is reported in a sentence"

    assert list(results(tmp_path / 'out')) == ['rgb']
    errors = {
        row: read_json(next((tmp_path / 'out').glob(f'small/{row}/*/failed.json')))['error']
        for row in ('empty', 'wrong')
    }
    assert 'Val' in errors['empty'] and "declared 'server'" in errors['wrong']


def test_an_unexpected_error_is_printed_with_its_traceback(
    write_table, tmp_path, capsys, monkeypatch
):
    script = (
        'import sys\n'
        'from mmengine.runner import Runner\n'
        'from depthda.experiments.tables import worker\n'
        'def save_checkpoint(self, *args, **kwargs):\n'
        '    raise RuntimeError("a bug")\n'
        'Runner.save_checkpoint = save_checkpoint\n'
        'worker.main(sys.argv[1:])\n'
    )
    stand_in_worker(monkeypatch, script)
    table = write_table([in_smoke('broken', 'upernet_tiny_u2r')])
    failed = run_table(table, tmp_path / 'out', smoke=True)
    capsys.readouterr()
    say_failed(failed)
    first, *trace = capsys.readouterr().out.splitlines()
    assert 'Error: ' in first and 3 < len(trace) <= 12
    assert all(line.startswith('    ') for line in trace) and '    File "' in ''.join(trace)


@pytest.mark.parametrize(
    'count, ids, message',
    [
        (0, ['0', '1'], '--gpus 0: torch finds no GPU on this machine: remove --gpus.'),
        (1, ['0', '1'], '--gpus 1: torch finds only GPU 0 on this machine.'),
    ],
)
def test_a_gpu_that_does_not_exist_is_refused(
    write_table, tmp_path, monkeypatch, count, ids, message
):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    monkeypatch.setattr('torch.cuda.device_count', lambda: count)
    out = tmp_path / 'out'
    assert refusal(run_table, write_table([tiny()], worlds=(1,)), out, gpus=ids) == message
    assert not out.exists()


def test_gpus_that_exist_or_are_renumbered_are_accepted(monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    for words in (['0', '1'], ['0,1'], ['0,', '1']):
        assert read_gpus(words) == ['0', '1']
    assert read_gpus([]) == [] and read_gpus(['GPU-1f2e,MIG-3']) == ['GPU-1f2e', 'MIG-3']
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '6,7')
    assert read_gpus(['7']) == ['7']


@pytest.mark.parametrize('words, wrong', [(['0', 'cuda:1'], 'cuda:1'), ([''], ''), (['-1'], '-1')])
def test_a_word_that_is_not_a_gpu_is_refused(
    write_table, tmp_path, monkeypatch, capsys, words, wrong
):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0,1')
    path, out = write_table([tiny()], worlds=(1,)), tmp_path / 'out'
    arguments = ['run_experiments.py', str(path), '--out', str(out), '--gpus', *words]
    monkeypatch.setattr(sys, 'argv', arguments)
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / 'tools' / 'run_experiments.py'), run_name='__main__')
    assert stopped.value.code == 2 and not out.exists()
    assert capsys.readouterr().err == (
        f'error: --gpus {" ".join(words)}: {wrong!r} is not a device: use numbers, as in --gpus '
        '0 1, or names that nvidia-smi -L lists.\n'
    )


def test_each_job_sees_one_of_the_gpus(write_table, tmp_path, monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.setattr('depthda.experiments.tables.runner.make_data', lambda *_: None)
    calls = []

    def stand_in(console, runs, jobs, gpus, *args):
        calls.append((jobs, gpus))
        return []

    monkeypatch.setattr('depthda.experiments.tables.runner.do_runs', stand_in)
    run_table(write_table([tiny()], worlds=(1,)), tmp_path / 'out', gpus=['0,1'])
    assert calls == [(2, ['0', '1'])]


def test_worlds_of_a_table_without_synthetic_rows_are_refused(write_table, tmp_path):
    path = write_table([tiny() | {'sample': None}])
    assert refusal(run_table, path, tmp_path / 'out', worlds=[5], dry_run=True) == (
        f'--worlds: no row of {path} uses a synthetic dataset: remove the option.'
    )


@pytest.fixture
def handlers():
    """Restore the handlers of signals after a test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_ends_the_tool_and_its_workers_with_one_sentence(
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
        'interrupted: 0 of 2 runs finished; run the same command again to continue\n'
    )
    assert [process.returncode for process in started] == [-15]


def test_a_dry_run_lists_and_does_nothing(write_table, tmp_path, capsys):
    path = write_table([tiny(), dict(name='x', title='X', absent='no data')], worlds=(1, 2))
    first, _ = plan_runs(load_table(path), tmp_path / 'out')
    finish(first, {'mIoU': 1.0})
    assert not run_table(path, tmp_path / 'out', dry_run=True)
    out = capsys.readouterr().out
    assert 'cannot run x: no data' in out and '1 of 2 runs would be done' in out
    assert 'finished   rgb, world 1' in out and 'would run  rgb, world 2' in out
    assert not (tmp_path / 'out' / 'samples').exists()


def test_rows_that_are_the_same_run_are_done_once(write_table, tmp_path, monkeypatch):
    path = write_table([tiny('one'), tiny('two')], worlds=(1,))
    done = []

    def stand_in(console, runs, jobs, gpus, *args):
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
    columns = [dict(key=f'IoU.{name}', title=name) for name in LoveDARGBD.METAINFO['classes']]
    path = write_table([tiny()], columns=[*columns, dict(key='mIoU', title='mIoU')], worlds=(1,))
    (only,) = plan_runs(load_table(path), tmp_path / 'out')
    finish(only, {'mIoU': 12.34, 'IoU.water': 56.78})
    write_json(only.folder / 'run.json', {})
    monkeypatch.delenv('COLUMNS', raising=False)
    assert not run_table(path, tmp_path / 'out', report=True)
    assert '56.78' in capsys.readouterr().out, (
        'without a terminal, the table is as wide as it needs to be'
    )
    assert '12.34' in (tmp_path / 'out/small/table.md').read_text()
