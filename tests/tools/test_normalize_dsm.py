"""The real command, also when it is killed; tests/depth checks the content of the maps."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from tiny_surface import hills, write_surface

from depthda.depth.maps import read_depth

TOOL = Path(__file__).parents[2] / 'tools' / 'normalize_dsm.py'


@pytest.fixture
def call(run_tool):
    return partial(run_tool, 'normalize_dsm')


@pytest.fixture
def surfaces(tmp_path):
    for index in range(30):
        write_surface(tmp_path / f'dsm/{index % 3}/{index}.tif', hills(index, (160, 160)))
    return tmp_path / 'dsm'


def contents(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob('*') if path.is_file()}


def test_a_killed_run_is_completed_with_the_same_bytes(surfaces, tmp_path, call):
    options = '--ground opening --window 15 --range 0 9 --workers 2'.split()
    assert call(surfaces, '--out', tmp_path / 'clean', *options)[0] == 0
    out = tmp_path / 'out'
    process = subprocess.Popen([sys.executable, TOOL, surfaces, '--out', out, *options])
    while len(list(out.rglob('[0-9]*.pgw'))) < 4 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    # A map counts as done once its world file, which is written last, is there too.
    finished = sum(path.with_suffix('.pgw').is_file() for path in out.rglob('[0-9]*.png'))
    assert 4 <= finished < 30
    code, text, _ = call(surfaces, '--out', out, *options)
    assert code == 0 and f'30 depth maps, {30 - finished} of them made now' in text
    assert contents(out) == contents(tmp_path / 'clean')


def test_every_option_has_its_effect(surfaces, tmp_path, call):
    folder, out = surfaces / '0', tmp_path / 'out'
    code, text, err = call(
        *(folder, '--out', out, '--range', -3, 30, '--nodata', -9999, 105),
        *('--ground', 'opening', '--window-pixels', 31, '--fill', '--workers', 1),
    )
    assert code == 0, err
    assert 'range: -3.00 is depth 0 and 30.00 is depth 1\n' in text
    manifest = json.loads((out / 'manifest.json').read_text())
    ground = dict(ground='opening', window=None, window_pixels=31)
    assert manifest['settings'] == dict(nodata=[-9999.0, 105.0], fill=True, **ground)
    # Height 0 is a tenth of the range.
    assert read_depth(out / '0.png').min() == pytest.approx(3 / 33, abs=1e-4)


@pytest.mark.parametrize(
    'options, message',
    [
        ('--ground opening', 'larger than the largest building'),
        ('--range 0 3 --percentiles 0 1', 'not allowed with'),
        ('--ground terrain', 'there is no folder terrain of terrain models'),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(surfaces, tmp_path, call, options, message):
    code, out, err = call(surfaces, '--out', tmp_path / 'out', *options.split())
    assert (code, out) == (2, '') and message in err.strip().splitlines()[-1]
    assert not (tmp_path / 'out').exists()
