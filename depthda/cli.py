"""What every command shares: common arguments, one line for a mistake, and signals."""

import argparse
import atexit
import errno
import os
import signal
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from depthda.errors import UserError, interrupt_in
from depthda.io.files import DISK_FULL

_MISTAKE = 'UserError: '
# Faults of paths that users name in an option or a config; bugs hardly ever cause them.
_UNUSABLE = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
# Faults of a failing disk, or of a network disk that is gone.
_FAILING = (errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN)
_IMPATIENCE_S = 2.0  # within which a repeated signal counts as the same one


@contextmanager
def user_errors() -> Iterator[None]:
    """Print a :class:`UserError` or an interrupt as one line, and exit with its status."""
    try:
        yield
    except UserError as error:
        # A data-loader worker sends its whole traceback as the message; the sentence comes last.
        _fail(str(error).rsplit(_MISTAKE, 1)[-1].strip())
    except OSError as error:
        if (sentence := _fault_of_disk(error)) is None:
            raise
        _fail(sentence)
    except MemoryError as error:
        reason = f' ({error})' if str(error) else ''
        _fail(f'there is not enough memory{reason}: take smaller images or tiles')
    except KeyboardInterrupt as interrupt:
        if is_main_process():
            _print_last(str(interrupt) or 'interrupted')
        sys.exit(128 + getattr(interrupt, 'signal', signal.SIGINT))


def _fail(sentence: str) -> None:
    _print_last(f'error: {sentence}')
    sys.exit(2)


def _fault_of_disk(error: OSError) -> str | None:
    """Return a sentence about a path that cannot be used, or a disk; None for any other error."""
    if error.errno in _UNUSABLE and error.filename:
        return (
            f'{error.filename} cannot be read or written ({error.strerror}): name another file '
            'or folder'
        )
    if error.errno not in (*DISK_FULL, *_FAILING):
        return None
    advice = 'make room' if error.errno in DISK_FULL else 'check the disk'
    file = f' {error.filename}' if error.filename else ''
    return f'{error.strerror} while writing{file}: {advice} and run again'


def is_main_process() -> bool:
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
    process, received = os.getpid(), -_IMPATIENCE_S

    def stop(number: int, frame: object) -> None:
        nonlocal received
        # Data-loader workers inherit this handler, but the main process ends them. A launcher
        # repeats the signal that the terminal has already sent to all processes.
        if os.getpid() != process or time.monotonic() - received < _IMPATIENCE_S:
            return
        received = time.monotonic()
        # torch's own handler would report the workers that the same signal has ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        raise Stopped(number)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    except BaseException as error:  # an interrupt may be hidden in any error; others are raised
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


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keep the line breaks of descriptions, and end the help of each option with its default."""

    def _get_help_string(self, action: argparse.Action) -> str:
        several = isinstance(action.default, list | tuple)
        shown = ' '.join(map(str, action.default)) if several else action.default
        is_flag = action.nargs == 0  # as --help itself
        if is_flag or shown in (None, '') or '(default' in action.help:
            return action.help
        return f'{action.help} (default: {shown})'


def tool_parser(prog: str, description: str, *examples: str) -> argparse.ArgumentParser:
    """Make an argument parser whose ``--help`` ends with examples; ``%(prog)s`` is the command."""
    return argparse.ArgumentParser(prog, **help_texts(description, *examples))


def help_texts(description: str, *examples: str) -> dict[str, Any]:
    """Return what makes a parser's ``--help`` show this description and these examples."""
    description = '\n'.join(textwrap.fill(line, 100) for line in description.splitlines())
    epilog = '\n  '.join(('example:', *examples))
    return dict(description=description, epilog=epilog, formatter_class=_Help)


def picked(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return some of the arguments by their names, to pass them on as keywords."""
    return {name: getattr(args, name) for name in names}


class TupleAction(argparse.Action):
    """Store several values as a tuple, as settings hold them."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        setattr(namespace, self.dest, tuple(values))


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


def add_range(parser: Any, option: str, text: str, **more: Any) -> None:
    """Add an option that takes the two ends of a range, as a tuple."""
    form = dict(nargs=2, type=float, action=TupleAction, metavar=('LOW', 'HIGH'))
    parser.add_argument(option, help=text, **form, **more)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the config of a command and ``--cfg-options``."""
    parser.add_argument('config', help='config file, or the name of one that comes with depthda')
    add_cfg_options(parser)


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


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that train and test share, as mmseg users know them."""
    add_config(parser)
    parser.add_argument(
        '--work-dir', metavar='DIR', help='where results go (default: work_dirs/<config name>)'
    )
    add_launcher(parser)


def add_launcher(
    parser: argparse.ArgumentParser,
    choices: Sequence[str] = ('none', 'pytorch', 'slurm', 'mpi'),
    text: str = 'how several processes were started (torchrun: pytorch)',
) -> None:
    """Add ``--launcher``, and the rank that old launchers pass as an argument."""
    parser.add_argument('--launcher', choices=choices, default='none', help=text)
    # Passed by torch.distributed.launch; torchrun sets the variable itself.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def set_local_rank(args: argparse.Namespace) -> None:
    """Pass on to mmengine the rank that an old launcher gave as an argument."""
    if 'local_rank' in args:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
