"""The real command; what the tiles hold is tested beside the library."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_isprs import Download

from depthda.datasets.preparation.isprs import Settings, prepare_isprs

TOOL = Path(__file__).parents[2] / 'tools' / 'prepare_dataset.py'


def _run(*args):
    command = [sys.executable, str(TOOL), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def _contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob('*.png')}


def test_workers_write_the_same_and_the_command_says_what_there_is(tmp_path):
    source = Download(tmp_path / 'in').potsdam({'2_10': 1, '7_12': 2})
    out = tmp_path / 'out'
    options = '--tile 8 --stride 6 --bands irrg rgb --depth dsm ndsm --dsm-range 90 300'
    result = _run('isprs', 'potsdam', source, '--out', out, *options.split(), '--workers', 2)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == f'{out}: 32 tiles of 2 areas, each 8²'
    assert lines[2] == 'DSM: 90.00 m is depth 0, 300.00 m is depth 1'
    assert sum(int(line.split()[1].replace(',', '')) for line in lines[4:]) == 2 * 21 * 26
    settings = Settings(
        'potsdam', 8, 6, ('irrg', 'rgb'), depth=('dsm', 'ndsm'), dsm_range=(90.0, 300.0)
    )
    alone = prepare_isprs([source], tmp_path / 'alone', settings)
    assert _contents(out) == _contents(tmp_path / 'alone')
    assert len(_contents(out)) == 5 * 32
    written = json.loads((out / 'manifest.json').read_text())
    assert written == alone | dict(areas=written['areas'])
    assert dict(written['areas']) == alone['areas']


@pytest.fixture
def call(monkeypatch, capsys):
    """The same without a process of its own, which takes seconds to import."""

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['prepare_dataset.py', *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(TOOL), run_name='__main__')
        return stopped.value.code, *capsys.readouterr()

    return run


def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path, call):
    source = Download(tmp_path / 'in').potsdam({'2_10': 1})
    code, out, err = call('isprs', 'potsdam', source, '--out', tmp_path / 'out')
    (said,) = [line for line in err.splitlines() if line.strip()]
    assert (code, out.strip()) == (2, '')
    assert said.startswith('error: ') and said.endswith('choose a smaller --tile')


def test_none_leaves_labels_and_depth_out(tmp_path, call):
    source = Download(tmp_path / 'in').potsdam({'2_10': 1})
    options = '--labels none --depth --nearest-colour --tile 8'
    code, _, err = call('isprs', 'potsdam', source, '--out', tmp_path / 'out', *options.split())
    assert code == 2 and '--nearest-colour is about labels' in err


def test_the_help_has_an_example(call):
    for arguments in (['--help'], ['isprs', '--help']):
        code, out, _ = call(*arguments)
        assert code == 0
        assert 'prepare_dataset.py isprs potsdam Potsdam.zip --out data/potsdam' in out
