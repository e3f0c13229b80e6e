import json
import os
import shutil
import zipfile

import cv2
import numpy as np
import pytest
from rasterio import Affine
from tiny_isprs import (
    COLOURS,
    HEIGHT,
    WIDTH,
    Download,
    height_at,
    image_at,
    label_at,
    pack,
    rgbir_at,
    write_tif,
)

from depthda.datasets.isprs import Potsdam, Vaihingen
from depthda.depth.maps import write_codes
from depthda.errors import UserError
from depthda.io.lock import locked
from depthda.preparation import isprs
from depthda.preparation.cutting import read_colours, starts
from depthda.preparation.isprs import IsprsSettings, prepare_isprs
from depthda.preparation.isprs_report import describe

TILE = 8
AREAS = {'2_10': 1, '3_13': 2, '6_7': 3}


@pytest.fixture
def download(tmp_path):
    return Download(tmp_path / 'download')


@pytest.fixture
def potsdam(download):
    """Three areas, the DSM of 3_13 a line short as the official one is."""
    source = download.potsdam(AREAS)
    write_tif(source / '1_DSM/dsm_potsdam_03_13.tif', download.heights(2)[:-1])
    return source


def prepare(source, out, dataset='potsdam', **settings):
    return prepare_isprs([source], out, IsprsSettings(dataset, **dict(tile=TILE) | settings))


def read(path):
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return picture[..., ::-1] if picture.ndim == 3 else picture


def tiles(out, folder):
    """(area, y, x, tile) of every tile, y and x the grid that its name tells."""
    for path in sorted((out / folder).iterdir()):
        area, *box = path.stem.rsplit('_', 4)
        left, top, right, bottom = map(int, box)
        y, x = np.mgrid[top:bottom, left:right]
        yield area, y, x, read(path)


def contents(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob('*.png')}


@pytest.mark.parametrize(
    ('length', 'tile', 'stride', 'places'),
    [
        (6000, 896, 896, [0, 896, 1792, 2688, 3584, 4480, 5104]),
        (1024, 512, 512, [0, 512]),
        (512, 512, 512, [0]),
        (513, 512, 256, [0, 1]),
        (1000, 512, 256, [0, 256, 488]),
        (511, 512, 512, []),
    ],
)
def test_tiles_end_with_the_image(length, tile, stride, places):
    assert starts(length, tile, stride) == places


def test_image_label_and_heights_are_of_the_place_in_the_name(potsdam, tmp_path):
    out = tmp_path / 'out'
    manifest = prepare(potsdam, out, bands=('irrg', 'rgb'), depth=('dsm', 'ndsm'))
    low, high = manifest['dsm_range']['metres']
    assert (low, high) == (100, 300 + WIDTH - 1 + 60)
    for area, y, x, tile in tiles(out, 'images_irrg'):
        np.testing.assert_array_equal(tile, image_at(AREAS[area], y, x))
    for area, y, x, tile in tiles(out, 'images_rgb'):
        np.testing.assert_array_equal(tile, rgbir_at(AREAS[area], y, x)[..., :3])
    for area, y, x, tile in tiles(out, 'labels'):
        expected = label_at(AREAS[area], y, x)
        np.testing.assert_array_equal(tile, np.where(expected == 6, 255, expected))
    for area, y, x, tile in tiles(out, 'dsm'):
        depth = (height_at(AREAS[area], y, x) - low) / (high - low)
        expected = np.maximum(np.rint(depth * 65535), 1)
        if area == '3_13':
            expected[y == HEIGHT - 1] = 0
        np.testing.assert_allclose(tile, expected, atol=0.51)
        assert tile.dtype == np.uint16
    for area, _, x, tile in tiles(out, 'ndsm'):
        expected = (np.where(x < 13, 0, AREAS[area] * 10) + 1) / 256
        np.testing.assert_allclose(tile / 65535, expected, atol=4 / 256)  # a JPEG
        assert (tile > 0).all()
    folders = {'images_irrg', 'images_rgb', 'labels', 'dsm', 'ndsm'}
    names = [{path.name for path in (out / folder).iterdir()} for folder in folders]
    assert all(each == names[0] for each in names) and len(names[0]) == 3 * 3 * 4
    assert '3_13_18_13_26_21.png' in names[0]  # moved back to end with the image


