"""Depth folders whose files or options do not match are refused."""

import numpy as np
import pytest
from refusals import refusal
from tiny_scenes import Scenes, write

from depthda.preparation.folder import prepare_folder
from depthda.preparation.report import describe_folder as describe

RNG = np.random.default_rng(0)
CODES = RNG.integers(1, 65536, (8, 8), np.uint16)


def prepare(root, depths, report=lambda line: None, **cut):
    """Prepare an image for each of the ``depths``, which are given by file name."""
    for name, depth in depths.items():
        write(root / f'rgb/{name.split(".")[0]}.png', RNG.integers(0, 255, (8, 8), np.uint8))
        write(root / f'dsm/{name}', depth)
    files = dict(labels=None, image_suffix=None, depth_suffix=None)
    cut = dict(classes=None, tile=None, stride=None) | cut
    settings = Scenes(root, ()).settings(**files, cut=cut)
    return prepare_folder(root / 'out', settings, report=report)


def heights(low, high):
    return RNG.uniform(low, high, (8, 8)).astype(np.float32)


@pytest.mark.parametrize(
    ('depths', 'cut', 'fault'),
    [
        *(
            (
                {'a.png': CODES},
                option,
                '--depth-range and --warp-depth only apply to heights in TIFFs, but {dsm} contains '
                'PNG depth maps, which are copied unchanged: remove the option',
            )
            for option in (dict(depth_range=(0.0, 30.0)), dict(warp=True))
        ),
        (
            {'a.png': CODES, 'b.tif': heights(0, 9)},
            {},
            '{dsm}/a.png is a depth map and {dsm}/b.tif contains heights, but the two have no '
            'common scale: use one kind only (depthda normalize-dsm converts heights to depth '
            'maps)',
        ),
        (
            {'a.tif': heights(0, 9).astype(np.complex64)},
            {},
            '{dsm}/a.tif contains complex numbers: save heights as float32',
        ),
    ],
)
def test_files_and_options_that_do_not_match_are_refused(tmp_path, depths, cut, fault):
    assert refusal(prepare, tmp_path, depths, **cut) == fault.format(dsm=tmp_path / 'dsm')
    assert not (tmp_path / 'out').exists()


def test_heights_in_two_units_get_a_warning(tmp_path):
    lines = []
    files = {'a.tif': heights(10, 30), 'b.tif': heights(10_000, 30_000)}
    manifest = prepare(tmp_path, files, lines.append)
    low, high = manifest['settings']['depth_range']
    assert lines == [
        'warning: the heights in 1 of 2 files (a.tif) span less than 1% of the range of all '
        f'heights, {low:g} to {high:g}: check that all files use the same unit'
    ]
    lines.clear()
    prepare(tmp_path / 'alike', {'a.tif': heights(10, 30), 'b.tif': heights(90, 95)}, lines.append)
    assert lines == []


def test_maps_without_any_depth_get_a_warning(tmp_path):
    none = np.zeros((8, 8), np.uint16)
    manifest = prepare(tmp_path, {'a.png': none, 'b.png': none})
    warning = 'warning: no pixel has a depth value (all are 0): check the depth maps'
    assert warning in describe(manifest, '')
