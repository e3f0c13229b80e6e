import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from depthda import cli
from depthda.cli import Stopped, stopped_by_signals, tool_parser, user_errors
from depthda.errors import UserError


@pytest.mark.parametrize(
    'error, text',
    [
        (UserError('there is no config file x.py.'), 'there is no config file x.py.'),
        (
            MemoryError('Unable to allocate 149. GiB'),
            'there is not enough memory (Unable to allocate 149. GiB): use smaller images or tiles',
        ),
        (
            UserError(
                'Caught UserError in DataLoader worker process 0.\nOriginal Traceback (most recent '
                'call last):\n  File "x.py"\ndepthda.errors.UserError: a.png has 2 bands.\n'
            ),
            'a.png has 2 bands.',
        ),
        *(
            (
                OSError(number, os.strerror(number), file),
                f'{os.strerror(number)} while writing{end}',
            )
            for number, file, end in (
                (errno.EIO, None, ': check the disk and run again'),
                (errno.EROFS, None, ': check the disk and run again'),
                (errno.ESTALE, '/run/iter_4.pth', ' /run/iter_4.pth: check the disk and run again'),
            )
        ),
    ],
)
def test_a_mistake_or_a_disk_that_fails_is_one_line_and_status_2(capsys, error, text):
    with pytest.raises(SystemExit) as stopped, user_errors():
        raise error
    assert (stopped.value.code, capsys.readouterr().err) == (2, f'error: {text}\n')


def test_a_full_disk_is_one_line_wherever_it_occurs(capfd):
    with pytest.raises(SystemExit) as stopped, user_errors(), open('/dev/full', 'w') as file:
        file.write('x')
    message = 'error: No space left on device while writing: free some disk space and run again\n'
    assert (stopped.value.code, capfd.readouterr().err) == (2, message)
    with pytest.raises(FileNotFoundError), user_errors(), open('/nowhere/x'):
        pass


def test_a_path_that_cannot_be_used_is_one_line(capsys, tmp_path):
    (tmp_path / 'file').touch()
    long = 'x' * 300
    for path, reason in ((tmp_path / 'file/a', 'Not a directory'), (long, 'File name too long')):
        with pytest.raises(SystemExit) as stopped, user_errors(), open(path, 'w'):
            pass
        message = f'{path} cannot be read or written ({reason}): name another file or folder'
        assert (stopped.value.code, capsys.readouterr().err) == (2, f'error: {message}\n')


# Without a file, an error of permission may be anything.
@pytest.mark.parametrize('bug', [KeyError('x'), PermissionError(13, 'Permission denied')])
def test_a_bug_keeps_its_traceback(bug):
    with pytest.raises(type(bug)), user_errors():
        raise bug


@pytest.fixture
def handlers():
    """Restore the signal handlers after the test."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('number, status', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_wait_with_its_status_and_one_line(capsys, handlers, number, status):
    with pytest.raises(SystemExit) as stopped, user_errors(), stopped_by_signals():
        try:
            os.kill(os.getpid(), number)
            time.sleep(60)
        except Stopped as interrupt:
            interrupt.args = ('interrupted at 4',)
            os.kill(os.getpid(), number)  # an impatient second one changes nothing
            raise
    assert (stopped.value.code, capsys.readouterr().err) == (status, 'interrupted at 4\n')


def test_an_interrupt_replaced_by_another_exception_is_reported(capsys, handlers):
    with pytest.raises(SystemExit) as stopped, user_errors(), stopped_by_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException:
            raise SyntaxError('a library catches everything') from None
    assert (stopped.value.code, capsys.readouterr().err) == (143, 'interrupted\n')


def test_the_signal_handlers_are_restored(handlers):
    with pytest.raises(KeyError), stopped_by_signals():
        raise KeyError
    with stopped_by_signals():
        pass
    assert {number: signal.getsignal(number) for number in handlers} == handlers


def test_nothing_is_printed_after_the_error():
    script = (
        'import atexit, depthda.cli as cli\n'
        'from depthda.errors import UserError\n'
        'atexit.register(print, "goodbye of a library")\n'
        'with cli.user_errors():\n'
        '    print("line of a log")\n'
        '    raise UserError("x is missing.")\n'
    )
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    done = subprocess.run([sys.executable, '-c', script], **pipes)
    assert (done.returncode, done.stdout) == (2, 'line of a log\nerror: x is missing.\n')


@pytest.fixture
def parser():
    return tool_parser('python tools/x.py', 'What it does.', '%(prog)s A')


def test_help_ends_with_the_example_and_shows_the_defaults_of_options(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(['--help'])
    assert capsys.readouterr().out.rstrip().endswith('example:\n  python tools/x.py A')
    parser.add_argument('--number', type=int, default=0, help='how many')
    parser.add_argument('--names', nargs='+', default=['a', 'b'], help='of what')
    parser.add_argument('--size', type=int, default=3, help='side (default: as given)')
    parser.add_argument('--fast', action='store_true', help='skip a part')
    parser.add_argument('--out', help='folder')
    lines = [line.strip() for line in parser.format_help().splitlines()]
    assert 'show this help message and exit' in [line.split('  ')[-1] for line in lines]
    shown = ('how many (default: 0)', 'of what (default: a b)', 'side (default: as given)')
    for text in (*shown, 'skip a part', 'folder'):
        assert any(line.endswith(f'  {text}') or line == text for line in lines), (text, lines)


def test_a_range_is_a_tuple_and_two_numbers(parser):
    cli.add_range(parser, '--range', 'values that count', dest='values')
    assert parser.parse_args([]).values is None
    assert parser.parse_args(['--range', '-1', '2.5']).values == (-1.0, 2.5)
    with pytest.raises(SystemExit):
        parser.parse_args(['--range', '1'])


@pytest.mark.parametrize(
    'option, fault', [('lr', 'write KEY=VALUE'), ('=3', 'write KEY=VALUE'), ('a=(1,2', 'bracket')]
)
def test_an_option_without_key_or_value_is_a_usage_error(parser, capsys, option, fault):
    cli.add_cfg_options(parser)
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(['--cfg-options', 'lr=1', option])
    assert stopped.value.code == 2 and fault in capsys.readouterr().err
    assert parser.parse_args(['--cfg-options', 'a=(1,2)']).cfg_options == {'a': (1, 2)}
