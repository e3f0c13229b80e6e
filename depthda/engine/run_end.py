"""A training that ends before its last iteration: what is left, and how it goes on."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.hooks import CheckpointHook
from mmengine.logging import MMLogger

from depthda.engine.checkpoints import latest_checkpoint, read_meta
from depthda.errors import UserError, interrupt_in


def last_good_checkpoint(runner) -> str | None:
    """The last checkpoint that this run wrote, or the one that it goes on from."""
    written = [hook.last_ckpt for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    found = [path for path in written if path and Path(path).is_file()]
    return found[-1] if found else runner._load_from if runner._resume else None


@contextmanager
def logged_end(runner) -> Iterator[None]:
    """Log how a training ends early; an interrupt is told what ``--resume`` would do."""
    try:
        yield
    except BaseException as error:
        interrupt = interrupt_in(error)
        if interrupt is None:
            raise
        interrupt.args = (_interrupted(runner),)
        _log(str(interrupt))
        raise interrupt from None


@contextmanager
def logged_errors() -> Iterator[None]:
    """Write an error to the log file, a mistake as one line and a bug with its traceback."""
    try:
        yield
    except UserError as error:
        _log(f'error: {error}')
        raise
    except Exception:
        _log(traceback.format_exc())
        raise


def _log(text: str) -> None:
    # Whoever catches it prints it.
    MMLogger.get_current_instance().error(text, extra={'console': False})


def _interrupted(runner) -> str:
    text, found = f'interrupted at {runner.iter}', latest_checkpoint(runner.work_dir)
    if found is None:
        return f'{text}; no checkpoint was written; --resume starts anew'
    there = f'--resume continues at {read_meta(found).get("iter")}'
    if last_good_checkpoint(runner) is None:
        return f'{text}; no checkpoint was written; {there} of an earlier run ({found})'
    return f'{text}; last checkpoint {found}; {there}'
