"""What is in the tiles of Potsdam and Vaihingen, and in the manifest."""

import json
import shutil

import numpy as np
import pytest
import rasterio
from isprs_cases import ALL_PRODUCTS, AREAS, prepare, tiles
from prepared_files import pictures, read
from rasterio import Affine
from tiny_isprs import (
    COLOURS,
    HEIGHT,
    WIDTH,
    Download,
    height_at,
    image_at,
    label_at,
    rgbir_at,
    write_tif,
)

from depthda.datasets.class_list import ClassList
from depthda.errors import UserError
from depthda.preparation.cut import LabelRows
from depthda.preparation.report import describe_isprs
from depthda.preparation.scene import starts


@pytest.mark.parametrize(
    ('length', 'tile', 'stride', 'expected'),
    [
        (6000, 896, 896, [0, 896, 1792, 2688, 3584, 4480, 5104]),
        (1024, 512, 512, [0, 512]),
        (512, 512, 512, [0]),
        (513, 512, 256, [0, 1]),
        (1000, 512, 256, [0, 256, 488]),
        (511, 512, 512, []),
    ],
)
def test_the_last_tile_ends_with_the_image(length, tile, stride, expected):
    assert starts(length, tile, stride) == expected


def test_image_label_and_heights_are_at_the_position_in_the_name(potsdam, tmp_path):
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
    assert all(folder_names == names[0] for folder_names in names) and len(names[0]) == 3 * 3 * 4
    assert '3_13_18_13_26_21.png' in names[0]  # moved back to end with the image


def test_the_stride_and_the_default_tiles(potsdam, tmp_path):
    prepare(potsdam, tmp_path / 'out', stride=5, areas=('2_10',))
    lefts = {int(x[0, 0]) for _, _, x, _ in tiles(tmp_path / 'out', 'images_irrg')}
    assert lefts == {0, 5, 10, 15, 18}
    for dataset, side in (('potsdam', 896), ('vaihingen', 512)):
        with pytest.raises(UserError, match=f'smaller than a tile of {side}'):
            source = potsdam if dataset == 'potsdam' else Download(tmp_path / 'v').vaihingen([1])
            prepare(source, tmp_path / dataset, dataset, tile=None)


def test_the_manifest_counts_each_pixel_once(potsdam, tmp_path):
    manifest = prepare(potsdam, tmp_path / 'out')
    assert json.loads((tmp_path / 'out/manifest.json').read_text()) == manifest
    entry = manifest['areas']['3_13']
    assert (entry['size'], entry['tiles']) == ([WIDTH, HEIGHT], 12)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    counts = np.bincount(label_at(2, y, x).ravel()).tolist()
    assert list(entry['products']['labels']['pixels'].values()) == counts
    assert entry['products']['dsm']['file'] == 'dsm_potsdam_03_13.tif'
    text = '\n'.join(describe_isprs(manifest, 'out'))
    assert 'out: 36 tiles of 8² pixels from 3 areas\nnot included: 35 of 38 areas (2_11, ' in text
    assert '_03_13.tif: 26×20 pixels, from column 0 and row 0 of its image (3_13, 26×21)' in text
    assert text.count('the rest of the image has no depth') == 1
    assert 'DSM: 100.00 m is depth 0, 385.00 m is depth 1' in text


def test_heights_have_one_range_whichever_areas_are_cut(potsdam, tmp_path):
    prepare(potsdam, tmp_path / 'all')
    prepare(potsdam, tmp_path / 'one', areas=('3_13',))
    one, all_ = pictures(tmp_path / 'one'), pictures(tmp_path / 'all')
    assert one and all(content == all_[name] for name, content in one.items())
    manifest = prepare(potsdam, tmp_path / 'fixed', dsm_range=(0.0, 200.0))
    assert manifest['dsm_range'] == dict(metres=[0.0, 200.0], of=None)
    for area, y, x, tile in tiles(tmp_path / 'fixed', 'dsm'):
        if area == '2_10':
            np.testing.assert_allclose(tile / 65535, height_at(1, y, x) / 200, atol=1e-5)
        if area == '6_7':
            assert (tile == 65535).all()  # clipped


