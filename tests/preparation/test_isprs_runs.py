"""Runs that continue an earlier one, or must not, and settings that are refused."""

import os
import shutil

import numpy as np
import pytest
from isprs_cases import ALL_PRODUCTS, TILE, prepare
from prepared_files import every_file, pictures
from tiny_isprs import HEIGHT, WIDTH, write_tif

from depthda.depth.maps import write_codes
from depthda.errors import UserError
from depthda.io.lock import locked


def test_only_what_is_missing_or_changed_is_cut(potsdam, download, tmp_path):
    def cut(**settings):
        steps = []
        run = dict(progress=lambda *step: steps.append(step))
        prepare(potsdam, tmp_path / 'out', run=run, **settings)
        return [total for stage, done, total in steps if stage == 'areas'][0]

    labels = tmp_path / 'out/labels'
    assert [cut(), cut(), cut(depth=('ndsm',)), cut(depth=('ndsm',))] == [3, 0, 3, 0]
    before = {path.name: path.stat().st_mtime_ns for path in labels.iterdir()}
    assert cut(bands=('irrg', 'rgb')) == 3
    assert before == {path.name: path.stat().st_mtime_ns for path in labels.iterdir()}
    (labels / '6_7_0_0_8_8.png').unlink()
    assert [cut(), cut()] == [1, 0]
    with_alpha = np.dstack([download.colours(1), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    write_tif(potsdam / '5_Labels_all/top_potsdam_2_10_label.tif', with_alpha)
    rdepth = tmp_path / 'out/rdepth/model/2_10_0_0_8_8.png'
    write_codes(rdepth, np.ones((8, 8), np.uint16))
    before = pictures(tmp_path / 'out')
    message = (
        r'labels of area 2_10 from top_potsdam_2_10_label.tif, which has changed since: .* remove '
        r'labels \(12 files\)$'
    )
    with pytest.raises(UserError, match=message):
        cut()
    assert pictures(tmp_path / 'out') == before
    lines = []
    replacing = dict(replace=True, report=lines.append)
    prepare(potsdam, tmp_path / 'out', run=replacing)
    assert lines == [f'removed from {tmp_path / "out"}: labels (12 files)'] and rdepth.exists()
    # With another image, its depth maps go, too.
    photo = potsdam / '3_Ortho_IRRG/top_potsdam_2_10_IRRG.tif'
    photo.write_bytes(photo.read_bytes() + bytes(8))
    prepare(potsdam, tmp_path / 'out', run=replacing)
    assert lines[1].endswith('changed images: rdepth/model (1 file)') and not rdepth.exists()
    assert cut() == 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(tile=7), 'contains tiles with tile 8, but this run uses 7'),
        (dict(stride=4), 'contains tiles with stride 8, but this run uses 4'),
        (dict(labels='no-boundary'), 'tiles with labels "full", but this run uses "no-boundary"'),
        (dict(dsm_range=(99.0, 300.0)), r'tiles span 100.0 to 385.0 m, .* --dsm-range 100.0 385'),
    ],
)
def test_other_tiles_are_not_mixed_in(potsdam, tmp_path, change, message):
    for path in (potsdam / '5_Labels_all').iterdir():
        target = potsdam / f'noBoundary/{path.stem}_noBoundary.tif'
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    prepare(potsdam, tmp_path / 'out')
    before = pictures(tmp_path / 'out')
    with pytest.raises(UserError, match=message):
        prepare(potsdam, tmp_path / 'out', **change)
    assert pictures(tmp_path / 'out') == before


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(stride=9), '--stride 9 does not fit --tile 8: use a stride from 1 to 8'),
        (dict(bands=('rgb',), dataset='vaihingen'), 'vaihingen has no orthophoto rgb: it has irrg'),
        (dict(bands=()), 'potsdam needs an orthophoto: use irrg or rgb'),
        (dict(areas=('1_1',)), 'potsdam has no area 1_1: it has 2_10, 2_11'),
        (dict(areas=('2_10', '2_11')), r'has no IRRG orthophoto for 1 of 2 areas \(2_11\): add'),
        (dict(dsm_range=(3.0, 3.0)), '--dsm-range 3 3 is not a range'),
        (dict(dsm_range=(3.0, 4.0), depth=()), '--dsm-range needs --depth dsm: '),
        (dict(labels=None, nearest_colour=True), '--nearest-colour needs --labels full'),
        (dict(labels='no-boundary'), r'no label of Potsdam: expected .*_label_noBoundary.tif in'),
        (dict(dataset='vaihingen'), r'no orthophoto of Vaihingen: expected .*area\*.tif in a'),
    ],
)
def test_mistakes_are_explained_and_write_nothing(potsdam, tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        prepare(potsdam, tmp_path / 'out', **settings)
    assert not (tmp_path / 'out').exists()


def test_a_run_that_cut_nothing_does_not_bind_later_runs_to_its_settings(potsdam, tmp_path):
    with pytest.raises(UserError, match='choose a smaller --tile'):
        prepare(potsdam, tmp_path / 'out', tile=500)
    assert not (tmp_path / 'out').exists()
    prepare(potsdam, tmp_path / 'out')
    with pytest.raises(UserError, match='contains tiles with tile'):
        prepare(potsdam, tmp_path / 'out', tile=TILE - 1)


def test_the_manifest_does_not_depend_on_the_order_of_runs(potsdam, tmp_path):
    prepare(potsdam, tmp_path / 'once', **ALL_PRODUCTS)
    moved = tmp_path / 'elsewhere'
    shutil.copytree(potsdam, moved)
    prepare(moved, tmp_path / 'several-runs', areas=('6_7',), depth=('ndsm',))
    prepare(moved, tmp_path / 'several-runs', areas=('3_13', '2_10'), depth=('ndsm',))
    prepare(moved, tmp_path / 'several-runs', bands=('rgb',), labels=None, depth=('dsm',))
    assert every_file(tmp_path / 'several-runs') == every_file(tmp_path / 'once')


def test_two_runs_do_not_write_into_one_folder(potsdam, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    with locked(out), pytest.raises(UserError, match='another process is writing to'):
        prepare(potsdam, out)
    assert os.listdir(out) == ['.lock']
    prepare(potsdam, out)
