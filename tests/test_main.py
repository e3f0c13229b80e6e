"""The console command: its lists, the names that it accepts, and the imports of its help."""

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


def test_every_tool_is_a_command(capsys):
    names = {path.stem.replace('_', '-') for path in TOOLS}
    longer = {'make-sample': 'sample', 'estimate-depth': 'depth', 'make-submission': 'submission'}
    assert {longer.get(name, name) for name in names} == {*COMMANDS} - {
        'audit',
        'configs',
        'weights',
    }
    # A command also has the names of its tool.
    for name in ('sample', 'make-sample', 'make_sample'):
        with pytest.raises(SystemExit):
            main([name, '--help'])
        assert capsys.readouterr().out.startswith('usage: depthda sample ')


def test_an_unknown_command_or_a_missing_table_is_one_line_with_a_suggestion(capsys):
    assert main(['trian']) == 2
    assert capsys.readouterr().err == "error: there is no command 'trian': did you mean 'train'?\n"
    with pytest.raises(SystemExit) as stopped:
        main(['run-experiments'])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith('error: name a table, such as configs/tables/')


NAMES = [
    f'{folder}upernet_tiny_u2r{suffix}'
    for folder in ('', 'sample/', 'configs/sample/')
    for suffix in ('', '.py')
]


@pytest.mark.parametrize('name', [*NAMES, 'configs/sample/classes.txt'])
def test_a_config_or_list_is_found_by_name_unless_such_a_file_exists(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = 'classes.txt' if name.endswith('.txt') else 'upernet_tiny_u2r.py'
    assert find_config(name) == config_folder() / 'sample' / file
    own = tmp_path / name
    own.parent.mkdir(parents=True, exist_ok=True)
    own.touch()
    assert find_config(name) == Path(name)
    # A name without a config is not changed; .5 is not a suffix.
    for other in ('sample/none', '', '/configs/sample/upernet_tiny_u2r', 'sample/a_1.5'):
        assert find_config(other) == Path(other)


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
    assert main(['configs', 'configs/sample/upernet_tiny_u2r-server.py']) == 0
    with pytest.raises(SystemExit):
        main(['configs', 'no-such-word'])
    error = capsys.readouterr().err
    assert 'error: no config has no-such-word in its name: use fewer words.' in error


@pytest.mark.parametrize('arguments', ['configs', '--help'])
def test_a_closed_pipe_is_not_an_error(arguments):
    command = f'{sys.executable} -m depthda {arguments} | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.count('\n') == 1 and done.stderr == ''


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


def test_one_of_several_processes_runs_exit_functions_but_not_the_shutdown_of_python(tmp_path):
    ends = (
        "import sys; sys.modules['marker'] = type('M', (), {'__del__': lambda s: print('end')})()\n"
    )
    for group, expected in ((GROUP, 'run\nat exit\n'), (GROUP.replace('dist.init', '# '), None)):
        command = [sys.executable, '-c', ends + group, 'configs', str(tmp_path / 'group')]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 3, done.stderr
        assert done.stdout == (expected or 'run\nat exit\nend\n')
