import numpy as np
import pytest
from tiny_surface import hills, write_surface

from depthda.depth.surface.normalize import SurfaceSettings, map_surfaces
from depthda.depth.surface.report import describe


@pytest.fixture
def report(tmp_path):
    """Return a function that maps surface models, given by name, and returns the run's report."""

    def run(surfaces, nodata=None, terrain=None, **settings):
        for name, heights in surfaces.items():
            write_surface(tmp_path / f'dsm/{name}.tif', heights, nodata=nodata)
        for name, heights in (terrain or {}).items():
            write_surface(tmp_path / f'dtm/{name}.tif', heights, nodata=nodata)
            settings['ground'] = str(tmp_path / 'dtm')
        out = tmp_path / f'out{len(list(tmp_path.iterdir()))}'
        result = map_surfaces([str(tmp_path / 'dsm')], out, SurfaceSettings(**settings))
        return describe(result, 'there', settings.get('fill', False))

    return run


@pytest.mark.parametrize('fill', [False, True])
def test_every_line(report, fill):
    surfaces = {name: hills(seed, (30, 50)) for seed, name in enumerate('abc')}
    surfaces |= {'flat': np.full((30, 50), 110, np.float32), 'unexpected': hills(7)}
    surfaces['a'][:4, :9] = -9999
    surfaces['unexpected'][:2] = -32767
    pixels, known = 8000, 8000 - 36
    low = sum((heights < 100).sum() for heights in surfaces.values()) - 36
    high = sum((heights > 120).sum() for heights in surfaces.values())
    assert low == 100 and high > 50
    now = 'with the nearest height' if fill else 'without depth'
    assert report(surfaces, -9999, value_range=(100, 120), fill=fill) == [
        'there: 5 depth maps, 5 of them written by this run',
        'range: 100.00 is depth 0 and 120.00 is depth 1',
        f'no height: {3600 / pixels:.2f} % of all pixels, in 1 file (now {now})',
        f'clipped: {100 * low / known:.2f} % of the heights were below the range and '
        f'{100 * high / known:.2f} % above it',
        'without relief: flat',
        'warning: -32767 counts as a height in unexpected: if it means no-data, run again with '
        '--nodata=-32767.0 and another --out',
    ]


@pytest.mark.parametrize(
    'surfaces, flat',
    [
        ({'0': np.full((3, 4), 7, np.float32)}, '1 of 1 maps (0)'),
        # Metres and millimetres.
        ({'m': hills(0), 'mm': hills(1) * 1000}, '1 of 2 maps (m)'),
    ],
)
def test_many_flat_maps_are_a_warning(report, surfaces, flat):
    assert (
        f'warning: the heights in {flat} span less than 1 % of the range: check that all files use '
        'the same unit'
    ) in report(surfaces)


def test_a_window_larger_than_a_surface_model_is_a_warning(report):
    sizes = {'large': (60, 60), 'low': (20, 60), 'narrow': (60, 20)}
    surfaces = {name: hills(0, size) for name, size in sizes.items()}
    assert report(surfaces, ground='opening', window_pixels=21)[-1] == (
        'warning: the window is larger than the raster in low, narrow, so hills are subtracted as '
        'well: use a smaller window, or larger rasters'
    )
    lines = report(surfaces, ground='opening', window_pixels=19)
    assert not any('window' in line for line in lines)


def test_swapped_surface_and_terrain_models_are_a_warning(report):
    terrain = {'a': hills(0), 'b': hills(1)}
    surfaces = {name: heights + 1 for name, heights in terrain.items()}
    for heights in surfaces.values():
        heights[:15] -= 1.1  # as noise does; 15 of 40 rows
    swapped = report(terrain, terrain=surfaces)
    assert swapped[-1] == (
        'warning: 62 % of the heights are below the ground: are the surface models and the terrain '
        'models swapped?'
    )
    assert not any('swapped' in line for line in report(surfaces, terrain=terrain))


def test_flat_maps_above_terrain_models_may_be_swapped(report):
    surfaces = {'a': hills(0)}
    assert (
        'warning: the heights in 1 of 1 maps (a) span less than 1 % of the range: check that all '
        'files use the same unit, and that the surface models and the terrain models are not '
        'swapped'
    ) in report(surfaces, terrain={'a': surfaces['a'] + 3})
