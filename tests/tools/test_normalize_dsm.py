"""The command; tests/depth checks the content of the maps, and what a killed run leaves."""

import json
from functools import partial

import pytest
from tiny_surface import hills, write_surface

from depthda.depth.maps import read_depth


@pytest.fixture
def call(run_tool):
    return partial(run_tool, 'normalize_dsm')


@pytest.fixture
def surfaces(tmp_path):
    for index in range(3):
        write_surface(tmp_path / f'dsm/{index}.tif', hills(index))
    return tmp_path / 'dsm'


def test_every_option_has_its_effect(surfaces, tmp_path, call):
    out = tmp_path / 'out'
    code, text, err = call(
        *(surfaces, '--out', out, '--range', -3, 30, '--nodata', -9999, 105),
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
        ('--ground terrain', 'the folder of terrain models terrain does not exist'),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(surfaces, tmp_path, call, options, message):
    code, out, err = call(surfaces, '--out', tmp_path / 'out', *options.split())
    assert (code, out) == (2, '') and message in err.strip().splitlines()[-1]
    assert not (tmp_path / 'out').exists()
