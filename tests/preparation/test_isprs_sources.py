"""Downloads of Potsdam and Vaihingen: zips, folders, and broken or missing files."""

import shutil
import zipfile

import numpy as np
import pytest
from isprs_cases import ALL_PRODUCTS, AREAS, prepare, tiles, zipped
from prepared_files import every_file, pictures
from tiny_isprs import COLOURS, HEIGHT, WIDTH, Download, height_at, label_at, pack, write_tif

from depthda.errors import UserError


def test_an_orthophoto_of_an_unknown_area_is_reported(potsdam, tmp_path):
    folder = potsdam / '3_Ortho_IRRG'
    shutil.copy(folder / 'top_potsdam_2_10_IRRG.tif', folder / 'top_potsdam_9_9_IRRG.tif')
    with pytest.raises(UserError, match='9_9_IRRG.tif belongs to the unknown area 9_9: rename'):
        prepare(potsdam, tmp_path / 'out')
    with pytest.raises(UserError, match='potsdam has no area 9_9: it has 2_10, 2_11'):
        prepare(potsdam, tmp_path / 'out', areas=('9_9',))
    assert not (tmp_path / 'out').exists()


def test_the_error_names_a_file_that_does_not_fit_its_area(potsdam, download, tmp_path):
    label = potsdam / '5_Labels_all/top_potsdam_6_7_label.tif'
    write_tif(label, download.colours(3)[1:])
    with pytest.raises(UserError, match=r'7_label.tif and \S*7_IRRG.tif have .* sizes, 26×20 '):
        prepare(potsdam, tmp_path / 'out')
    label.write_bytes(b'broken')
    with pytest.raises(UserError, match=r'6_7_label.tif cannot be read'):
        prepare(potsdam, tmp_path / 'out')
    label.unlink()
    with pytest.raises(UserError, match=r'has no label for 1 of 3 areas \(6_7\): add'):
        prepare(potsdam, tmp_path / 'out')
    photo = potsdam / '3_Ortho_IRRG/top_potsdam_6_7_IRRG.tif'
    write_tif(photo, download.heights(3))
    with pytest.raises(UserError, match=r'6_7_IRRG.tif has 1 band of float32, but an IRRG '):
        prepare(potsdam, tmp_path / 'out', labels=None)


def test_zips_and_folders_have_the_same_bytes(potsdam, tmp_path):
    prepare(potsdam, tmp_path / 'a', **ALL_PRODUCTS)
    expected = every_file(tmp_path / 'a')
    zips = zipped(potsdam, tmp_path / 'zips')
    outer = pack(zips, tmp_path / 'Potsdam.zip', zipfile.ZIP_STORED)
    # One folder is unpacked, the others are still zips in a folder of their own.
    mixed = tmp_path / 'mixed'
    shutil.copytree(potsdam / '1_DSM', mixed / '1_DSM')
    for path in zips.iterdir():
        if path.stem != '1_DSM':
            (mixed / 'zips').mkdir(exist_ok=True)
            shutil.copy(path, mixed / 'zips')
    cases = [zips], sorted(zips.iterdir()), [outer], [mixed], [potsdam / '1_DSM', zips]
    for number, sources in enumerate(cases):
        prepare(sources, tmp_path / f'{number}', **ALL_PRODUCTS)
        assert every_file(tmp_path / f'{number}') == expected, sources


