"""A whole dataset: its range, and what a second run does after the first one was stopped."""

import fcntl
import json
import re
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
from tiny_surface import hills, write_surface

from depthda.depth.maps import normalize_heights, to_codes
from depthda.depth.surface.folder import MANIFEST
from depthda.depth.surface.ground import ground_below
from depthda.depth.surface.normalize import SurfaceSettings, map_surfaces
from depthda.errors import UserError

NAMES = ['a/0', 'a/1', 'b/2', 'b/3', 'a-4']


@pytest.fixture
def heights():
    """Return five surface models of three types, with some no-data and one outlier."""
    types = (np.float32, np.float64, np.int16)
    surfaces = {name: hills(i, (30 + i, 50), types[i % 3]) for i, name in enumerate(NAMES)}
    surfaces['a/0'][:4, :9] = -9999
    surfaces['b/3'][5, 5] = 5000
    return surfaces


@pytest.fixture
def source(tmp_path, heights):
    for name, values in heights.items():
        write_surface(tmp_path / f'dsm/{name}.tif', values, nodata=-9999)
    return tmp_path / 'dsm'


def contents(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob('*.*')}


def codes(out, name):
    return cv2.imread(str(out / f'{name}.png'), cv2.IMREAD_UNCHANGED)


def run(source, out, workers=1, **settings):
    return map_surfaces([str(source)], out, SurfaceSettings(**settings), workers)


@pytest.mark.parametrize('percentiles', [(0.5, 99.5), (0, 100), (10, 60)])
def test_the_range_comes_from_all_heights(source, heights, tmp_path, percentiles):
    done = run(source, tmp_path / 'out', percentiles=percentiles)
    everything = np.concatenate(
        [values[values != -9999].astype(np.float32) for values in heights.values()]
    )
    expected = np.percentile(everything.astype(np.float64), percentiles)
    np.testing.assert_allclose((done.range['low'], done.range['high']), expected, rtol=1e-12)
    assert list(done.maps) == sorted(NAMES) and done.written == 5
    for name, values in heights.items():
        valid = values != -9999
        depth = normalize_heights(values, valid, expected)
        assert np.abs(codes(tmp_path / 'out', name) - to_codes(depth).astype(int)).max() <= 1
    low = sum((values[values != -9999] < expected[0]).sum() for values in heights.values())
    assert sum(entry['clipped_low'] for entry in done.maps.values()) == low


def test_without_the_ground_the_range_is_of_heights_above_it(source, heights, tmp_path):
    done = run(source, tmp_path / 'out', ground='opening', window=4.5)
    above = []
    for values in heights.values():
        valid = values != -9999
        ground = ground_below(values.astype(np.float32), valid, (4, 4))
        above.append(np.maximum(values.astype(np.float32) - ground, 0)[valid])
    expected = np.percentile(np.concatenate(above).astype(np.float64), (0.5, 99.5))
    np.testing.assert_allclose((done.range['low'], done.range['high']), expected, rtol=1e-9)
    assert done.range['high'] < 10
    assert all(entry['below_ground'] > 0 for entry in done.maps.values())


def test_terrain_models_are_subtracted_and_are_inputs(source, heights, tmp_path):
    for name, values in heights.items():
        write_surface(tmp_path / f'dtm/{name}.tif', (values * 0 + 101).astype(np.float32))
    out, settings = tmp_path / 'out', {'ground': str(tmp_path / 'dtm'), 'value_range': (0, 20)}
    done = run(source, out, **settings)
    for name, values in heights.items():
        valid = values != -9999
        above = np.maximum(values.astype(np.float32) - 101, 0)
        expected = to_codes(normalize_heights(above, valid, (0, 20)))
        np.testing.assert_array_equal(codes(out, name), expected)
    write_surface(tmp_path / 'dtm/a-4.tif', np.full_like(heights['a-4'], 105, np.float32))
    again = run(source, out, **settings)
    assert again.written == 1 and again.maps['a-4']['input'] != done.maps['a-4']['input']
    (tmp_path / 'dtm/a-4.tif').unlink()
    with pytest.raises(UserError, match='a-4.tif has no terrain model in'):
        run(source, tmp_path / 'new', **settings)
    assert not (tmp_path / 'new').exists()


def test_workers_change_nothing(source, tmp_path):
    stages = []
    run(source, tmp_path / 'one', fill=True)
    settings = SurfaceSettings(fill=True)
    map_surfaces([str(source)], tmp_path / 'three', settings, 3, lambda *step: stages.append(step))
    assert contents(tmp_path / 'one') == contents(tmp_path / 'three')
    maps = {f'{name}{end}' for name in NAMES for end in ('.png', '.pgw')}
    # The file of the lock stays; the lock itself is released by the system.
    assert contents(tmp_path / 'one').keys() == maps | {MANIFEST, '.lock'}
    for stage in ('files', 'heights', 'percentiles', 'maps'):
        assert [step[1:] for step in stages if step[0] == stage] == [(i, 5) for i in range(6)]


