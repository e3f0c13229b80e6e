import zipfile

import pytest
from small_submissions import RURAL, faults_in, good, labels, png, replaced, write_zip

from depthda.errors import UserError
from depthda.evaluation.submission import SubmissionError, check_names, pack


def write_folder(folder, files):
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_pack_writes_a_zip_that_passes_and_contains_the_same_files(small_loveda, tmp_path):
    folder = write_folder(tmp_path / 'pred', good())
    test_set = pack(folder, tmp_path / 'new' / 'u2r.zip', domain='rural')
    assert test_set.title == 'LoveDA Test Rural'
    assert faults_in(tmp_path / 'new' / 'u2r.zip') == []
    with zipfile.ZipFile(tmp_path / 'new' / 'u2r.zip') as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == good()
    (folder / '4191.png').touch()
    pack(folder, tmp_path / 'again.zip')
    assert (tmp_path / 'again.zip').read_bytes() == (tmp_path / 'new/u2r.zip').read_bytes()


def test_pack_refuses_a_wrong_folder_with_the_same_lines_and_writes_nothing(small_loveda, tmp_path):
    files = {**replaced('4191.png', png(labels(), 'RGB')), '.DS_Store': b'\0'}
    del files['4194.png']
    folder = write_folder(tmp_path / 'pred', files)
    (folder / 'colour').mkdir()
    (folder / 'colour' / '4191.png').write_bytes(png(labels()))
    with pytest.raises(SubmissionError) as caught:
        pack(folder, tmp_path / 'u2r.zip')
    paths = sorted(folder.rglob('*.*'))
    same = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    zipped = write_zip(tmp_path / 'same.zip', same)
    assert caught.value.faults == faults_in(zipped) and len(caught.value.faults) == 4
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
    assert sorted(path.name for path in tmp_path.iterdir()) == ['pred', 'same.zip']


def test_pack_keeps_an_older_zip_if_a_file_changes_meanwhile(small_loveda, tmp_path):
    folder = write_folder(tmp_path / 'pred', good())
    (tmp_path / 'u2r.zip').write_text('older')

    def spoil(entries):
        yield from entries
        (folder / '4191.png').write_bytes(b'')

    with pytest.raises(SubmissionError, match='empty file'):
        pack(folder, tmp_path / 'u2r.zip', progress=spoil)
    assert (tmp_path / 'u2r.zip').read_text() == 'older'
    assert len(list(tmp_path.iterdir())) == 2


def test_mistakes_in_packing_are_explained(small_loveda, tmp_path):
    folder = write_folder(tmp_path / 'pred', good())
    with pytest.raises(UserError, match='not a folder'):
        pack(tmp_path / 'none', tmp_path / 'a.zip')
    with pytest.raises(UserError, match=r'\.zip'):
        pack(folder, tmp_path / 'a.tar')
    with pytest.raises(UserError, match='choose another folder'):
        pack(folder, folder / 'a.zip')


def test_names_are_checked_before_there_are_predictions(tmp_path, small_loveda):
    folder, out = tmp_path / 'predictions', tmp_path / 'u2r.zip'
    check_names(RURAL, folder, out, domain='Rural')
    with pytest.raises(SubmissionError, match=r'4194\.png: missing \(1 of 4'):
        check_names(RURAL[:3], folder, out, domain='Rural')
    with pytest.raises(UserError, match='must end with .zip'):
        check_names(RURAL, folder, tmp_path / 'u2r.tar', domain='Rural')
    with pytest.raises(UserError, match='in the folder of predictions'):
        check_names(RURAL, folder, folder / 'u2r.zip', domain='Rural')
    # Files of an earlier test would go into the zip as well.
    folder.mkdir()
    (folder / '4191.png').touch()
    check_names(RURAL, folder, out, domain='Rural')
    (folder / '5167.png').touch()
    sentence = (
        rf'5167\.png: already in {folder} before this test, and not a test image of LoveDA Test '
        'Rural; remove it, or choose another folder with --out'
    )
    with pytest.raises(SubmissionError, match=sentence):
        check_names(RURAL, folder, out, domain='Rural')
