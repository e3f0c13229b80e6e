"""The console command ``depthda COMMAND …``; the files in ``tools/`` run the same commands."""

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from depthda.cli import set_local_rank, tool_parser, user_errors
from depthda.version import __version__

# In the order in which a project uses them: data, training, tables, figures.
COMMANDS = (
    'demo', 'configs', 'weights', 'cost',
    'sample', 'prepare-dataset', 'depth', 'normalize-dsm', 'check-dataset', 'browse-dataset',
    'train', 'test', 'predict', 'export', 'translate', 'submission',
    'run-experiments', 'record-score', 'compare', 'audit', 'plot-logs', 'report',
)  # fmt: skip
# Files in tools/ whose names differ from those of their commands.
_COMMAND_OF = {'make-sample': 'sample', 'estimate-depth': 'depth', 'make-submission': 'submission'}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and return the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in ('-h', '--help'):
        return _tolerating_a_closed_pipe(_print_overview)
    if arguments[0] == '--version':
        print(f'depthda {__version__}')
        return 0
    name = _command(arguments[0])
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f'did you mean {near[0]!r}?' if near else 'depthda --help lists the commands.'
        print(f'error: there is no command {arguments[0]!r}: {hint}', file=sys.stderr)
        return 2
    return _run(name, f'depthda {name}', arguments[1:])


def run_tool(file: str) -> None:
    """Run the command of a file in ``tools/`` with the arguments of this process, and exit."""
    path = Path(file)
    _exit(_run(_command(path.stem), f'python tools/{path.name}', sys.argv[1:]))


def run_console() -> None:
    """Run the command that the arguments of this process name, and exit."""
    _exit(main())


def _exit(status: int) -> None:
    """End the process; if it is one of several, skip the shutdown of the interpreter.

    In 2 of 24 runs with two processes, one process had done its work, but ended with SIGABRT during
    the shutdown ("terminate called without an active exception").
    """
    dist = sys.modules.get('torch.distributed')
    if dist is None or not dist.is_available() or not dist.is_initialized():
        sys.exit(status)
    dist.destroy_process_group()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _command(name: str) -> str:
    name = name.replace('_', '-')
    return _COMMAND_OF.get(name, name)


def _module(name: str):
    return import_module(f'depthda.commands.{name.replace("-", "_")}')


def _run(name: str, prog: str, arguments: Sequence[str]) -> int:
    module = _module(name)
    parser = tool_parser(prog, module.__doc__, *module.EXAMPLES)
    module.add_arguments(parser)
    args = parser.parse_args(arguments)
    args.typed = [*prog.split(), *arguments]
    set_local_rank(args)
    with user_errors():
        return _tolerating_a_closed_pipe(lambda: module.run(args))


def _tolerating_a_closed_pipe(call: Callable[[], int | None]) -> int:
    """Call a function that prints; return its status, or 0 if `head`, say, stops reading early."""
    try:
        status = call() or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Avoid an error when the output is flushed at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _print_overview() -> None:
    usage = 'usage: depthda COMMAND …\n'
    about = 'Depth-guided cross-domain semantic segmentation of satellite and aerial images.\n'
    lines = [f'  {name:<17}{_module(name).__doc__.splitlines()[0]}' for name in COMMANDS]
    more = '\ndepthda COMMAND --help describes a command; depthda --version prints the version.'
    print(usage, about, 'commands:', *lines, more, sep='\n')
