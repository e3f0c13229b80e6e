import pytest

from depthda.cli import tool_parser, user_errors
from depthda.errors import UserError


def test_a_mistake_is_one_line_and_status_2(capsys):
    with pytest.raises(SystemExit) as stopped, user_errors():
        raise UserError('there is no config file x.py.')
    assert stopped.value.code == 2
    assert capsys.readouterr().err == 'error: there is no config file x.py.\n'


def test_a_mistake_found_by_a_worker_is_one_line_too(capsys):
    with pytest.raises(SystemExit), user_errors():
        raise UserError(
            'Caught UserError in DataLoader worker process 0.\nOriginal Traceback (most recent '
            'call last):\n  File "x.py"\ndepthda.errors.UserError: a.png has 2 bands.\n'
        )
    assert capsys.readouterr().err == 'error: a.png has 2 bands.\n'


def test_a_bug_keeps_its_traceback():
    with pytest.raises(KeyError), user_errors():
        raise KeyError('x')


def test_help_ends_with_the_example(capsys):
    parser = tool_parser('What it does.', 'python tools/x.py A')
    with pytest.raises(SystemExit):
        parser.parse_args(['--help'])
    assert capsys.readouterr().out.rstrip().endswith('example:\n  python tools/x.py A')