def test_zips_inside_a_zip_are_refused_if_they_are_in_a_folder_of_it(potsdam, tmp_path):
    zips = zipped(potsdam, tmp_path / 'zips')
    outer = pack(zips, tmp_path / 'Potsdam.zip')
    with pytest.raises(UserError, match=r'found 5 \.zip \(\S+/Potsdam.zip/zips/1_DSM.zip is zip'):
        prepare(outer, tmp_path / 'out')
    with pytest.raises(UserError, match=r'no DSM of .*1_DSM.zip is zipped twice: unpack the outer'):
        prepare([outer, potsdam / '3_Ortho_IRRG', potsdam / '5_Labels_all'], tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_an_unpacked_label_replaces_the_one_in_the_zip_for_its_area_only(
    potsdam, download, tmp_path
):
    pack(potsdam / '5_Labels_all', potsdam / '5_Labels_all.zip')
    shutil.rmtree(potsdam / '5_Labels_all')
    picture = np.full((HEIGHT, WIDTH, 3), COLOURS[4], np.uint8)
    write_tif(potsdam / 'corrected/top_potsdam_2_10_label.tif', picture)
    prepare(potsdam, tmp_path / 'out', depth=())
    for area, y, x, tile in tiles(tmp_path / 'out', 'labels'):
        expected = label_at(AREAS[area], y, x)
        expected = np.where(expected == 6, 255, expected)
        np.testing.assert_array_equal(tile, 4 if area == '2_10' else expected)


def test_a_world_file_in_the_zip_is_used(download, tmp_path):
    source = download.potsdam({'2_10': 1})
    world_files = {
        source / '3_Ortho_IRRG/top_potsdam_2_10_IRRG.tfw': (1000, 5000),
        source / '1_DSM/dsm_potsdam_02_10.tfw': (1000 + 3 * 0.05, 5000 - 2 * 0.05),
    }
    for path, (x, y) in world_files.items():
        path.write_text(f'0.05\n0\n0\n-0.05\n{x + 0.025}\n{y - 0.025}\n')
    zips = zipped(source, tmp_path / 'zips')
    manifest = prepare(zips, tmp_path / 'out', dsm_range=(0.0, 400.0))
    # The DSM begins 3 pixels to the right of the orthophoto and 2 below it.
    assert manifest['areas']['2_10']['products']['dsm']['first'] == [3, 2]
    for _, y, x, tile in tiles(tmp_path / 'out', 'dsm'):
        expected = np.where((y < 2) | (x < 3), 0, height_at(1, y - 2, x - 3) / 400)
        np.testing.assert_allclose(tile / 65535, expected, atol=1e-5)


def test_an_rgbir_orthophoto_with_three_bands_is_refused(download, tmp_path):
    source = download.potsdam({'2_10': 1}, with_rgbir=True)
    shutil.rmtree(source / '3_Ortho_IRRG')
    write_tif(source / '4_Ortho_RGBIR/top_potsdam_2_10_RGBIR.tif', download.colours(1))
    with pytest.raises(UserError, match=r'RGBIR.tif has 3 bands .* has four 8-bit bands'):
        prepare(source, tmp_path / 'out')
    shutil.rmtree(source / '4_Ortho_RGBIR')
    with pytest.raises(UserError, match=r'\*_\*_IRRG.tif or top_potsdam_\*_\*_RGBIR.tif in any'):
        prepare(source, tmp_path / 'out')


def test_broken_content_of_a_zip_is_refused(potsdam, tmp_path):
    """GDAL would read a member whose checksum is wrong without an error."""
    zips = zipped(potsdam, tmp_path / 'zips', zipfile.ZIP_STORED)
    with zipfile.ZipFile(zips / '3_Ortho_IRRG.zip') as archive:
        info = archive.getinfo('3_Ortho_IRRG/top_potsdam_3_13_IRRG.tif')
    content = bytearray((zips / '3_Ortho_IRRG.zip').read_bytes())
    # Flip one bit near the end of the member: its content follows a header of 30 bytes and a name.
    content[info.header_offset + 30 + len(info.filename) + info.file_size - 9] ^= 1
    (zips / '3_Ortho_IRRG.zip').write_bytes(content)
    with pytest.raises(UserError, match=r'3_13_IRRG.tif in \S+IRRG.zip is broken .*: download'):
        prepare(zips, tmp_path / 'out')
    assert not any('3_13' in name for name in pictures(tmp_path / 'out'))


@pytest.mark.parametrize('kept', [0.2, 0.6, 0.95])
@pytest.mark.parametrize('pattern', ['3_Ortho_IRRG/*_6_7_*', '1_DSM/*06_07*', '5_*/*_6_7_*'])
def test_the_error_names_a_truncated_file(download, tmp_path, pattern, kept):
    """The file is truncated before it is packed, so the checksum in the zip is right."""
    source = Download(tmp_path / 'large', 300, 300).potsdam({'2_10': 1, '6_7': 2})
    (path,) = source.glob(pattern)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    zips = zipped(source, tmp_path / 'zips')
    for number, folder in enumerate((source, zips)):
        with pytest.raises(UserError, match=rf'{path.name} cannot be read .*unpack it again'):
            prepare(folder, tmp_path / f'{number}', tile=100)
