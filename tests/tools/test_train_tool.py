"""``tools/train.py``, and what the commands do on a full disk."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_scenes import Scenes

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
    own = tmp_path / 'own.py'
    own.write_text(f"_base_ = '{ROOT / CONFIG}'\nmodel = dict(\n")
    one = options(short_run, **{'train_dataloader.batch_size': 1})
    for work_dir, arguments, sentence in (
        (
            tmp_path / 'a',
            [CONFIG, '--check', *one],
            'the training step fails in decode_head.psp_modules.0.1.bn: batch norm computes '
            'statistics over a batch, and with train_dataloader.batch_size=1 it gets one value per '
            'channel: set a batch size of 2 or more.',
        ),
        (
            tmp_path / 'a',
            [own],
            f"{own}, line 2: SyntaxError: '(' was never closed; correct the config.",
        ),
        (
            own / 'a',
            [CONFIG],
            f'--work-dir {own}/a cannot be made, because {own} is a file: give a folder.',
        ),
    ):
        status, _, error = run('train', '--work-dir', work_dir, *arguments)
        assert (status, error) == (2, f'error: {sentence}')
    assert [path.name for path in tmp_path.iterdir()] == ['own.py']


def test_a_checkpoint_on_a_full_disk(run, short_run, tmp_path):
    work_dir = tmp_path / 'a'
    with largest_file(2_000_000):
        status, _, error = run('train', CONFIG, '--work-dir', work_dir, *options(short_run))
    assert status == 2 and error.startswith(f'error: {work_dir}/iter_2.pth{FULL}it has ')
    assert error.endswith(' MB are free; make room and run again')
    # The run had begun, so its log is kept. Nothing of the checkpoint is left.
    assert list(work_dir.glob('2*/*.log')) and not list(work_dir.glob('**/*.pth'))
    assert not [path for path in work_dir.iterdir() if path.name.startswith('.')]


FULL = ' cannot be written (File too large): '


@pytest.mark.parametrize('workers', [1, 2])
def test_tiles_on_a_full_disk(run, tmp_path, workers):
    root, out = Scenes(tmp_path).root, tmp_path / 'out'
    options = ['--images', root / 'rgb', '--image-suffix', '_RGB.tif', '--tile', 16]
    options += ['--out', out, '--workers', workers]
    # There is room for a list of settings, but not for a tile.
    with largest_file(700):
        status, _, error = run('prepare_dataset', 'folder', *options)
    assert status == 2 and error.startswith(f'error: {out}/images/') and FULL in error
    assert not [path for path in out.rglob('*.png')]


def test_a_sample_on_a_full_disk(run, tmp_path):
    counts = ['--train', 1, '--val', 1, '--test', 1]
    with largest_file(300):
        status, _, error = run('make_sample', tmp_path / 'sample', '--size', 64, *counts)
    assert status == 2 and error.startswith(f'error: {tmp_path}/') and FULL in error
    assert list(tmp_path.iterdir()) == []
