"""``tools/train.py``, and what the commands do on a full disk."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/sample/upernet_tiny_u2r.py'


@pytest.fixture
def run(run_tool, monkeypatch):
    """Run a tool from the root; return status, output and the last line of the errors."""

    def call(tool: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(ROOT)
        status, out, err = run_tool(tool, *arguments)
        return status, out, (err.strip().splitlines() or [''])[-1]

    return call


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system refuse to write more than ``size`` bytes to a file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def options(short_run: dict, **more: object) -> list[str]:
    return ['--cfg-options', *(f'{key}={value}' for key, value in (short_run | more).items())]


def test_check(run, short_run, tmp_path):
    work_dir = tmp_path / 'a'
    status, out, _ = run('train', CONFIG, '--check', '--work-dir', work_dir, *options(short_run))
    assert status == 0 and not work_dir.exists()
    head, *lines = out[out.index('checked ') :].splitlines()
    assert head == f'checked {CONFIG}: it can be trained'
    names = ', '.join(line.strip().split(':')[0] for line in lines)
    expected = 'training step, validation sample, results, checkpoints, best checkpoint, disk, log'
    assert names == f'{expected}, curves, metrics'


def test_a_mistake_is_one_sentence_and_status_2(run, short_run, tmp_path):
    one = options(short_run, **{'train_dataloader.batch_size': 1})
    status, _, error = run('train', '--work-dir', tmp_path / 'a', CONFIG, '--check', *one)
    assert status == 2 and error.startswith(
        'error: the training step fails in decode_head.psp_modules.0.1.bn, because batch '
        'norm computes '
    )
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_on_a_full_disk(run, short_run, tmp_path):
    work_dir = tmp_path / 'a'
    with largest_file(2_000_000):
        status, _, error = run('train', CONFIG, '--work-dir', work_dir, *options(short_run))
    assert status == 2 and error.startswith(f'error: {work_dir}/iter_2.pth{FULL}it needs ')
    assert error.endswith(' MB are free: make room and run again')
    # The run had begun, so its log is kept. Nothing of the checkpoint is left.
    assert list(work_dir.glob('2*/*.log')) and not list(work_dir.glob('**/*.pth'))
    assert not [path for path in work_dir.iterdir() if path.name.startswith('.')]


FULL = ' cannot be written (File too large), '
