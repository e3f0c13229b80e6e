"""Handle a run that ends early: what it leaves behind, and how to continue its training."""

import logging
import re
import shutil
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import MMLogger

from depthda.checkpoints.loading import latest_checkpoint, read_meta
from depthda.errors import UserError, interrupt_in


class FirstIterationHook(Hook):
    """Record in ``begun`` whether the first iteration has finished."""

    begun = False

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self.begun = True

    after_test_iter = after_train_iter


@contextmanager
def remove_outputs_on_mistake(cfg: Config, hook: FirstIterationHook) -> Iterator[None]:
    """Remove what a run wrote if a mistake ended it before its first iteration was done."""
    folder = Path(cfg.work_dir)
    dump = folder / Path(cfg.filename or '.').name
    before, content = set(folder.glob('*')), dump.read_bytes() if dump.is_file() else None
    new_folders = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except UserError:
        if not hook.begun and is_main_process():
            # Another run may have begun in the same folder: remove only what this one wrote.
            handlers = MMLogger.get_current_instance().handlers
            logs = [h.baseFilename for h in handlers if isinstance(h, logging.FileHandler)]
            names = {Path(log).parent.name for log in logs} | {dump.name}
            for path in {folder / name for name in names} & set(folder.glob('*')) - before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            if content is not None:
                # Restore the config of the earlier run in this folder.
                dump.write_bytes(content)
            for path in new_folders:
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()
        raise


def last_good_checkpoint(runner) -> str | None:
    """Return the last checkpoint that this run wrote, or the one that it resumed from."""
    written = [hook.last_ckpt for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    existing = [path for path in written if path and Path(path).is_file()]
    return existing[-1] if existing else runner._load_from if runner._resume else None


@contextmanager
def log_interrupts(runner) -> Iterator[None]:
    """Log an interrupt of training, and add to its message what ``--resume`` would do."""
    try:
        yield
    except BaseException as error:  # a library may hide an interrupt in another error
        interrupt = interrupt_in(error)
        if interrupt is None:
            raise
        interrupt.args = (_interrupted(runner),)
        _log(str(interrupt))
        raise interrupt from None


@contextmanager
def explain_removals(work_dir: str, hook: FirstIterationHook) -> Iterator[None]:
    """Report in one sentence that a file or folder was removed after the run had begun."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if not hook.begun:
            raise  # the checks at the start explain what is wrong
        # An error in a worker process arrives as text only, without a file name.
        named = re.findall(r"\[Errno \d+\] .*: '(.+)'", str(error))
        path = Path(error.filename or (named or [work_dir])[-1])
        if path.exists():
            raise
        message = (
            f'{path} was removed while the run needed it: put it back, and add --resume if it was '
            'a training run.'
        )
        if Path(work_dir) in (path, *path.parents):
            message = (
                f'{Path(work_dir)} or a file in it was removed while the run wrote to it: start '
                'the run again, and do not change the folder until it ends.'
            )
        raise UserError(message) from error


@contextmanager
def log_errors() -> Iterator[None]:
    """Write an error to the log file: a mistake as one line, a bug with its traceback."""
    try:
        yield
    except UserError as error:
        _log(f'error: {error}')
        raise
    except Exception:  # whatever it is, the log file must have it
        _log(traceback.format_exc())
        raise


def _log(text: str) -> None:
    # Not on the console, because the command that catches the error prints it.
    MMLogger.get_current_instance().error(text, extra={'console': False})


def _interrupted(runner) -> str:
    text, last = f'interrupted at iteration {runner.iter}', latest_checkpoint(runner.work_dir)
    if last is None:
        return f'{text} before a checkpoint was written: --resume starts from the beginning'
    advice = f'--resume continues at iteration {read_meta(last).get("iter")}'
    if last_good_checkpoint(runner) is None:
        return f'{text} before a checkpoint was written: {advice} of an earlier run ({last})'
    return f'{text}: {advice}, from the last checkpoint ({last})'