def test_what_is_prepared_is_what_the_data_sets_read(potsdam, download, tmp_path):
    prepare(potsdam, tmp_path / 'p')
    dataset = Potsdam(str(tmp_path / 'p'), areas=list(AREAS))
    assert len(dataset) == 36
    source = Download(tmp_path / 'v-download').vaihingen([2, 38])
    prepare(source, tmp_path / 'v', 'vaihingen', depth=())
    assert len(Vaihingen(str(tmp_path / 'v'), areas=['area2', 'area38'], depth=None)) == 24
    assert not (tmp_path / 'v/dsm').exists()
    for area, y, x, tile in tiles(tmp_path / 'v', 'images_irrg'):
        np.testing.assert_array_equal(tile, image_at(int(area[4:]), y, x))


def test_the_stride_and_the_default_tiles(potsdam, tmp_path):
    prepare(potsdam, tmp_path / 'out', stride=5, areas=('2_10',))
    lefts = {int(x[0, 0]) for _, _, x, _ in tiles(tmp_path / 'out', 'images_irrg')}
    assert lefts == {0, 5, 10, 15, 18}
    for dataset, side in (('potsdam', 896), ('vaihingen', 512)):
        with pytest.raises(UserError, match=f'smaller than a tile of {side}'):
            source = potsdam if dataset == 'potsdam' else Download(tmp_path / 'v').vaihingen([1])
            prepare_isprs([source], tmp_path / dataset, IsprsSettings(dataset))


def test_the_manifest_counts_each_pixel_once(potsdam, tmp_path):
    manifest = prepare(potsdam, tmp_path / 'out')
    assert json.loads((tmp_path / 'out/manifest.json').read_text()) == manifest
    entry = manifest['areas']['3_13']
    assert (entry['size'], entry['tiles']) == ([WIDTH, HEIGHT], 12)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    counts = np.bincount(label_at(2, y, x).ravel()).tolist()
    assert list(entry['products']['labels']['pixels'].values()) == counts
    assert entry['products']['dsm']['file'] == 'dsm_potsdam_03_13.tif'
    told = '\n'.join(describe(manifest, 'out'))
    assert 'out: 36 tiles of 3 areas, each 8²\nwithout 35 of 38 areas: 2_11, ' in told
    assert 'dsm_potsdam_03_13.tif: 26×20 from column 0, row 0 of its image (3_13, 26×21)' in told
    assert told.count('there is no depth') == 1
    assert 'DSM: 100.00 m is depth 0, 385.00 m is depth 1' in told


def test_heights_have_one_range_whichever_areas_are_cut(potsdam, tmp_path):
    prepare(potsdam, tmp_path / 'all')
    prepare(potsdam, tmp_path / 'one', areas=('3_13',))
    one, all_ = contents(tmp_path / 'one'), contents(tmp_path / 'all')
    assert one and all(content == all_[name] for name, content in one.items())
    manifest = prepare(potsdam, tmp_path / 'given', dsm_range=(0.0, 200.0))
    assert manifest['dsm_range'] == dict(metres=[0.0, 200.0], of=None)
    for area, y, x, tile in tiles(tmp_path / 'given', 'dsm'):
        if area == '2_10':
            np.testing.assert_allclose(tile / 65535, height_at(1, y, x) / 200, atol=1e-5)
        if area == '6_7':
            assert (tile == 65535).all()  # clipped


def test_a_georeferenced_dsm_is_placed_by_it(download, tmp_path):
    source = download.vaihingen([1, 2])
    # The whole DSM begins a column left of the image and two lines below its top.
    y, x = np.mgrid[2 : HEIGHT + 1, -1 : WIDTH - 1]
    shifted = Affine(0.09, 0, 1100 - 0.09, 0, -0.09, 5000 - 0.18)
    path = source / 'ISPRS/dsm/dsm_09cm_matching_area1.tif'
    write_tif(path, height_at(1, y, x), shifted)
    manifest = prepare(source, tmp_path / 'out', 'vaihingen', dsm_range=(0.0, 400.0))
    assert manifest['areas']['area1']['products']['dsm']['first'] == [-1, 2]
    for area, y, x, tile in tiles(tmp_path / 'out', 'dsm'):
        expected = height_at(int(area[4:]), y, x) / 400
        if area == 'area1':
            expected[(y < 2) | (x == WIDTH - 1)] = 0
        np.testing.assert_allclose(tile / 65535, expected, atol=1e-5)


