"""The console command: its lists, the names it accepts, and what its help imports."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from depthda.config_files import config_folder, described_configs, find_config
from depthda.main import COMMANDS, main

ROOT = Path(__file__).parents[1]
TOOLS = sorted((ROOT / 'tools').glob('*.py'))

# Shows the help of all tools and commands in one process, then prints the heavy libraries imported.
HELP = """
import runpy, sys
from depthda.main import COMMANDS, main

tools, heavy = sys.argv[1:], ('torch', 'mmengine', 'mmcv', 'mmseg', 'transformers', 'numpy', 'rich')
for tool in tools:
    sys.argv = [tool, '--help']
    try:
        runpy.run_path(tool, run_name='__main__')
    except SystemExit as stopped:
        assert stopped.code == 0
    print('=====')
for command in COMMANDS:
    try:
        main([command, '--help'])
    except SystemExit as stopped:
        assert stopped.code == 0
    print('=====')
main([])
print('=====')
print([name for name in heavy if name in sys.modules])
"""


def test_help_has_an_example_and_imports_no_library():
    command = [sys.executable, '-c', HELP, *map(str, TOOLS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *texts, overview, imported = done.stdout.split('=====\n')
    assert imported == '[]\n'
    names = [f'python tools/{path.name}' for path in TOOLS]
    names += [f'depthda {command}' for command in COMMANDS]
    for name, text in zip(names, texts, strict=True):
        assert text.startswith(f'usage: {name} '), name
        assert re.search(rf'\nexample:\n  {re.escape(name)}', text), name
    for command in COMMANDS:
        assert re.search(rf'^  {command} +[A-Z].*\.$', overview, re.MULTILINE), command


def test_every_tool_is_a_command_and_two_commands_have_no_tool():
    names = {path.stem.replace('_', '-') for path in TOOLS}
    longer = {'make-sample': 'sample', 'estimate-depth': 'depth', 'make-submission': 'submission'}
    assert {longer.get(name, name) for name in names} == {*COMMANDS} - {'configs', 'weights'}


def test_a_command_may_be_called_by_the_name_of_its_tool(capsys):
    for name in ('sample', 'make-sample', 'make_sample'):
        with pytest.raises(SystemExit):
            main([name, '--help'])
        assert capsys.readouterr().out.startswith('usage: depthda sample ')


def test_the_message_about_an_unknown_command_suggests_one(capsys):
    assert main(['trian']) == 2
    assert capsys.readouterr().err == "error: there is no command 'trian': did you mean 'train'?\n"


@pytest.mark.parametrize(
    'name',
    [
        'sample/upernet_tiny_u2r',
        'sample/upernet_tiny_u2r.py',
        'configs/sample/upernet_tiny_u2r.py',
        'configs/sample/upernet_tiny_u2r',
        'upernet_tiny_u2r',
        'upernet_tiny_u2r.py',
    ],
)
def test_a_config_is_found_by_its_name_unless_such_a_file_exists(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == config_folder() / 'sample/upernet_tiny_u2r.py'
    own = tmp_path / name
    own.parent.mkdir(parents=True, exist_ok=True)
    own.touch()
    assert find_config(name) == Path(name)


def test_a_list_of_classes_is_found_like_a_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config('configs/sample/classes.txt') == config_folder() / 'sample/classes.txt'


def test_a_name_of_no_config_is_returned_unchanged():
    # In a_1.5, '.5' is not a suffix.
    for name in ('sample/none', '', '/configs/sample/upernet_tiny_u2r', 'sample/a_1.5'):
        assert find_config(name) == Path(name)


def test_configs_lists_every_config_with_its_description(capsys):
    assert main(['configs']) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split('  ')[0] for line in lines]
    assert sorted(names) == sorted(name for name, _ in described_configs())
    for name in names:
        assert find_config(name).is_file()
    assert main(['configs', 'tiny', 'both-domains']) == 0
    line = capsys.readouterr().out
    assert line.startswith('sample/depthda_tiny_u2r-both-domains  DepthDA on the synthetic dataset')
    assert line.count('\n') == 1
    assert main(['configs', 'no-such-word']) == 1


def test_a_closed_output_pipe_is_no_error():
    command = f'{sys.executable} -m depthda configs | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.count('\n') == 1 and done.stderr == ''


def test_run_experiments_without_a_table_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(['run-experiments'])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith('error: name a table, such as configs/tables/')


def test_preparing_data_imports_no_torch():
    """Each worker process imports these modules, which would take time and memory."""
    modules = 'depthda.preparation.folder, depthda.preparation.isprs, depthda.preparation.loveda'
    modules += ', depthda.depth.surface.normalize, depthda.datasets.synthetic.writer'
    script = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True)
    assert done.stdout == 'False\n', done.stderr


GROUP = """
import atexit, sys
import torch.distributed as dist
from depthda import main
from depthda.commands import configs

def run(args):
    dist.init_process_group('gloo', init_method='file://' + sys.argv[2], rank=0, world_size=1)
    atexit.register(print, 'at exit')
    print('run')
    return 3

configs.run = run
main.run_console()
"""


def test_in_a_process_group_only_exit_functions_run_at_the_end(tmp_path):
    marker = "type('M', (), {'__del__': lambda self: print('end')})()"
    for group, end in ((GROUP, ''), (GROUP.replace('dist.init', '# '), 'end\n')):
        script = f"import sys; sys.modules['marker'] = {marker}\n{group}"
        command = [sys.executable, '-c', script, 'configs', str(tmp_path / 'group')]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (3, f'run\nat exit\n{end}'), done.stderr
