"""What every command shares: common arguments, one line for a mistake, signals, progress bars."""

import argparse
import atexit
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from depthda.errors import UserError, interrupt_in
from depthda.io.files import DISK_FULL

_MISTAKE = 'UserError: '
# Faults of paths that users name in an option or a config; a bug hardly ever produces them.
_UNUSABLE = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
# Faults of a failing disk, or of a network disk that is gone.
_FAILING = (errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN)
_IMPATIENCE = 2.0  # seconds within which a repeated signal counts as the same one


@contextmanager
def user_errors() -> Iterator[None]:
    """Print a :class:`UserError` or an interrupt as one line, and exit with its status."""
    try:
        yield
    except UserError as error:
        # A data-loader worker sends its whole traceback as the message; the sentence comes last.
        sentence = str(error).rsplit(_MISTAKE, 1)[-1].strip()
        _print_last(f'error: {sentence}')
        sys.exit(2)
    except OSError as error:
        if error.errno in _UNUSABLE and error.filename:
            _print_last(
                f'error: {error.filename} cannot be read or written ({error.strerror}): name '
                'another file or folder'
            )
            sys.exit(2)
        advice = 'make room' if error.errno in DISK_FULL else 'check the disk'
        if error.errno not in (*DISK_FULL, *_FAILING):
            raise
        file = f' {error.filename}' if error.filename else ''
        _print_last(f'error: {error.strerror} while writing{file}: {advice} and run again')
        sys.exit(2)
    except MemoryError as error:
        reason = f' ({error})' if str(error) else ''
        _print_last(f'error: there is not enough memory{reason}: take smaller images or tiles')
        sys.exit(2)
    except KeyboardInterrupt as interrupt:
        if _is_main_process():
            _print_last(str(interrupt) or 'interrupted')
        sys.exit(128 + getattr(interrupt, 'signal', signal.SIGINT))


def _is_main_process() -> bool:
    """Whether this process prints for all; without mmengine, processes do not know each other."""
    dist = sys.modules.get('mmengine.dist')
    return dist is None or dist.is_main_process()


class Stopped(KeyboardInterrupt):
    """A signal that ends the process.

    Attributes:
        signal: Number of the signal; the exit status is 128 more.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM (a cluster's time limit) end a run with :class:`Stopped`, once."""
    process, received = os.getpid(), -_IMPATIENCE

    def stop(number: int, frame: object) -> None:
        nonlocal received
        # Data-loader workers inherit this handler, but the main process ends them. A launcher
        # repeats the signal that the terminal has already sent to all processes.
        if os.getpid() != process or time.monotonic() - received < _IMPATIENCE:
            return
        received = time.monotonic()
        # torch's own handler would report the workers that the same signal has ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        raise Stopped(number)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    except BaseException as error:
        interrupt = interrupt_in(error)
        # A further signal must not keep an interrupted process from ending in order.
        _restore(dict.fromkeys(before, signal.SIG_IGN) if interrupt else before)
        if interrupt is None:
            raise
        raise interrupt from None
    _restore(before)


def _restore(handlers: dict) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _print_last(line: str) -> None:
    """Print a line and silence what libraries print at exit, which would bury it."""
    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)
    # Registered last, it runs before the functions that libraries have registered.
    atexit.register(_silence)


def _silence() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)


def tool_parser(prog: str, description: str, *examples: str) -> argparse.ArgumentParser:
    """Make an argument parser whose ``--help`` ends with examples; ``%(prog)s`` is the command."""
    return argparse.ArgumentParser(prog, **help_texts(description, *examples))


def help_texts(description: str, *examples: str) -> dict[str, Any]:
    """Return what makes a parser's ``--help`` show this description and these examples."""
    return dict(
        description=description,
        epilog='\n  '.join(('example:', *examples)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


class OptionsAction(argparse.Action):
    """Parse mmengine's ``KEY=VALUE …``; mistakes are usage errors instead of tracebacks."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        for value in values:
            if '=' not in value.lstrip('='):
                parser.error(f'{option_string} {value}: write KEY=VALUE without blanks around =')
            if any(value.count(a) != value.count(b) for a, b in ('()', '[]')):
                parser.error(f'{option_string} {value}: a bracket is missing')
        from mmengine.config import DictAction

        parse = DictAction(self.option_strings, self.dest, nargs='+')
        parse(parser, namespace, values, option_string)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar per stage on the error stream: ``show(stage, done, total)``."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done)

        yield show


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that train and test share, as mmseg users know them."""
    parser.add_argument(
        '--work-dir', help='where results go (default: work_dirs/<config name>)', metavar='DIR'
    )
    add_cfg_options(parser)
    add_launcher(parser)


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help='override keys of the config, e.g. train_cfg.max_iters=1000 or key="[a,b]"; an '
        'unknown key is an error, +KEY=VALUE adds one',
    )


def add_launcher(
    parser: argparse.ArgumentParser,
    choices: Sequence[str] = ('none', 'pytorch', 'slurm', 'mpi'),
    text: str = 'how several processes were started (torchrun: pytorch)',
) -> None:
    """Add ``--launcher``, and the rank that old launchers pass as an argument."""
    parser.add_argument('--launcher', choices=choices, default='none', help=text)
    # Passed by torch.distributed.launch; torchrun sets the variable itself.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def set_local_rank(local_rank: int) -> None:
    """Pass on to mmengine the rank that an old launcher gave as an argument."""
    os.environ.setdefault('LOCAL_RANK', str(local_rank))
