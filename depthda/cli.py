"""Common parts of the commands: arguments, errors in one line, and signals."""

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
# Errors of paths that users name in an option or a config; bugs hardly ever cause them.
_UNUSABLE = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
# Errors of a failing disk, or of a network disk that is not connected.
_FAILING = (errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN)
_REPEAT_S = 2.0  # a signal that arrives this soon after another counts as the same one


@contextmanager
def user_errors() -> Iterator[None]:
    """Print a :class:`UserError` or an interrupt as one line, and exit with its exit status."""
    try:
        yield
    except UserError as error:
        # The message of an error in a data-loader worker is a traceback; its end is the sentence.
        _fail(str(error).rsplit(_MISTAKE, 1)[-1].strip())
    except OSError as error:
        if (message := _disk_error(error)) is None:
            raise
        _fail(message)
    except MemoryError as error:
        reason = f' ({error})' if str(error) else ''
        _fail(f'there is not enough memory{reason}: use smaller images or tiles')
    except KeyboardInterrupt as interrupt:
        if is_main_process():
            _print_last(str(interrupt) or 'interrupted')
        sys.exit(128 + getattr(interrupt, 'signal', signal.SIGINT))


def _fail(message: str) -> None:
    _print_last(f'error: {message}')
    sys.exit(2)


def _disk_error(error: OSError) -> str | None:
    """Return a message about an unusable path or disk, or None for other errors."""
    if error.errno in _UNUSABLE and error.filename:
        return (
            f'{error.filename} cannot be read or written ({error.strerror}): name another file '
            'or folder'
        )
    if error.errno not in (*DISK_FULL, *_FAILING):
        return None
    advice = 'free some disk space' if error.errno in DISK_FULL else 'check the disk'
    file = f' {error.filename}' if error.filename else ''
    return f'{error.strerror} while writing{file}: {advice} and run again'


def is_main_process() -> bool:
    """Return whether this process has rank 0; before mmengine is imported, all processes do."""
    dist = sys.modules.get('mmengine.dist')
    return dist is None or dist.is_main_process()


class Stopped(KeyboardInterrupt):
    """An interrupt by a signal; the exit status is 128 plus the number of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """End a run with :class:`Stopped` at the first Ctrl-C or SIGTERM (a cluster's time limit)."""
    process, received = os.getpid(), -_REPEAT_S

    def stop(number: int, frame: object) -> None:
        nonlocal received
        # Ignore the signal in two cases. Data-loader workers inherit this handler, but the main
        # process ends them. A launcher may repeat a signal that the terminal has sent to all.
        if os.getpid() != process or time.monotonic() - received < _REPEAT_S:
            return
        received = time.monotonic()
        # torch's handler would report an error about workers that the same signal has ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        raise Stopped(number)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    except BaseException as error:  # a library may hide an interrupt in another error
        interrupt = interrupt_in(error)
        # Ignore further signals after an interrupt, so that the process can clean up.
        _restore(dict.fromkeys(before, signal.SIG_IGN) if interrupt else before)
        if interrupt is None:
            raise
        raise interrupt from None
    _restore(before)


def _restore(handlers: dict) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _print_last(line: str) -> None:
    """Print the last line of the output, and silence what libraries would print at exit."""
    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)
    # Exit functions run in reverse order, so this one runs before those of libraries.
    atexit.register(_silence)


def _silence() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keep the line breaks of descriptions, and append the default to the help of each option."""

    def _get_help_string(self, action: argparse.Action) -> str:
        several = isinstance(action.default, list | tuple)
        shown = ' '.join(map(str, action.default)) if several else action.default
        is_flag = action.nargs == 0  # such as --help
        if is_flag or shown in (None, '') or '(default' in action.help:
            return action.help
        return f'{action.help} (default: {shown})'


def tool_parser(prog: str, description: str, *examples: str) -> argparse.ArgumentParser:
    """Make a parser whose ``--help`` ends with examples, in which ``%(prog)s`` is the command."""
    return argparse.ArgumentParser(prog, **help_texts(description, *examples))


def help_texts(description: str, *examples: str) -> dict[str, Any]:
    """Return the keywords of a parser whose ``--help`` shows a description and examples."""
    description = '\n'.join(textwrap.fill(line, 100) for line in description.splitlines())
    epilog = '\n  '.join(('example:', *examples))
    return dict(description=description, epilog=epilog, formatter_class=_Help)


def picked(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the named arguments as a dict, to pass them on as keywords."""
    return {name: getattr(args, name) for name in names}


class TupleAction(argparse.Action):
    """Store several values as a tuple instead of a list."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        setattr(namespace, self.dest, tuple(values))


class OptionsAction(argparse.Action):
    """Parse ``KEY=VALUE …`` as mmengine does, but report mistakes as usage errors."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        for value in values:
            if '=' not in value.lstrip('='):
                parser.error(f'{option_string} {value}: write KEY=VALUE without spaces around =')
            if any(value.count(a) != value.count(b) for a, b in ('()', '[]')):
                parser.error(f'{option_string} {value}: add the missing bracket')
        from mmengine.config import DictAction

        parse = DictAction(self.option_strings, self.dest, nargs='+')
        parse(parser, namespace, values, option_string)


def add_range(parser: Any, option: str, text: str, **more: Any) -> None:
    """Add an option whose value is a tuple (low, high)."""
    settings = dict(nargs=2, type=float, action=TupleAction, metavar=('LOW', 'HIGH'))
    parser.add_argument(option, help=text, **settings, **more)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the arguments ``config`` and ``--cfg-options``."""
    parser.add_argument('config', help='config file, or the name of one that comes with depthda')
    add_cfg_options(parser)


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help='override keys of the config, e.g. train_cfg.max_iters=1000 or key="[a,b]"; an '
        'unknown key is an error, +KEY=VALUE adds a new key',
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that train and test share, named as in mmseg."""
    add_config(parser)
    text = 'folder for results (default: work_dirs/<config name>)'
    parser.add_argument('--work-dir', metavar='DIR', help=text)
    add_launcher(parser)


def add_launcher(
    parser: argparse.ArgumentParser,
    choices: Sequence[str] = ('none', 'pytorch', 'slurm', 'mpi'),
    text: str = 'how several processes were started (torchrun: pytorch)',
) -> None:
    """Add ``--launcher``, and the rank that old launchers pass as an argument."""
    parser.add_argument('--launcher', choices=choices, default='none', help=text)
    # torch.distributed.launch passes this argument; torchrun sets the variable LOCAL_RANK.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def set_local_rank(args: argparse.Namespace) -> None:
    """Copy the rank given as an argument to the environment variable that mmengine reads."""
    if 'local_rank' in args:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
