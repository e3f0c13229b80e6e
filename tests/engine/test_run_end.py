"""The message of a training that ends before its last iteration."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook
from mmengine.logging import MMLogger
from refusals import refusal

from depthda.engine.run_end import FirstIterationHook, explain_removals, log_errors, log_interrupts
from depthda.errors import UserError

SAMPLE = Path(__file__).parents[2] / 'configs' / 'sample' / 'upernet_tiny_u2r.py'


@pytest.fixture
def log(tmp_path, request, capsys):
    MMLogger.get_instance(request.node.name, log_file=str(tmp_path / 'run.log'))
    return tmp_path / 'run.log'


def interrupt(folder, checkpoint=None, origin=None, resumed=False) -> str:
    hook = CheckpointHook()
    hook.last_ckpt = checkpoint and str(checkpoint)
    runner = SimpleNamespace(iter=4, work_dir=str(folder), hooks=[hook], _resume=resumed)
    runner._load_from = origin
    with pytest.raises(KeyboardInterrupt) as stopped, log_interrupts(runner):
        raise KeyboardInterrupt
    return str(stopped.value)


def test_an_interrupt_says_where_resume_continues(tmp_path, log):
    assert interrupt(tmp_path) == (
        'interrupted at iteration 4 before a checkpoint was written: --resume starts '
        'from the beginning'
    )
    path = tmp_path / 'iter_2.pth'
    torch.save({'meta': {'iter': 2}}, path)
    expected = (
        'interrupted at iteration 4: --resume continues at iteration 2, from the last '
        f'checkpoint ({path})'
    )
    assert interrupt(tmp_path, path) == expected
    assert interrupt(tmp_path, None, str(path), resumed=True) == expected
    # The folder holds a checkpoint of an earlier run, which --resume would use.
    assert interrupt(tmp_path) == (
        'interrupted at iteration 4 before a checkpoint was written: --resume continues at '
        f'iteration 2 of an earlier run ({path})'
    )
    assert log.read_text().count('interrupted at iteration 4') == 4


def test_an_interrupt_is_reported_although_a_library_replaces_it(tmp_path, log):
    runner = SimpleNamespace(iter=4, work_dir=str(tmp_path), hooks=[], _resume=False)
    with (
        pytest.raises(KeyboardInterrupt, match='interrupted at iteration 4'),
        log_interrupts(runner),
    ):
        try:
            raise KeyboardInterrupt
        except BaseException:
            raise SyntaxError('the config cannot be formatted') from None
    with pytest.raises(ZeroDivisionError), log_interrupts(runner):
        raise ZeroDivisionError


def test_the_log_file_has_a_bug_s_traceback_and_a_mistake_s_sentence(log, capsys):
    with pytest.raises(ZeroDivisionError), log_errors():
        raise ZeroDivisionError
    with pytest.raises(UserError), log_errors():
        raise UserError('there is no such file.')
    text = log.read_text()
    assert 'Traceback (most recent call last)' in text and 'ZeroDivisionError' in text
    assert 'error: there is no such file.' in text and text.count('Traceback') == 1


def test_a_file_that_disappears_under_a_run_is_one_sentence(tmp_path):
    run, gone = FirstIterationHook(), tmp_path / 'a.png'

    def read(work_dir, kind=None):
        with explain_removals(str(work_dir), run):
            try:
                gone.read_bytes()
            except FileNotFoundError as error:
                # torch raises an error of a worker process in this form.
                raise (kind(f'In worker process 0.\n{error!s}\n') if kind else error) from None

    work_dir = tmp_path / 'run'
    with pytest.raises(FileNotFoundError):
        read(work_dir)
    run.begun = True
    for kind in (None, FileNotFoundError):
        assert refusal(read, work_dir, kind) == (
            f'{gone} was removed while the run needed it: put it back, and add --resume if it '
            'was a training run.'
        )
    for folder in (gone, gone.parent):
        assert refusal(read, folder) == (
            f'{folder} or a file in it was removed while the run wrote to it: start the run '
            'again, and do not change the folder until it ends.'
        )
    # Another failure than that stays what it is.
    with pytest.raises(PermissionError), explain_removals(str(work_dir), run):
        raise PermissionError(13, 'Permission denied', str(gone))