def test_a_georeferenced_dsm_is_placed_by_it(download, tmp_path):
    source = download.vaihingen([1, 2])
    # The DSM begins a column left of the image and two lines below its top.
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
def test_a_dsm_of_another_area_or_scale_is_refused(download, tmp_path, transform, message):
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
    with pytest.raises(UserError, match=r'_label.tif has 3 pixels .*, in 2 colours .*\(250, 251'):
        prepare(potsdam, tmp_path / 'out')
    # Nothing of that area was written, and nothing has to be removed.
    assert not any('2_10' in name for name in pictures(tmp_path / 'out'))
    manifest = prepare(potsdam, tmp_path / 'out', nearest_colour=True)
    tile = read(tmp_path / 'out/labels/2_10_0_0_8_8.png')
    assert (tile[0, 0], tile[0, 1]) == (4, 4)
    assert read(tmp_path / 'out/labels/2_10_8_8_16_16.png')[1, 1] == 1
    line = 'top_potsdam_2_10_label.tif: 3 pixels got the class of the nearest colour'
    assert line in describe_isprs(manifest, '')


def test_alpha_of_labels_is_left_out_and_other_labels_are_refused(tmp_path):
    classes = ClassList((), {colour: index for index, colour in enumerate(COLOURS)}, coloured=True)
    picture = np.array([COLOURS], np.uint8)
    write_tif(tmp_path / 'rgba.tif', np.dstack([picture, np.full((1, 7), 255, np.uint8)]))
    with rasterio.open(tmp_path / 'rgba.tif') as raster:
        rows = LabelRows('rgba.tif', raster, classes)
        assert rows(0, 1).tolist() == [[0, 1, 2, 3, 4, 5, 6]] and rows.recoloured == 0
    write_tif(tmp_path / 'index.tif', picture[..., 0])
    with (
        rasterio.open(tmp_path / 'index.tif') as raster,
        pytest.raises(UserError, match='index.tif has 1 band of uint8, but labels in colours'),
    ):
        LabelRows('index.tif', raster, classes)


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
    labels = {(area, *np.unique(tile)) for area, _, _, tile in tiles(tmp_path / 'eroded', 'labels')}
    assert labels == {('2_10', 0), ('3_13', 1), ('6_7', 2)}


def test_colour_bands_are_also_those_of_rgbir(download, tmp_path):
    source = download.potsdam(AREAS, with_rgbir=True)
    prepare(source, tmp_path / 'three', **ALL_PRODUCTS)
    (source / '3_Ortho_IRRG/top_potsdam_3_13_IRRG.tif').unlink()
    manifest = prepare(source, tmp_path / 'mixed', **ALL_PRODUCTS)
    named = [
        manifest['areas'][area]['products']['images_irrg']['file'] for area in ('2_10', '3_13')
    ]
    assert named == ['top_potsdam_2_10_IRRG.tif', 'top_potsdam_3_13_RGBIR.tif']
    for folder in ('2_Ortho_RGB', '3_Ortho_IRRG'):
        shutil.rmtree(source / folder)
    manifest = prepare(source, tmp_path / 'four', **ALL_PRODUCTS)
    files = {entry['products']['images_rgb']['file'] for entry in manifest['areas'].values()}
    assert files == {f'top_potsdam_{area}_RGBIR.tif' for area in AREAS}
    three, mixed, four = (pictures(tmp_path / name) for name in ('three', 'mixed', 'four'))
    assert three == mixed == four
    for area, y, x, tile in tiles(tmp_path / 'four', 'images_irrg'):
        np.testing.assert_array_equal(tile, image_at(AREAS[area], y, x))
