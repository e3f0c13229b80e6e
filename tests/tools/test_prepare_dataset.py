"""``prepare-dataset`` as a command; the content of the tiles is tested with the library."""

import json
import os
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from tiny_isprs import Download, pack

from depthda.preparation.isprs import IsprsSettings, prepare_isprs

TOOL = Path(__file__).parents[2] / 'tools' / 'prepare_dataset.py'


def _contents(root):
    """Return the content of every file below a folder, including hidden files."""
    names = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    return {os.path.relpath(name, root): Path(name).read_bytes() for name in names}


def test_workers_write_the_same_files_and_the_command_describes_them(tmp_path):
    source = Download(tmp_path / 'in').potsdam({'2_10': 1, '6_7': 3, '7_12': 2})
    zips = [pack(folder, tmp_path / f'{folder.name}.zip') for folder in source.iterdir()]
    out = tmp_path / 'out'
    options = '--tile 8 --stride 6 --bands irrg rgb --depth dsm ndsm --dsm-range 90 300'
    command = [sys.executable, TOOL, 'isprs', 'potsdam', *zips, '--out', out, *options.split()]
    result = subprocess.run([*command, '--workers', '2'], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == f'{out}: 48 tiles of 8² pixels from 3 areas'
    assert lines[2] == 'DSM: 90.00 m is depth 0, 300.00 m is depth 1'
    assert sum(int(line.split()[1].replace(',', '')) for line in lines[4:]) == 3 * 21 * 26
    settings = IsprsSettings(
        'potsdam', 8, 6, ('irrg', 'rgb'), depth=('dsm', 'ndsm'), dsm_range=(90.0, 300.0)
    )
    alone = prepare_isprs([source], tmp_path / 'alone', settings)
    assert _contents(out) == _contents(tmp_path / 'alone')
    assert len(_contents(out)) == 5 * 48 + 2  # manifest.json, .lock
    assert json.loads((out / 'manifest.json').read_text()) == alone


@pytest.fixture
def call(run_tool):
    return partial(run_tool, 'prepare_dataset')


def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path, call):
    source = Download(tmp_path / 'in').potsdam({'2_10': 1})
    code, out, err = call('isprs', 'potsdam', source, '--out', tmp_path / 'out')
    (text,) = [line for line in err.splitlines() if line.strip()]
    assert (code, out.strip()) == (2, '')
    assert text.startswith('error: ') and text.endswith('choose a smaller --tile')
    # Labels and depth can be left out.
    options = '--labels none --depth --nearest-colour --tile 8'
    code, _, err = call('isprs', 'potsdam', source, '--out', tmp_path / 'out', *options.split())
    assert code == 2 and '--nearest-colour needs --labels full' in err


ROOT = TOOL.parents[1]
PAGES = ['README.md', 'docs/loveda.md', 'docs/isprs.md', 'configs/drdg/README.md']


@pytest.mark.parametrize('page', PAGES)
def test_the_commands_on_the_pages_are_valid(page, tmp_path, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text().replace('\\\n', ' ')
    lines = re.findall(r'^python tools/prepare_dataset.py (\S.*?)(?:  #.*)?$', text, re.MULTILINE)
    assert lines
    for line in lines:
        code, _, err = call(*shlex.split(line))
        assert code == 2 and re.match('error: (there is no |.* does not exist)', err.strip()), err
    for config in re.findall(r'configs/\S+?\.py', text):
        assert '…' in config or (ROOT / config).is_file(), config