# One process for all kills, because importing takes seconds; it forks before any thread starts.
KILLS = """
import os, signal, sys
from depthda.depth.surface.normalize import SurfaceSettings, map_surfaces

def run(out, moment):
    rename, count = os.replace, iter(range(1000))
    def replace(*args):
        if next(count) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*args)
    os.replace = replace
    settings = SurfaceSettings(ground='opening', window=4.5, fill=True)
    map_surfaces([sys.argv[1]], out, settings, workers=2)

for moment, out in enumerate(sys.argv[2:]):
    child = os.fork()
    if not child:
        status = 1
        try:
            run(out, moment)
            status = 0
        finally:
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_run_killed_at_any_file_and_started_again_writes_the_same_bytes(source, tmp_path):
    clean, source = tmp_path / 'clean', source / 'a'
    settings = {'ground': 'opening', 'window': 4.5, 'fill': True}
    run(source, clean, **settings)
    # Killed at each renaming: two maps, their world files, the manifest before and after.
    outs = [tmp_path / f'out{moment}' for moment in range(7)]
    command = [sys.executable, '-c', KILLS, source, *outs]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert list(map(int, printed.stdout.split())) == [-signal.SIGKILL] * 6 + [0]
    half_written = 0
    for out in outs:
        half_written += any(path.name.startswith('.') and path.suffix for path in out.rglob('*'))
        run(source, out, **settings)
        assert contents(out) == contents(clean)
    assert half_written == 6


def test_complete_maps_stay_and_others_are_made_again(source, heights, tmp_path):
    out = tmp_path / 'out'
    run(source, out)
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}

    def made():  # since ``times``
        now = {path for path in out.rglob('*.png') if path.stat().st_mtime_ns != times[path]}
        return sorted(path.relative_to(out).as_posix() for path in now)

    assert run(source, out).written == 0 and made() == []
    damaged = out / 'a/1.png'
    damaged.write_bytes(damaged.read_bytes()[:-30])
    (out / 'b/2.pgw').write_text('elsewhere')
    (out / 'a-4.pgw').unlink()
    (out / 'a/0.png').unlink()
    cv2.imwrite(str(out / 'b/3.png'), codes(out, 'b/3'))
    (out / 'a/.1-abcd1234.png').touch()
    assert run(source, out).written == 5 and contents(out) == before
    # Another surface model of the same size in bytes and pixels, with the same range.
    low, high = (json.loads(before[MANIFEST])['range'][end] for end in ('low', 'high'))
    changed = heights['b/2'] + 1
    write_surface(source / 'b/2.tif', changed, nodata=-9999)
    times = {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}
    assert run(source, out, value_range=(low, high)).written == 1 and made() == ['b/2.png']
    expected = to_codes(normalize_heights(changed, changed != -9999, (low, high)))
    np.testing.assert_array_equal(codes(out, 'b/2'), expected)


def test_another_range_is_refused_and_the_advice_works(source, heights, tmp_path):
    out = tmp_path / 'out'
    first = run(source, out)
    write_surface(source / 'new.tif', hills(9) + 50)
    with pytest.raises(UserError, match='set --range .*, or choose another') as refused:
        run(source, out)
    low, high = map(float, re.search(r'--range (\S+) (\S+),', str(refused.value)).groups())
    done = run(source, out, value_range=(low, high))
    assert done.written == 1 and done.range == first.range and len(done.maps) == 6
    with pytest.raises(UserError, match='set --range'):
        run(source, out, value_range=(0, 10))
    # Without maps any range is accepted.
    for path in out.rglob('*.png'):
        path.unlink()
    assert run(source, out).written == 6


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'nodata': (1.0, -5.0)}, r'nodata \[\], but this run uses \[-5.0, 1.0\]'),
        ({'fill': True}, 'fill false, but this run uses true'),
        ({'ground': 'opening', 'window': 9}, 'ground "none", but this run uses "opening"'),
        ({'percentiles': (1, 99)}, r'percentiles \[0.5, 99.5\], but this run uses \[1, 99\]'),
    ],
)
def test_other_settings_are_refused(source, tmp_path, settings, message):
    run(source, tmp_path / 'out')
    before = contents(tmp_path / 'out')
    with pytest.raises(UserError, match=f'{message}.*: choose another folder with --out'):
        run(source, tmp_path / 'out', **settings)
    assert contents(tmp_path / 'out') == before


def test_a_file_and_a_folder_in_use_are_refused(source, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='file is a file'):
        run(source, tmp_path / 'file/out')
    (tmp_path / 'locked').mkdir()
    with open(tmp_path / 'locked/.lock', 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match='another process is writing'):
            run(source, tmp_path / 'locked')


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'percentiles': (99, 1)}, 'percentiles 99 and 1'),
        ({'percentiles': (-1, 50)}, 'percentiles -1 and 50'),
        ({'value_range': (3, 3)}, '--range 3 3 is not a range'),
        ({'window': 9}, 'a window only applies to --ground opening'),
        ({'ground': 'opening'}, 'larger than the largest building'),
        ({'ground': 'opening', 'window': 9, 'window_pixels': 9}, 'needs exactly one window'),
        ({'ground': 'opening', 'window': float('inf')}, '--window inf is not a length'),
        ({'nodata': (float('nan'),)}, 'NaN and infinity'),
        ({'workers': 0}, '--workers 0: use 1 or more'),
    ],
)
def test_invalid_settings_are_refused(source, tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        run(source, tmp_path / 'out', **settings)
    assert not (tmp_path / 'out').exists()


def test_a_dataset_without_heights_or_with_one_height(tmp_path):
    write_surface(tmp_path / 'none/0.tif', np.full((3, 4), -9999, np.float32), nodata=-9999)
    with pytest.raises(UserError, match='no heights were found in 1 surface model, only no-data'):
        run(tmp_path / 'none', tmp_path / 'a')
    write_surface(tmp_path / 'flat/0.tif', np.full((3, 4), 7, np.float32))
    done = run(tmp_path / 'flat', tmp_path / 'b')
    assert done.range['low'] == done.range['high'] == 7 and not done.maps['0']['relief']
    assert (codes(tmp_path / 'b', '0') == 32768).all()