@pytest.mark.parametrize(
    ('transform', 'message'),
    [
        (Affine(0.09, 0, 1101, 0, -0.09, 5000), 'from column 11, row 0.*does not cover'),
        (Affine(0.05, 0, 1100, 0, -0.05, 5000), 'have pixels of 0.05×0.05 and 0.09×0.09'),
    ],
)
def test_a_dsm_of_another_place_or_scale_is_refused(download, tmp_path, transform, message):
    source = download.vaihingen([1])
    write_tif(source / 'ISPRS/dsm/dsm_09cm_matching_area1.tif', download.heights(1), transform)
    with pytest.raises(UserError, match=message):
        prepare(source, tmp_path / 'out', 'vaihingen')


def test_no_data_is_no_depth_and_not_in_the_range(potsdam, download, tmp_path):
    heights = download.heights(1)
    heights[3, 4], heights[5, 6] = -9999, np.nan
    write_tif(potsdam / '1_DSM/dsm_potsdam_02_10.tif', heights, nodata=-9999)
    manifest = prepare(potsdam, tmp_path / 'out')
    assert manifest['dsm_range']['metres'][0] == 100
    tile = read(tmp_path / 'out/dsm/2_10_0_0_8_8.png')
    assert set(zip(*np.nonzero(tile == 0), strict=True)) == {(3, 4), (5, 6)}


def test_other_colours_are_an_error_or_the_nearest_class(potsdam, download, tmp_path):
    labels = download.colours(1)
    labels[0, 0], labels[0, 1], labels[9, 9] = (250, 251, 4), (250, 251, 4), (3, 2, 252)
    path = potsdam / '5_Labels_all/top_potsdam_2_10_label.tif'
    write_tif(path, labels)
    with pytest.raises(
        UserError, match=r'_2_10_label.tif has 3 pixels of no class, in 2 colours .*\(250, 251'
    ):
        prepare(potsdam, tmp_path / 'out')
    # Nothing of that area was written, and nothing has to be removed.
    assert not any('2_10' in name for name in contents(tmp_path / 'out'))
    manifest = prepare(potsdam, tmp_path / 'out', nearest_colour=True)
    tile = read(tmp_path / 'out/labels/2_10_0_0_8_8.png')
    assert (tile[0, 0], tile[0, 1]) == (4, 4)
    assert read(tmp_path / 'out/labels/2_10_8_8_16_16.png')[1, 1] == 1
    assert 'top_potsdam_2_10_label.tif: 3 pixels got the nearest colour' in describe(manifest, '')


def test_alpha_of_labels_is_left_out_and_other_labels_are_refused(tmp_path):
    colours = {colour: index for index, colour in enumerate(COLOURS)}
    picture = np.array([COLOURS], np.uint8)
    write_tif(tmp_path / 'rgba.tif', np.dstack([picture, np.full((1, 7), 255, np.uint8)]))
    labels, odd = read_colours(tmp_path / 'rgba.tif', colours)
    assert labels.tolist() == [[0, 1, 2, 3, 4, 5, 6]] and odd == 0
    write_tif(tmp_path / 'index.tif', labels)
    with pytest.raises(UserError, match='index.tif has 1 bands of uint8: a label picture has red'):
        read_colours(tmp_path / 'index.tif', colours)


