"""Files in folders and zips are found, named and read where they are, or refused if broken."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tiny_isprs import pack, write_tif

from depthda.errors import UserError
from depthda.io.sources import list_files

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
PLACE = '0.05\n0\n0\n-0.05\n1000.025\n4999.975\n'


@pytest.fixture
def photos(tmp_path):
    """Write photos/a.tif and its world file below a folder with a blank and an umlaut."""
    folder = tmp_path / 'in/höhe 1/photos'
    write_tif(folder / 'a.tif', PICTURE)
    (folder / 'a.tfw').write_text(PLACE)
    return folder


def read(file):
    with rasterio.open(file) as raster:
        return raster.transform, np.moveaxis(raster.read(), 0, -1)


def only(files, name='a.tif'):
    (file,) = [file for file in files if file.name == name]
    return file


@pytest.mark.parametrize('inner', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_raster_is_the_same_in_folder_zip_and_zip_in_zip(photos, tmp_path, inner, monkeypatch):
    place, picture = read(photos / 'a.tif')
    assert (place.a, place.c, place.f) == (0.05, 1000, 5000)
    np.testing.assert_array_equal(picture, PICTURE)
    pack(photos, tmp_path / 'zips/dön 2/x.zip', inner)
    pack(tmp_path / 'zips', tmp_path / 'outer.zip', zipfile.ZIP_STORED)
    monkeypatch.chdir(tmp_path)
    for source, folder in [
        (photos, photos),
        ('in', Path('in/höhe 1/photos')),
        ('zips/dön 2/x.zip', Path('zips/dön 2/x/photos')),
        ('zips', Path('zips/dön 2/x/photos')),
        ('outer.zip', Path('outer.zip/zips/dön 2/x/photos')),
    ]:
        file = only(list_files([source]))
        file.check()
        assert (file.folder, file.size) == (folder, (photos / 'a.tif').stat().st_size)
        file_place, pixels = read(file)
        assert file_place == place
        np.testing.assert_array_equal(pixels, PICTURE)
        assert str(source) in str(file)
    assert not any('vsi' in str(file) for file in list_files(['outer.zip', 'zips']))


def test_a_zip_that_is_compressed_in_a_zip_is_not_opened(photos, tmp_path):
    pack(photos, tmp_path / 'zips/x.zip')
    pack(tmp_path / 'zips', tmp_path / 'outer.zip')
    assert [file.name for file in list_files([tmp_path / 'outer.zip'])] == ['x.zip']
    # Neither is a zip in a zip in a zip.
    pack(tmp_path / 'zips', tmp_path / 'second/middle.zip', zipfile.ZIP_STORED)
    pack(tmp_path / 'second', tmp_path / 'third.zip', zipfile.ZIP_STORED)
    assert [file.name for file in list_files([tmp_path / 'third.zip'])] == ['x.zip']


def test_hidden_files_are_left_out_and_the_root_of_a_zip_is_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / 'top.zip', 'w') as archive:
        for name in ('a.tif', '.b', '__MACOSX/._a.tif', '__MACOSX/c', 'd\\e.tif'):
            archive.writestr(name, b'')
    files = list_files([tmp_path / 'top.zip'])
    assert {(file.name, file.folder.name) for file in files} == {('a.tif', 'top'), ('e.tif', 'd')}
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder/.hidden').touch()
    (tmp_path / 'folder/gone').symlink_to('nowhere')
    assert list_files([tmp_path / 'folder']) == []


def test_names_with_backslashes_are_opened(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / 'x.zip', 'w') as archive:
        archive.write(photos / 'a.tif', 'photos\\a.tif')
    file = only(list_files([tmp_path / 'x.zip']))
    file.check()
    np.testing.assert_array_equal(read(file)[1], PICTURE)


@pytest.mark.parametrize('compression', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize('nested', [False, True])
@pytest.mark.parametrize('name', ['a.tif', 'a.tfw'])
def test_broken_content_of_a_raster_or_its_world_file_is_refused(
    photos, tmp_path, compression, nested, name
):
    path = pack(photos, tmp_path / 'zips/x.zip', compression)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f'photos/{name}')
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0x55
    path.write_bytes(content)
    source = path
    if nested:
        source = pack(path.parent, tmp_path / 'outer.zip', zipfile.ZIP_STORED)
    with pytest.raises(UserError, match=rf'photos/{name} in \S+x\.zip is broken .*: download the'):
        only(list_files([source])).check()


def test_every_zip_is_checked(photos, tmp_path):
    pack(photos, tmp_path / 'good/a.zip')
    with zipfile.ZipFile(tmp_path / 'good/b.zip', 'w') as archive:
        archive.writestr('../x', b'')
    with pytest.raises(UserError, match=r"b\.zip is not safe to unpack.*: '\.\./x' points outside"):
        list_files([tmp_path / 'good'])
    outer = pack(tmp_path / 'good', tmp_path / 'outer.zip', zipfile.ZIP_STORED)
    with pytest.raises(UserError, match=r'outer\.zip/good/b\.zip is not safe .*points outside'):
        list_files([outer])
    content = (tmp_path / 'good/a.zip').read_bytes()
    (tmp_path / 'good/b.zip').write_bytes(content[:-200])
    outer = pack(tmp_path / 'good', tmp_path / 'outer.zip', zipfile.ZIP_STORED)
    for source in (tmp_path / 'good', outer):
        with pytest.raises(UserError, match=r'b\.zip is not a complete zip .*: download it again'):
            list_files([source])


def test_mistakes_are_explained(photos, tmp_path):
    with pytest.raises(UserError, match=r'x\.zip does not exist: pass the downloaded zips'):
        list_files([tmp_path / 'x.zip'])
    with pytest.raises(UserError, match=r'a\.tif is neither a zip nor a folder'):
        list_files([photos / 'a.tif'])
    path = pack(photos, tmp_path / 'a{b/x.zip')
    with pytest.raises(UserError, match='has a brace in its path'):
        list_files([path])
    # A download without its suffix is a zip all the same.
    shutil.copy(path, tmp_path / 'download')
    assert only(list_files([tmp_path / 'download'])).member == 'photos/a.tif'


def test_no_file_is_left_open(photos, tmp_path):
    pack(photos, tmp_path / 'zips/x.zip')
    outer = pack(tmp_path / 'zips', tmp_path / 'outer.zip', zipfile.ZIP_STORED)
    before = len(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else None
    if before is None:
        pytest.skip('no /proc')
    files = list_files([outer, tmp_path / 'zips'])
    for file in files:
        file.check()
    assert len(os.listdir('/proc/self/fd')) == before
