import json
import math

import pytest

from depthda.errors import UserError
from depthda.io.scalars import read_scalars


def write(run, stamp, lines, tail=''):
    path = run / stamp / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines) + tail)
    return path


def test_from_the_first_step_of_a_resumed_run_its_values_count(tmp_path):
    first = [dict(loss=10.0 - s / 10, lr=0.1, iter=s, step=s) for s in (10, 20, 30, 40)]
    again = [dict(loss=1.0 + s, lr=0.1, iter=s, step=s) for s in (25, 35, 45)]
    write(tmp_path, '20260102_000000', again + [dict(mIoU=50.0, step=45)])
    write(tmp_path, '20260101_000000', first)
    curves = read_scalars(tmp_path)
    # Steps 30 and 40 are left out, because the run was resumed from before them.
    assert curves['loss'] == [(10, 9.0), (20, 8.0), (25, 26.0), (35, 36.0), (45, 46.0)]
    assert curves['mIoU'] == [(45, 50.0)]
    assert set(curves) == {'loss', 'lr', 'mIoU'}


def test_a_new_run_in_the_same_folder_replaces_the_old_one(tmp_path):
    write(tmp_path, '20260101_000000', [dict(loss=5.0, step=s) for s in (10, 20, 30)])
    write(tmp_path, '20260102_000000', [dict(loss=4.0, step=10)])
    assert read_scalars(tmp_path) == {'loss': [(10, 4.0)]}


def test_a_half_written_last_line_is_ignored_and_a_broken_one_elsewhere_is_named(tmp_path):
    assert read_scalars(tmp_path) == {}  # of a run without a log
    path = write(tmp_path, '20260101_000000', [dict(loss=math.nan, step=10)], tail='{"loss": 1.')
    (step, value), *rest = read_scalars(tmp_path)['loss']
    assert step == 10 and math.isnan(value) and not rest
    path.write_text(path.read_text() + '\n{"step": 20}\n')
    with pytest.raises(UserError, match=f'line 2 of {path}'):
        read_scalars(tmp_path)
