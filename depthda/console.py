"""Limit the console to a summary, progress, warnings and errors; the log file has all lines."""

import logging
import os
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from mmengine.logging import MMLogger, print_log
from rich.console import Console

if TYPE_CHECKING:  # mmengine.runner imports torch, which the preparation of data does not need
    from mmengine.runner import Runner

_PACKAGE = str(Path(__file__).parent) + os.sep
# Folders of installed packages, and of the main libraries if they are installed from source.
_LIBRARIES = tuple(
    {sysconfig.get_path(name) + os.sep for name in ('purelib', 'platlib', 'stdlib')}
    | {str(Path(find_spec(n).origin).parent) + os.sep for n in ('mmengine', 'mmcv', 'mmseg')}
)
# Files and functions in which mmengine reports the progress of a run.
_PROGRESS = {
    ('logger_hook.py', 'after_train_iter'),
    ('logger_hook.py', 'after_val_iter'),
    ('logger_hook.py', 'after_test_iter'),
    ('logger_hook.py', 'after_val_epoch'),
    ('logger_hook.py', 'after_test_epoch'),
    ('checkpoint_hook.py', 'after_train_iter'),
    ('checkpoint_hook.py', 'after_train_epoch'),
    ('checkpoint_hook.py', '_save_best_checkpoint'),
}
# Lines not to show: the name of the run, and scores that SegmentationMetric shows as a table.
_REPEATED = re.compile(r'^Exp name: |  IoU\.')
# Details that would make the lines on the console too long; the log file has them.
_DETAILS = re.compile(r'base_lr: \S+ |data_time: \S+  ')


def show(text: str) -> None:
    """Log a text that the console always shows."""
    MMLogger.get_current_instance().info(text, extra={'console': True})


def warn(text: str) -> None:
    """Log a warning that the console always shows."""
    MMLogger.get_current_instance().warning(text, extra={'console': True})


@contextmanager
def quiet_console() -> Iterator[None]:
    """Send warnings of libraries to the log file only; show those of the user's code."""
    import mmengine.runner.checkpoint as mmengine_checkpoint

    quiet(MMLogger.get_current_instance())
    before = warnings.showwarning, mmengine_checkpoint.print_log

    def log_warning(message, category, filename, lineno, file=None, line=None) -> None:
        text = f'{filename}:{lineno}: {category.__name__}: {message}'
        shown = not _is_library(filename)
        MMLogger.get_current_instance().warning(text, extra={'console': shown})

    def log_without_logger(text, logger=None, level=logging.INFO) -> None:
        # mmengine prints the path of a checkpoint without a logger.
        print_log(text, logger or 'current', level)

    warnings.showwarning, mmengine_checkpoint.print_log = log_warning, log_without_logger
    try:
        yield
    finally:
        warnings.showwarning, mmengine_checkpoint.print_log = before


def quiet(logger: MMLogger) -> None:
    """Limit the console output of a logger; its file still gets all lines."""
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            continue
        if not any(isinstance(known, _ForTheConsole) for known in handler.filters):
            handler.addFilter(_ForTheConsole())
            handler.setFormatter(_Line())


def runner_class(cfg: Config) -> type['Runner']:
    """Return the runner class of a config, with a quiet console unless ``log_level='DEBUG'``."""
    from mmengine.registry import RUNNERS

    base = RUNNERS.get(cfg.get('runner_type', 'Runner'))

    class QuietRunner(base):
        def build_logger(self, log_level='INFO', **kwargs) -> MMLogger:
            logger = super().build_logger(log_level=log_level, **kwargs)
            if log_level not in ('DEBUG', logging.DEBUG):
                quiet(logger)
            return logger

    return QuietRunner


def wide_console(**settings: Any) -> Console:
    """Return a console for tables, which is 160 columns wide if there is no terminal."""
    console = Console(**settings)
    if not console.is_terminal and 'COLUMNS' not in os.environ:
        console.width = 160
    return console


class _ForTheConsole(logging.Filter):
    """Pass records that :func:`show` or :func:`warn` has marked, errors, and progress.

    Records of the user's code pass, too, and so do warnings of this package.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        marked = getattr(record, 'console', None)
        if marked is not None:
            from mmengine.dist import is_main_process

            return marked and is_main_process()
        if record.levelno >= logging.ERROR:
            return True
        file, function = _origin(record)
        if file.startswith(_PACKAGE):
            return record.levelno >= logging.WARNING
        if not _is_library(file):
            return True
        if (Path(file).name, function) in _PROGRESS:
            return not _REPEATED.search(record.getMessage())
        return False


class _Line(logging.Formatter):
    """Format a record as its text; lines about the progress of a run begin with the time."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            return f'{record.levelname.lower()}: {text}'
        if getattr(record, 'console', False):
            return text
        return f'{self.formatTime(record, "%H:%M:%S")} {_DETAILS.sub("", text).rstrip()}'


def _origin(record: logging.LogRecord) -> tuple[str, str]:
    """Return the file and function that logged a record, even through ``print_log``."""
    if record.pathname != print_log.__code__.co_filename:
        return record.pathname, record.funcName or ''
    frame = sys._getframe()
    while frame and frame.f_code is not print_log.__code__:
        frame = frame.f_back
    caller = frame and frame.f_back
    return (caller.f_code.co_filename, caller.f_code.co_name) if caller else (record.pathname, '')


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARIES) and not file.startswith(_PACKAGE)
