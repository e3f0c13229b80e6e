"""Some messages are printed; others are written only to the log file."""

import io
import sysconfig
import types
import warnings

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger, print_log

from depthda.console import quiet, quiet_console, runner_class, show, warn, wide_console

# Source of a module that logs in different ways.
CODE = """
def info(logger): logger.info('library info')
def warning(logger): logger.warning('library warning')
def error(logger): logger.error('library error')
def printed(logger): print_log('library printed', 'current')
def python(logger): warnings.warn('library python warning')
def after_train_iter(logger): logger.info('Iter(train) [1/2]  base_lr: 1.0e-03 lr: 1.0e-03  eta: 1')
"""


def call(function: str, file: str, logger: MMLogger) -> None:
    module = types.ModuleType('library')
    module.warnings, module.print_log = warnings, print_log
    exec(compile(CODE, file, 'exec'), module.__dict__)
    getattr(module, function)(logger)


@pytest.fixture
def log(tmp_path, capsys, request):
    """Make a quiet logger, and a function that returns what it printed and wrote to its file."""

    def make():
        # The test calls this, because pytest closes the stream that a fixture sees.
        logger = MMLogger.get_instance(request.node.name, log_file=str(tmp_path / 'run.log'))
        quiet(logger)
        return logger, lambda: (capsys.readouterr().out, (tmp_path / 'run.log').read_text())

    return make


def test_the_width_of_tables_with_and_without_a_terminal(monkeypatch):
    monkeypatch.delenv('COLUMNS', raising=False)
    assert wide_console(file=io.StringIO()).width == 160
    monkeypatch.setenv('COLUMNS', '90')
    assert wide_console(file=io.StringIO()).width == 90
    assert wide_console(file=io.StringIO(), force_terminal=True, width=70).width == 70


SITE = sysconfig.get_path('purelib')


@pytest.mark.parametrize(
    'function, file, shown',
    [
        *((name, f'{SITE}/mmseg/models/x.py', '') for name in ('info', 'warning', 'printed')),
        ('python', f'{SITE}/torch/x.py', ''),
        ('error', f'{SITE}/mmseg/models/x.py', 'error: library error\n'),
        # Messages of a user's own code are printed.
        ('info', '/home/user/my_hook.py', 'library info\n'),
        ('printed', '/home/user/my_hook.py', 'library printed\n'),
        ('python', '/home/user/my_hook.py', 'library python warning\n'),
        ('after_train_iter', f'{SITE}/mmengine/hooks/logger_hook.py', '[1/2]  lr: 1.0e-03  eta: 1'),
    ],
)
def test_messages_of_libraries_are_only_in_the_file(log, function, file, shown):
    logger, read = log()
    with quiet_console():
        call(function, file, logger)
    out, text = read()
    assert shown in out if shown else out == ''
    assert 'library' in text or 'base_lr: 1.0e-03' in text  # the file contains all messages


def test_shown_lines_are_plain_and_warnings_have_a_prefix_and_python_warnings_are_restored(log):
    _, read = log()
    show('two\nlines')
    warn('something looks wrong')
    out, text = read()
    assert out == 'two\nlines\nwarning: something looks wrong\n'
    assert 'WARNING - something looks wrong' in text
    before = warnings.showwarning
    with pytest.raises(KeyError), quiet_console():
        raise KeyError
    assert warnings.showwarning is before


@pytest.mark.parametrize('level, quiet_now', [('INFO', True), ('DEBUG', False)])
def test_the_log_level_debug_shows_all_messages(tmp_path, capsys, level, quiet_now):
    class Stub(runner_class(Config())):
        def __init__(self) -> None:
            self._log_dir, self._timestamp = str(tmp_path), f'now-{level}'
            self._experiment_name = f'run-{level}'

    call('info', f'{SITE}/mmseg/x.py', Stub().build_logger(log_level=level))
    assert ('library info' in capsys.readouterr().out) != quiet_now
