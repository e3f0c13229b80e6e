import pytest

from depthda.cli import add_run_arguments, tool_parser, user_errors
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


@pytest.mark.parametrize(
    'option, fault', [('lr', 'write KEY=VALUE'), ('=3', 'write KEY=VALUE'), ('a=(1,2', 'bracket')]
)
def test_an_option_without_key_or_value_is_a_usage_error(capsys, option, fault):
    parser = tool_parser('What it does.', 'python tools/x.py A')
    add_run_arguments(parser)
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(['--cfg-options', 'lr=1', option])
    assert stopped.value.code == 2 and fault in capsys.readouterr().err
    assert parser.parse_args(['--cfg-options', 'a=(1,2)']).cfg_options == {'a': (1, 2)}
