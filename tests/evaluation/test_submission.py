import zipfile

import numpy as np
import pytest
from PIL import Image
from small_submissions import RURAL, URBAN, faults_in, good, labels, png, replaced, write_zip

from depthda.evaluation.submission import Fault, review


def renamed(old, new):
    return {new if name == old else name: data for name, data in good().items()}


FAULTY = {
    'subfolder': (
        {f'pred/{name}': data for name, data in good().items()},
        'pred/4191.png, pred/4192.png, pred/4193.png and 1 more: in a subfolder; '
        'put the PNGs at the root: zip the files, not their folder',
    ),
    'subfolder with its own entry': (
        {'pred/': b'', **{f'pred/{name}': data for name, data in good().items()}},
        'pred/, pred/4191.png, pred/4192.png and 2 more: in a subfolder; '
        'put the PNGs at the root: zip the files, not their folder',
    ),
    'windows subfolder': (renamed('4191.png', 'p\\4191.png'), 'p\\4191.png: in a subfolder'),
    'rgb': (replaced('4192.png', png(labels(), 'RGB')), '4192.png: RGB colour PNG'),
    'values 1-7': (
        {name: png(labels(i, low=1)) for i, name in enumerate(RURAL)},
        '4191.png, 4192.png, 4193.png and 1 more: values 1…7, but only 0…6 are classes; '
        'the values start at 1, as in the label files of LoveDA (1 is background), so subtract 1',
    ),
    'no-data': (
        replaced('4194.png', png(np.full((16, 16), 255, np.uint8))),
        '4194.png: values up to 255 (lowest value in all files: 0), but',
    ),
    '16-bit': (
        replaced('4191.png', png(labels().astype(np.uint16))),
        '4191.png: 16-bit PNG instead of 8-bit; convert the array to uint8 first',
    ),
    'wrong size': (replaced('4193.png', png(labels(size=8))), '4193.png: 8×8 pixels instead of 1'),
    'missing': (
        {name: data for name, data in good().items() if name != '4193.png'},
        '4193.png: missing (1 of 4 in LoveDA Test Rural)',
    ),
    'extra': ({**good(), '1.png': png(labels())}, '1.png: not a test image of LoveDA Test Rural'),
    'extra text': ({**good(), 'README.txt': b'hello'}, 'README.txt: not a test image'),
    'other domain': (
        {**good(), '5167.png': png(labels())},
        '5167.png: not a test image of LoveDA Test Rural; '
        "LoveDA's Urban test images need a separate zip",
    ),
    'upper case': (
        renamed('4194.png', '4194.PNG'),
        '4194.PNG: does not end with .png; save it as PNG, with the suffix .png in lower case',
    ),
    'other format': (renamed('4194.png', '4194.tif'), '4194.tif: does not end with .png'),
    'macOS file': (
        {**good(), '.DS_Store': b'\0', '__MACOSX/._4191.png': b'\0'},
        '.DS_Store, __MACOSX/._4191.png: hidden system file; remove it from the zip',
    ),
    'Windows file': ({**good(), 'Thumbs.db': b'\0'}, 'Thumbs.db: hidden system file'),
}


@pytest.mark.parametrize('faulty', FAULTY)
def test_a_fault_is_one_line_with_its_reason(small_loveda, tmp_path, faulty):
    files, expected = FAULTY[faulty]
    faults = faults_in(write_zip(tmp_path / 'u2r.zip', files))
    assert len(faults) == 1
    assert str(faults[0]).startswith(expected)
    assert '\n' not in str(faults[0]) and '; ' in str(faults[0])


def test_several_faults_are_all_reported(small_loveda, tmp_path):
    files = {'sub/4191.png': b'', '4192.PNG': png(labels(low=1)), '4193.png': png(labels(), 'RGBA')}
    faults = faults_in(write_zip(tmp_path / 'u2r.zip', files))
    assert [fault.reason.split(' (')[0] for fault in faults] == [
        'in a subfolder',
        'does not end with .png',
        'missing',
        'empty file',
        'RGBA colour PNG',
        'values 1…7, but only 0…6 are classes',
    ]


def test_a_repeated_name_is_a_fault(small_loveda, tmp_path):
    path = write_zip(tmp_path / 'u2r.zip', good())
    with zipfile.ZipFile(path, 'a') as archive, pytest.warns(UserWarning, match='Duplicate'):
        archive.writestr('4191.png', good()['4191.png'])
    (fault,) = faults_in(path)
    assert str(fault) == '4191.png: more than once in the zip; keep one of each'