def test_an_interrupted_run_is_ended_by_the_next(potsdam, tmp_path, monkeypatch):
    out, whole = tmp_path / 'out', tmp_path / 'whole'
    prepare(potsdam, whole)
    written = []

    def break_off(path, picture):
        if len(written) == 40:  # in the second area: 12 places of 2 such files
            raise KeyboardInterrupt
        written.append(path)
        return write(path, picture)

    write = isprs.cut_area.__globals__['write_image']
    monkeypatch.setitem(isprs.cut_area.__globals__, 'write_image', break_off)
    with pytest.raises(KeyboardInterrupt):
        prepare(potsdam, out)
    assert not (out / 'manifest.json').exists()
    unfinished = json.loads((out / 'manifest.unfinished.json').read_text())
    assert list(unfinished['areas']) == ['2_10']
    assert len(Potsdam(str(out), areas=['2_10'], depth=None, labels=False)) == 12
    assert {path.name[:5] for path in out.glob('*/*')} == {'2_10_'}
    # A killed one would leave some.
    (out / 'images_irrg/6_7_0_0_8_8.png').write_bytes(b'')
    with pytest.raises(UserError, match=r'has 1 tile of area 6_7 .*unfinished.json lists 0: run'):
        Potsdam(str(out), areas=['6_7'], depth=None, labels=False)
    monkeypatch.setitem(isprs.cut_area.__globals__, 'write_image', write)
    first = out / 'labels/2_10_0_0_8_8.png'
    before = first.stat().st_mtime_ns
    steps = []
    prepare_isprs(
        [potsdam], out, IsprsSettings('potsdam', TILE), 1, lambda *step: steps.append(step)
    )
    assert steps == [('areas', 0, 2), ('areas', 1, 2), ('areas', 2, 2)]  # heights are known
    assert first.stat().st_mtime_ns == before
    assert contents(out) == contents(whole)
    assert [path.name for path in out.rglob('.*')] == ['.lock']


def test_only_what_is_missing_or_changed_is_cut(potsdam, download, tmp_path):
    def cut(**settings):
        steps = []
        prepare_isprs(
            [potsdam], tmp_path / 'out', IsprsSettings('potsdam', TILE, **settings), 1,
            lambda *step: steps.append(step),
        )  # fmt: skip
        return [total for stage, done, total in steps if stage == 'areas'][0]

    labels = tmp_path / 'out/labels'
    assert [cut(), cut(), cut(depth=('ndsm',)), cut(depth=('ndsm',))] == [3, 0, 3, 0]
    before = {path.name: path.stat().st_mtime_ns for path in labels.iterdir()}
    assert cut(bands=('irrg', 'rgb')) == 3
    assert before == {path.name: path.stat().st_mtime_ns for path in labels.iterdir()}
    (labels / '6_7_0_0_8_8.png').unlink()
    assert [cut(), cut()] == [1, 0]
    longer = np.dstack([download.colours(1), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    write_tif(potsdam / '5_Labels_all/top_potsdam_2_10_label.tif', longer)
    rdepth = tmp_path / 'out/rdepth/model/2_10_0_0_8_8.png'
    write_codes(rdepth, np.ones((8, 8), np.uint16))
    before = contents(tmp_path / 'out')
    sentence = (
        r'labels of area 2_10 from top_potsdam_2_10_label.tif, .* removes labels \(12 files\)$'
    )
    with pytest.raises(UserError, match=sentence):
        cut()
    assert contents(tmp_path / 'out') == before
    lines = []
    kept = IsprsSettings('potsdam', TILE)
    prepare_isprs([potsdam], tmp_path / 'out', kept, replace=True, report=lines.append)
    assert lines == [f'removed from {tmp_path / "out"}: labels (12 files)'] and rdepth.exists()
    # With another image, its depth maps go, too.
    photo = potsdam / '3_Ortho_IRRG/top_potsdam_2_10_IRRG.tif'
    photo.write_bytes(photo.read_bytes() + bytes(8))
    prepare_isprs([potsdam], tmp_path / 'out', kept, replace=True, report=lines.append)
    assert lines[1].endswith('change: rdepth/model (1 file)') and not rdepth.exists()
    assert cut() == 0


def test_an_orthophoto_of_an_unknown_area_is_reported(potsdam, tmp_path):
    folder = potsdam / '3_Ortho_IRRG'
    shutil.copy(folder / 'top_potsdam_2_10_IRRG.tif', folder / 'top_potsdam_9_9_IRRG.tif')
    with pytest.raises(UserError, match=r'9_9_IRRG.tif is of the unknown area 9_9: Potsdam has'):
        prepare(potsdam, tmp_path / 'out')
    with pytest.raises(UserError, match='potsdam has no area 9_9: name them as 2_10'):
        prepare(potsdam, tmp_path / 'out', areas=('9_9',))
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(tile=7), 'holds tiles with tile 8, and 7 is asked for'),
        (dict(stride=4), 'holds tiles with stride 8, and 4 is asked for'),
        (dict(labels='no-boundary'), 'holds tiles with labels full, and no-boundary'),
        (
            dict(dsm_range=(99.0, 300.0)),
            r'go from 100.0 to 385.0 m, .* --dsm-range 100.0 385.0, or',
        ),
    ],
)
def test_other_tiles_are_not_mixed_in(potsdam, tmp_path, change, message):
    for path in (potsdam / '5_Labels_all').iterdir():
        target = potsdam / f'noBoundary/{path.stem}_noBoundary.tif'
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    prepare(potsdam, tmp_path / 'out')
    before = contents(tmp_path / 'out')
    with pytest.raises(UserError, match=message):
        prepare(potsdam, tmp_path / 'out', **change)
    assert contents(tmp_path / 'out') == before


