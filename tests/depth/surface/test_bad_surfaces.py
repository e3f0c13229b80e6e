"""Surface models that once led to useless maps, and runs that once left files behind."""

import cv2
import numpy as np
import pytest
from tiny_surface import hills, write_surface

from depthda.depth.surface.normalize import SurfaceSettings, map_surfaces
from depthda.depth.surface.report import describe
from depthda.errors import UserError


@pytest.fixture
def dsm(tmp_path):
    for number in range(2):
        write_surface(tmp_path / f'dsm/a{number}.tif', hills(number))
    return tmp_path / 'dsm'


def warnings(source, out, **settings):
    result = map_surfaces([str(source)], out, SurfaceSettings(**settings))
    return [line for line in describe(result, out) if line.startswith('warning')]


def test_no_data_of_a_terrain_model_is_a_warning(tmp_path, dsm):
    for number in range(2):
        write_surface(tmp_path / f'dtm/a{number}.tif', np.full((40, 50), -9999, np.float32))
    assert warnings(dsm, tmp_path / 'out', ground=str(tmp_path / 'dtm')) == [
        'warning: -9999 counts as a height in a0, a1 or in their terrain models: if it means '
        'no-data, run again with --nodata=-9999.0 and another --out'
    ]


@pytest.mark.parametrize('out', ['out', 'deep/er/out'])
def test_a_refused_run_leaves_nothing(tmp_path, dsm, out):
    write_surface(dsm / 'a1.tif', np.full((40, 50), 1 + 1j, np.complex64))
    with pytest.raises(UserError, match='a1.tif has 1 band of complex64'):
        warnings(dsm, tmp_path / out)
    assert [path.name for path in tmp_path.iterdir()] == ['dsm']


def test_a_refused_run_leaves_no_lock_among_other_files(tmp_path, dsm):
    (tmp_path / 'empty').mkdir()
    cv2.imwrite(str(tmp_path / 'x.png'), np.zeros((3, 3), np.uint8))
    with pytest.raises(UserError, match=r'contains other files \(x.png\), but no manifest.json'):
        warnings(dsm, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['dsm', 'empty', 'x.png']