def test_files_that_cannot_be_unpacked_are_faults(small_loveda, tmp_path):
    path = write_zip(tmp_path / 'u2r.zip', good())
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo('4192.png').header_offset
    encrypted, changed = bytearray(data), bytearray(data)
    start = data.index(b'PK\x01\x02')  # the directory's entry of 4191.png
    encrypted[start + 8] |= 1
    (tmp_path / 'encrypted.zip').write_bytes(encrypted)
    changed[offset + 30 + len('4192.png') + 20] ^= 1
    (tmp_path / 'changed.zip').write_bytes(changed)
    assert [f.reason for f in faults_in(tmp_path / 'encrypted.zip')] == ['encrypted']
    (fault,) = faults_in(tmp_path / 'changed.zip')
    assert fault.names == ('4192.png',) and 'Bad CRC-32' in fault.reason


def test_a_file_too_large_to_be_a_label_map_is_not_read(small_loveda, tmp_path):
    files = replaced('4191.png', bytes(80 << 20))
    path = write_zip(tmp_path / 'u2r.zip', files, compression=zipfile.ZIP_DEFLATED)
    (fault,) = faults_in(path)
    assert str(fault).startswith('4191.png: 80 MB, too large')


def test_files_that_are_not_zips_are_faults(tmp_path):
    (tmp_path / 'text.zip').write_text('not a zip')
    (tmp_path / 'cut.zip').write_bytes(write_zip(tmp_path / 'a.zip', good()).read_bytes()[:-30])
    for name, reason in [
        ('none.zip', 'cannot be opened (No such file or directory)'),
        ('', 'cannot be opened (Is a directory)'),
        ('text.zip', 'not a readable zip file'),
        ('cut.zip', 'not a readable zip file'),
    ]:
        (fault,) = faults_in(tmp_path / name)
        assert fault.reason.startswith(reason) and fault.names == (str(tmp_path / name),)
    (fault,) = faults_in(write_zip(tmp_path / 'names.zip', {'0.png': png(labels())}))
    assert 'no file named after a LoveDA test image' in fault.reason


def test_predictions_of_the_wrong_domain_are_recognised(small_loveda, tmp_path):
    path = write_zip(tmp_path / 'r2u.zip', {name: png(labels()) for name in URBAN})
    assert faults_in(path) == [] and faults_in(path, domain='urban') == []
    extra, missing = faults_in(path, domain='rural')
    assert extra.names == tuple(URBAN) and "LoveDA's Urban test images" in extra.fix
    assert missing.names == tuple(RURAL)


def test_both_domains_only_for_the_segmentation_track(small_loveda, tmp_path):
    path = write_zip(tmp_path / 'both.zip', {name: png(labels()) for name in RURAL + URBAN})
    assert faults_in(path, track='seg') == []
    assert [fault.names for fault in faults_in(path)] == [tuple(URBAN)]
    (missing,) = faults_in(write_zip(tmp_path / 'u2r.zip', good()), track='seg')
    assert missing.names == tuple(URBAN)


def test_another_dataset_is_checked_against_its_own_images(tmp_path):
    images = tmp_path / 'images_png'
    images.mkdir()
    for name in ('x.png', 'y.png'):
        Image.fromarray(np.zeros((9, 5, 3), np.uint8)).save(images / name)
    valid = png(np.full((9, 5), 6, np.uint8))
    path = write_zip(tmp_path / 'a.zip', {'x.png': valid, 'y.png': valid})
    assert faults_in(path, against=images) == []
    path = write_zip(tmp_path / 'b.zip', {'x.png': png(labels()), 'z.png': valid})
    assert [(f.names, f.reason.split(' (')[0]) for f in faults_in(path, against=images)] == [
        (('z.png',), f'not a test image of {images}'),
        (('y.png',), 'missing'),
        (('x.png',), '16×16 pixels instead of 5×9'),
    ]


def test_a_long_list_of_files_is_shortened():
    fault = Fault(tuple(f'{i}.png' for i in range(976)), 'wrong', 'fix it')
    assert str(fault) == '0.png, 1.png, 2.png and 973 more: wrong; fix it'


def test_a_submission_with_the_official_names_and_sizes(tmp_path):
    data = png(np.tile(labels(), (64, 64)))
    files = dict.fromkeys((f'{n}.png' for n in range(4191, 5167)), data)
    test_set, faults = review(write_zip(tmp_path / 'u2r.zip', files))
    assert faults == [] and test_set.server.endswith('13037')
