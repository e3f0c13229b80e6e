"""The tools, run through their command lines."""

import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
CONFIG = 'configs/sample/depthda_tiny_u2r.py'


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / 'tools' / arguments[0]), *arguments[1:]]


@pytest.fixture
def run(monkeypatch, capfd):
    """Run a tool in this process, which saves an import of torch: status, output, last error."""

    def run_here(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, 'argv', list(arguments))
        try:
            runpy.run_path(str(ROOT / 'tools' / arguments[0]), run_name='__main__')
            status = 0
        except SystemExit as stopped:
            status = stopped.code
        out, err = capfd.readouterr()
        return status, out, (err.strip().splitlines() or [''])[-1]

    return run_here


def as_options(options: dict) -> list[str]:
    return ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]


class Bomb:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_killed_and_resumed_equals_uninterrupted(tmp_path, short_run, run):
    options = short_run | {'train_cfg.max_iters': 6, 'default_hooks.logger.interval': 1}
    uninterrupted, killed = tmp_path / 'whole', tmp_path / 'killed'
    arguments = command('train.py', CONFIG, '--work-dir', str(uninterrupted), *as_options(options))
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # All output up to the first iteration fits on one screen (24 lines of 100 columns).
    lines = done.stdout.splitlines()
    first = next(n for n, line in enumerate(lines) if 'Iter(train) [1/6]' in line)
    assert sum(1 + len(line) // 100 for line in lines[: first + 1]) <= 24, done.stdout
    assert done.stderr == '' and lines[0].startswith('depthda ')
    log = next(uninterrupted.glob('2*/*.log')).read_text()
    assert 'Hooks will be executed' in log and 'train_pipeline = [' in log

    words = ['train.py', CONFIG, '--work-dir', str(killed), *as_options(options)]
    process = subprocess.Popen(command(*words), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if re.search(r'Iter\(train\) \[3/6\]', line):
            process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / 'iter_6.pth').exists()
    status, out, error = run(*words[:2], '--resume', *words[2:])
    assert status == 0 and 'resumed at iteration 2' in out, error

    first, second = (
        torch.load(folder / 'iter_6.pth', weights_only=True)['state_dict']
        for folder in (uninterrupted, killed)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_ctrl_c_reports_once_from_where_resume_continues(tmp_path, short_run):
    options = short_run | {'train_cfg.max_iters': 60, 'train_cfg.val_interval': 60}
    options |= {'default_hooks.logger.interval': 1, 'train_dataloader.num_workers': 2}
    arguments = command('train.py', CONFIG, '--work-dir', str(tmp_path), *as_options(options))
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # A terminal sends the signal to all processes of the group, including the workers.
    with subprocess.Popen(arguments, cwd=ROOT, start_new_session=True, **pipes) as process:
        for line in process.stdout:
            if '[ 3/60]' in line:
                os.killpg(process.pid, signal.SIGINT)
                break
        process.stdout.read()
        error = process.stderr.read()
    assert process.returncode == 130
    message = re.fullmatch(
        r'interrupted at iteration (\d+): --resume continues at iteration (\d+), from the last '
        rf'checkpoint \({tmp_path}/iter_(\d+).pth\)\n',
        error,
    )
    assert message, error
    assert int(message[1]) >= int(message[2]) == int(message[3]) >= 2
    assert error.strip() in next(tmp_path.glob('2*/*.log')).read_text()


@pytest.mark.parametrize('use', ['load_from', 'resume', 'test'])
def test_checkpoints_that_would_run_code_are_refused(tmp_path, short_run, run, use):
    trace = tmp_path / 'it-ran'
    bomb = tmp_path / 'iter_2.pth'
    torch.save({'state_dict': {}, 'meta': {'epoch': 0, 'iter': 2, 'x': Bomb(trace)}}, bomb)
    common = ['--work-dir', str(tmp_path), *as_options(short_run)]
    commands = {
        'test': ('test.py', CONFIG, str(bomb), *common),
        'resume': ('train.py', CONFIG, '--resume', *common),
        'load_from': ('train.py', CONFIG, *common, f'load_from={bomb}'),
    }
    status, _, error = run(*commands[use])
    assert status == 2 and not trace.exists()
    assert error.startswith('error: ') and 'iter_2.pth contains more than tensors' in error