def test_labels_without_boundary_and_the_complete_folder(potsdam, tmp_path):
    eroded = potsdam / '5_Labels_all_noBoundary'
    # The folder for participants holds fewer areas, and other labels.
    fewer = potsdam / '5_Labels_for_participants'
    for number, area in enumerate(AREAS):
        picture = np.full((HEIGHT, WIDTH, 3), COLOURS[number], np.uint8)
        write_tif(eroded / f'top_potsdam_{area}_label_noBoundary.tif', picture)
    write_tif(fewer / 'top_potsdam_2_10_label.tif', picture)
    prepare(potsdam, tmp_path / 'full', depth=())
    for area, y, x, tile in tiles(tmp_path / 'full', 'labels'):
        expected = label_at(AREAS[area], y, x)
        np.testing.assert_array_equal(tile, np.where(expected == 6, 255, expected))
    prepare(potsdam, tmp_path / 'eroded', depth=(), labels='no-boundary')
    found = {(area, *np.unique(tile)) for area, _, _, tile in tiles(tmp_path / 'eroded', 'labels')}
    assert found == {('2_10', 0), ('3_13', 1), ('6_7', 2)}


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(stride=9), 'tiles of 8 every 9 pixels: the stride has to be between 1 and the tile'),
        (dict(bands=('rgb',), dataset='vaihingen'), 'vaihingen has no bands rgb: use irrg'),
        (dict(areas=('1_1',)), 'potsdam has no area 1_1: name them as 2_10'),
        (dict(areas=('2_10', '2_11')), r'1 of 2 areas without IRRG orthophoto .*\(2_11\)'),
        (dict(dsm_range=(3.0, 3.0)), 'the DSM range 3 to 3 is none'),
        (dict(dsm_range=(3.0, 4.0), depth=()), 'no DSM asked for'),
        (dict(labels=None, nearest_colour=True), '--nearest-colour is about labels'),
        (dict(labels='no-boundary'), r'no label of Potsdam: looked for .*_label_noBoundary.tif in'),
        (dict(dataset='vaihingen'), r'no orthophoto of Vaihingen: looked for .*area\*.tif in a'),
    ],
)
def test_mistakes_are_sentences_and_write_nothing(potsdam, tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        prepare(potsdam, tmp_path / 'out', **settings)
    assert not (tmp_path / 'out').exists()


def test_files_that_do_not_fit_are_named(potsdam, download, tmp_path):
    label = potsdam / '5_Labels_all/top_potsdam_6_7_label.tif'
    write_tif(label, download.colours(3)[1:])
    with pytest.raises(UserError, match=r'6_7_label.tif is 26×20 and \S*6_7_IRRG.tif 26×21'):
        prepare(potsdam, tmp_path / 'out')
    label.write_bytes(b'broken')
    with pytest.raises(UserError, match=r'6_7_label.tif cannot be read'):
        prepare(potsdam, tmp_path / 'out')
    label.unlink()
    with pytest.raises(UserError, match=r'1 of 3 areas without label in \S+ \(6_7\)'):
        prepare(potsdam, tmp_path / 'out')
    photo = potsdam / '3_Ortho_IRRG/top_potsdam_6_7_IRRG.tif'
    write_tif(photo, download.heights(3))
    with pytest.raises(UserError, match=r'6_7_IRRG.tif has 1 bands of float32: an orthoph'):
        prepare(potsdam, tmp_path / 'out', labels=None)


def test_a_folder_of_something_else_is_left_alone(potsdam, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/mine.txt').touch()
    with pytest.raises(UserError, match='out holds something else already'):
        prepare(potsdam, tmp_path / 'out')
    assert os.listdir(tmp_path / 'out') == ['mine.txt']
    (tmp_path / 'out/mine.txt').rename(tmp_path / 'out/manifest.json')
    (tmp_path / 'out/manifest.json').write_text('{"settings": {}, "scenes": {}}')
    (tmp_path / 'out/labels').mkdir()
    with pytest.raises(UserError, match='out holds something else already'):
        prepare(potsdam, tmp_path / 'out')
    (tmp_path / 'out/mine.txt').touch()
    with pytest.raises(UserError, match='mine.txt is a file: name a folder'):
        prepare(potsdam, tmp_path / 'out/mine.txt')
    with pytest.raises(UserError, match=r'there is no \S+nowhere: give the zips'):
        prepare(tmp_path / 'nowhere', tmp_path / 'new')


def test_a_run_that_cut_nothing_binds_nobody(potsdam, tmp_path):
    with pytest.raises(UserError, match='choose a smaller --tile'):
        prepare(potsdam, tmp_path / 'out', tile=500)
    assert not (tmp_path / 'out').exists()
    prepare(potsdam, tmp_path / 'out')
    with pytest.raises(UserError, match='holds tiles with tile'):
        prepare(potsdam, tmp_path / 'out', tile=TILE - 1)


def zipped(source, target, compression=zipfile.ZIP_DEFLATED):
    """Each folder of the download as a zip, as the owners give it."""
    for folder in sorted(source.iterdir()):
        pack(folder, target / f'{folder.name}.zip', compression)
    return target


def whole(out):
    """Every file, hidden ones too."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob('*')
        if path.is_file()
    }


EVERYTHING = dict(bands=('irrg', 'rgb'), depth=('dsm', 'ndsm'), tile=TILE)


def test_zips_and_folders_give_the_same_bytes(potsdam, tmp_path):
    settings = IsprsSettings('potsdam', **EVERYTHING)
    prepare_isprs([potsdam], tmp_path / 'a', settings)
    wanted = whole(tmp_path / 'a')
    zips = zipped(potsdam, tmp_path / 'zips')
    outer = pack(zips, tmp_path / 'Potsdam.zip', zipfile.ZIP_STORED)
    # Some still packed, some not.
    mixed = tmp_path / 'mixed'
    shutil.copytree(potsdam / '1_DSM', mixed / '1_DSM')
    for path in zips.iterdir():
        if path.stem != '1_DSM':
            (mixed / 'below').mkdir(exist_ok=True)
            shutil.copy(path, mixed / 'below')
    for number, sources in enumerate(
        [[zips], sorted(zips.iterdir()), [outer], [mixed], [potsdam / '1_DSM', zips]]
    ):
        prepare_isprs(sources, tmp_path / f'{number}', settings)
        assert whole(tmp_path / f'{number}') == wanted, sources


def test_what_is_packed_twice_is_told(potsdam, tmp_path):
    zips = zipped(potsdam, tmp_path / 'zips')
    outer = pack(zips, tmp_path / 'Potsdam.zip')
    with pytest.raises(
        UserError, match=r'found 5 \.zip \(\S+/Potsdam.zip/zips/1_DSM.zip is packed'
    ):
        prepare(outer, tmp_path / 'out')
    with pytest.raises(UserError, match=r'no DSM of .*1_DSM.zip is packed twice: unpack the outer'):
        prepare_isprs(
            [outer, potsdam / '3_Ortho_IRRG', potsdam / '5_Labels_all'],
            tmp_path / 'out',
            IsprsSettings('potsdam', TILE),
        )
    assert not (tmp_path / 'out').exists()


def test_the_unpacked_file_counts(potsdam, download, tmp_path):
    """And of one area alone: what is in the zip and nowhere else is taken from there."""
    pack(potsdam / '5_Labels_all', potsdam / '5_Labels_all.zip')
    shutil.rmtree(potsdam / '5_Labels_all')
    picture = np.full((HEIGHT, WIDTH, 3), COLOURS[4], np.uint8)
    write_tif(potsdam / 'mended/top_potsdam_2_10_label.tif', picture)
    prepare(potsdam, tmp_path / 'out', depth=())
    for area, y, x, tile in tiles(tmp_path / 'out', 'labels'):
        expected = label_at(AREAS[area], y, x)
        expected = np.where(expected == 6, 255, expected)
        np.testing.assert_array_equal(tile, 4 if area == '2_10' else expected)


def test_a_world_file_in_the_zip_counts(download, tmp_path):
    source = download.potsdam({'2_10': 1})
    worlds = {
        source / '3_Ortho_IRRG/top_potsdam_2_10_IRRG.tfw': (1000, 5000),
        source / '1_DSM/dsm_potsdam_02_10.tfw': (1000 + 3 * 0.05, 5000 - 2 * 0.05),
    }
    for path, (x, y) in worlds.items():
        path.write_text(f'0.05\n0\n0\n-0.05\n{x + 0.025}\n{y - 0.025}\n')
    zips = zipped(source, tmp_path / 'zips')
    manifest = prepare(zips, tmp_path / 'out', dsm_range=(0.0, 400.0))
    assert manifest['areas']['2_10']['products']['dsm']['first'] == [3, 2]
    for _, y, x, tile in tiles(tmp_path / 'out', 'dsm'):
        expected = np.where((y < 2) | (x < 3), 0, height_at(1, y - 2, x - 3) / 400)
        np.testing.assert_allclose(tile / 65535, expected, atol=1e-5)


def test_colour_bands_are_also_those_of_rgbir(download, tmp_path):
    source = download.potsdam(AREAS, with_rgbir=True)
    settings = IsprsSettings('potsdam', **EVERYTHING)
    prepare_isprs([source], tmp_path / 'three', settings)
    (source / '3_Ortho_IRRG/top_potsdam_3_13_IRRG.tif').unlink()
    manifest = prepare_isprs([source], tmp_path / 'mixed', settings)
    named = [
        manifest['areas'][area]['products']['images_irrg']['file'] for area in ('2_10', '3_13')
    ]
    assert named == ['top_potsdam_2_10_IRRG.tif', 'top_potsdam_3_13_RGBIR.tif']
    for folder in ('2_Ortho_RGB', '3_Ortho_IRRG'):
        shutil.rmtree(source / folder)
    manifest = prepare_isprs([source], tmp_path / 'four', settings)
    files = {entry['products']['images_rgb']['file'] for entry in manifest['areas'].values()}
    assert files == {f'top_potsdam_{area}_RGBIR.tif' for area in AREAS}
    assert (
        contents(tmp_path / 'three') == contents(tmp_path / 'mixed') == contents(tmp_path / 'four')
    )
    for area, y, x, tile in tiles(tmp_path / 'four', 'images_irrg'):
        np.testing.assert_array_equal(tile, image_at(AREAS[area], y, x))


def test_a_rgbir_of_three_bands_is_refused(download, tmp_path):
    source = download.potsdam({'2_10': 1}, with_rgbir=True)
    shutil.rmtree(source / '3_Ortho_IRRG')
    write_tif(source / '4_Ortho_RGBIR/top_potsdam_2_10_RGBIR.tif', download.colours(1))
    with pytest.raises(UserError, match=r'RGBIR.tif has 3 bands .* of RGBIR has four of 8 bits'):
        prepare(source, tmp_path / 'out')
    shutil.rmtree(source / '4_Ortho_RGBIR')
    with pytest.raises(UserError, match=r'\*_\*_IRRG.tif or top_potsdam_\*_\*_RGBIR.tif in any'):
        prepare(source, tmp_path / 'out')


def test_broken_content_of_a_zip_is_told_and_not_cut(potsdam, tmp_path):
    """GDAL reads a member whose checksum is wrong and says nothing."""
    zips = zipped(potsdam, tmp_path / 'zips', zipfile.ZIP_STORED)
    with zipfile.ZipFile(zips / '3_Ortho_IRRG.zip') as archive:
        info = archive.getinfo('3_Ortho_IRRG/top_potsdam_3_13_IRRG.tif')
    content = bytearray((zips / '3_Ortho_IRRG.zip').read_bytes())
    content[info.header_offset + 30 + len(info.filename) + info.file_size - 9] ^= 1
    (zips / '3_Ortho_IRRG.zip').write_bytes(content)
    with pytest.raises(UserError, match=r'3_13_IRRG.tif in \S+IRRG.zip is broken .*: download'):
        prepare(zips, tmp_path / 'out')
    assert not any('3_13' in name for name in contents(tmp_path / 'out'))


@pytest.mark.parametrize('kept', [0.2, 0.6, 0.95])
@pytest.mark.parametrize('pattern', ['3_Ortho_IRRG/*_6_7_*', '1_DSM/*06_07*', '5_*/*_6_7_*'])
def test_a_file_that_was_cut_short_is_named(download, tmp_path, pattern, kept):
    """Before it was packed: its checksum is right."""
    source = Download(tmp_path / 'large', 300, 300).potsdam({'2_10': 1, '6_7': 2})
    (path,) = source.glob(pattern)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    zips = zipped(source, tmp_path / 'zips')
    for number, given in enumerate((source, zips)):
        with pytest.raises(UserError, match=rf'{path.name} cannot be read .*unpack it again'):
            prepare(given, tmp_path / f'{number}', tile=100)


def test_an_unsafe_zip_is_refused_before_anything_is_written(potsdam, tmp_path):
    zips = zipped(potsdam, tmp_path / 'zips')
    with zipfile.ZipFile(zips / '2_Ortho_RGB.zip', 'a') as archive:
        archive.writestr('../../outside.tif', b'')
    with pytest.raises(UserError, match=r'2_Ortho_RGB.zip is not safe to unpack'):
        prepare(zips, tmp_path / 'out')
    assert not (tmp_path / 'out').exists() and not list(tmp_path.rglob('outside.tif'))


def test_the_manifest_tells_nothing_of_when_and_in_which_order(potsdam, tmp_path):
    settings = IsprsSettings('potsdam', **EVERYTHING)
    prepare_isprs([potsdam], tmp_path / 'once', settings)
    moved = tmp_path / 'elsewhere'
    shutil.copytree(potsdam, moved)
    given = dict(tile=TILE, dsm_range=None)
    prepare(moved, tmp_path / 'bits', areas=('6_7',), depth=('ndsm',), **given)
    prepare(moved, tmp_path / 'bits', areas=('3_13', '2_10'), depth=('ndsm',), **given)
    prepare(moved, tmp_path / 'bits', bands=('rgb',), labels=None, depth=('dsm',), **given)
    assert whole(tmp_path / 'bits') == whole(tmp_path / 'once')


def test_other_libraries_layouts(tmp_path):
    """Zips without a folder inside, beside what was unpacked of them, and areas of 2²."""
    small = Download(tmp_path / 'vaihingen', 2, 2).vaihingen([1, 38])
    shutil.move(small / 'ISPRS/top', small / 'top')
    for path in (small / 'ISPRS/gts').iterdir():
        shutil.move(path, small)
    with zipfile.ZipFile(small / 'ground_truth_COMPLETE.zip', 'w') as archive:
        for path in sorted(small.glob('*.tif')):
            archive.write(path, path.name)
    pack(small / 'top', small / 'images.zip')
    settings = IsprsSettings('vaihingen', tile=2, depth=())
    prepare_isprs([small], tmp_path / 'both', settings)
    prepare_isprs(sorted(small.glob('*.zip')), tmp_path / 'zips', settings)
    assert whole(tmp_path / 'both') == whole(tmp_path / 'zips')
    y, x = np.mgrid[:2, :2]
    label = read(tmp_path / 'zips/labels/area38_0_0_2_2.png')
    expected = label_at(38, y, x)
    np.testing.assert_array_equal(label, np.where(expected == 6, 255, expected))
    assert len(contents(tmp_path / 'zips')) == 4


def test_two_runs_do_not_write_into_one_folder(potsdam, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    with locked(out), pytest.raises(UserError, match='another process is writing to'):
        prepare(potsdam, out)
    assert os.listdir(out) == ['.lock']
    prepare(potsdam, out)
