"""LoveDA from its zips: what is written, what is refused, what is reported as missing."""

import zipfile

import cv2
import numpy as np
import pytest

from depthda.errors import UserError
from depthda.io.lock import locked
from depthda.preparation import loveda
from depthda.preparation.loveda import NUMBERS, counts, prepare_loveda

SMALL = {
    ('Train', 'Rural'): (0, 2),
    ('Train', 'Urban'): (3, 4),
    ('Val', 'Rural'): (5, 5),
    ('Val', 'Urban'): (6, 6),
    ('Test', 'Rural'): (7, 8),
    ('Test', 'Urban'): (9, 9),
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A LoveDA of ten images of 8²."""
    monkeypatch.setattr(loveda, 'NUMBERS', SMALL)
    monkeypatch.setattr(loveda, 'SIDE', 8)


def png(shape=(8, 8, 3), value=1):
    return cv2.imencode('.png', np.full(shape, value, np.uint8))[1].tobytes()


def members(split):
    """Names and contents of one official zip."""
    content = {}
    for (name, domain), (first, last) in SMALL.items():
        for number in range(first, last + 1) if name == split else ():
            content[f'{split}/{domain}/images_png/{number}.png'] = png(value=number)
            if split != 'Test':
                content[f'{split}/{domain}/masks_png/{number}.png'] = png((8, 8), number % 8)
    return content


def make_zip(path, content):
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def zips(tmp_path):
    folder = tmp_path / 'zips'
    folder.mkdir()
    splits = ('Train', 'Val', 'Test')
    return [make_zip(folder / f'{split}.zip', members(split)) for split in splits]


def files(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob('*.png')}


def official():
    return members('Train') | members('Val') | members('Test')


def test_the_numbers_are_those_of_the_authors():
    sizes = {part: last - first + 1 for part, (first, last) in NUMBERS.items()}
    assert sum(sizes.values()) == 5987
    starts = sorted(NUMBERS.values())
    assert all(one[1] + 1 == two[0] for one, two in zip(starts, starts[1:], strict=False))
    pairs = [(split, domain) for split in ('Train', 'Val', 'Test') for domain in ('Rural', 'Urban')]
    assert [sizes[pair] for pair in pairs] == [1366, 1156, 992, 677, 976, 820]


def test_zips_folders_and_a_folder_of_zips_make_the_same_tree(zips, tmp_path):
    assert prepare_loveda(zips, tmp_path / 'a') == []
    assert files(tmp_path / 'a') == official()
    for path in zips:
        zipfile.ZipFile(path).extractall(tmp_path / 'unpacked' / 'LoveDA')
    assert prepare_loveda([tmp_path / 'unpacked'], tmp_path / 'b') == []
    assert prepare_loveda([tmp_path / 'unpacked/LoveDA/Train/Urban'], tmp_path / 'c')
    assert prepare_loveda([tmp_path / 'zips'], tmp_path / 'elsewhere/d', workers=1) == []
    assert files(tmp_path / 'b') == files(tmp_path / 'elsewhere/d') == official()
    assert set(files(tmp_path / 'c')) == {n for n in official() if n.startswith('Train/Urban')}
    assert counts(tmp_path / 'a')['Train', 'Rural'] == (3, 3, 3)


def test_zips_in_a_zip_are_read_and_unpacked_files_are_preferred(zips, tmp_path):
    outer = make_zip(tmp_path / 'LoveDA.zip', {path.name: path.read_bytes() for path in zips})
    assert prepare_loveda([outer], tmp_path / 'a') == [] and files(tmp_path / 'a') == official()
    zipfile.ZipFile(zips[0]).extractall(tmp_path / 'zips')
    prepare_loveda([tmp_path / 'zips'], tmp_path / 'b')
    assert files(tmp_path / 'b') == members('Train')
    image = members('Train')['Train/Rural/images_png/1.png']
    outer.write_bytes(outer.read_bytes().replace(image, image[:-1] + b'x'))
    with pytest.raises(UserError, match=r'1.png in \S+/LoveDA.zip/Train.zip is broken'):
        prepare_loveda([outer], tmp_path / 'c')


def test_merged_domains_are_separated_by_number(tmp_path):
    for name, content in official().items():
        split, _, folder, file = name.split('/')
        kind = 'img_dir' if folder == 'images_png' else 'ann_dir'
        path = tmp_path / 'merged' / kind / split.lower() / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert prepare_loveda([tmp_path / 'merged'], tmp_path / 'out') == []
    assert files(tmp_path / 'out') == official()


def test_missing_files_are_reported(zips, tmp_path):
    train = members('Train')
    del train['Train/Rural/images_png/1.png'], train['Train/Urban/masks_png/3.png']
    make_zip(zips[0], train)
    assert prepare_loveda(zips[:1], tmp_path / 'out') == [
        'Train/Rural: 1 of 3 images missing (1)',
        'Train/Urban: 1 of 2 images without a label map (3)',
        'Val/Rural: all images missing (1)',
        'Val/Urban: all images missing (1)',
        'Test/Rural: all images missing (2)',
        'Test/Urban: all images missing (1)',
    ]


def test_files_of_the_other_domain_are_named(zips, tmp_path):
    rural = {name.replace('Rural', 'Urban'): data for name, data in members('Test').items()}
    make_zip(zips[2], rural)
    assert prepare_loveda(zips, tmp_path / 'out')[:3] == [
        'Test/Rural: all images missing (2)',
        'Test/Urban: 2 images with numbers of Test/Rural (7, 8): move to Test/Rural',
    ]


def test_files_written_before_a_mistake_are_mentioned(zips, tmp_path):
    train = members('Train')
    make_zip(zips[0], train | {'Train/Urban/masks_png/4.png': png()})
    with pytest.raises(UserError, match='4.png is 8×8×3.*to continue') as caught:
        prepare_loveda(zips[:1], tmp_path / 'out', workers=1)
    kept = (
        f'{tmp_path / "out"} keeps the files written so far: if you correct a source file, '
        'remove its copy there, then run the same command to continue.'
    )
    assert str(caught.value).endswith(f' {kept}') and len(files(tmp_path / 'out')) == 9
    make_zip(zips[0], train)
    assert len(prepare_loveda(zips[:1], tmp_path / 'out')) == 4


IMAGE, MASK = 'Train/Urban/images_png/3.png', 'Train/Urban/masks_png/3.png'


@pytest.mark.parametrize(
    'name, content, message',
    [
        (IMAGE, png((9, 8, 3)), '9×8×3 of type uint8, but a LoveDA image is 8×8×3'),
        (IMAGE, png((8, 8)), '8×8 of type uint8, but a LoveDA image'),
        (MASK, png((8, 8, 3)), '8×8×3 of type uint8, but a LoveDA label map'),
        (MASK, png((8, 8), 8), 'has the label code 8'),
        (MASK, png((8, 8))[:-30], 'is not a complete PNG: download it again.'),
        (MASK, b'', 'is not a complete PNG: download it again.'),
        ('../3.png', b'', 'points outside'),
    ],
)
def test_the_error_names_a_file_that_does_not_fit(tmp_path, name, content, message):
    path = make_zip(tmp_path / 'Train.zip', members('Train') | {name: content})
    with pytest.raises(UserError, match=message) as refused:
        prepare_loveda([path], tmp_path / 'out', workers=1)
    assert name in str(refused.value)
    assert f'Train/Urban/{name.split("/")[-2]}/3.png' not in files(tmp_path / 'out')
    if name.startswith('..'):
        assert not (tmp_path / 'out').exists()


def test_other_sizes_are_accepted_on_request(tmp_path):
    shapes = dict(images=(3, 5, 3), masks=(3, 5))
    content = {f'Val/Urban/{kind}_png/x.png': png(shape) for kind, shape in shapes.items()}
    path = make_zip(tmp_path / 'a.zip', content)
    assert prepare_loveda([path], tmp_path / 'out', partial=True)
    assert files(tmp_path / 'out') == content


def test_mistakes_are_explained(zips, tmp_path, monkeypatch):
    with pytest.raises(UserError, match='Train/Rural/images_png/0.png is in both'):
        prepare_loveda([zips[0], zips[0]], tmp_path / 'out')
    with pytest.raises(UserError, match='nothing.zip does not exist'):
        prepare_loveda(['nothing.zip'], tmp_path / 'out')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='empty contains no LoveDA files'):
        prepare_loveda([tmp_path / 'empty'], tmp_path / 'out')
    with pytest.raises(UserError, match='is a file: choose a folder'):
        prepare_loveda(zips, zips[0])
    (tmp_path / 'busy').mkdir()
    with locked(tmp_path / 'busy'), pytest.raises(UserError, match='another process is writing'):
        prepare_loveda(zips, tmp_path / 'busy')
    with pytest.raises(UserError, match='--workers 0: use 1 or more'):
        prepare_loveda(zips, tmp_path / 'out', workers=0)
    monkeypatch.setattr(loveda.shutil, 'disk_usage', lambda _: type('Usage', (), dict(free=9)))
    with pytest.raises(UserError, match='its disk has only 0.0 GB free'):
        prepare_loveda(zips, tmp_path / 'out')


def test_another_dataset_in_the_folder_is_left_as_it_is(zips, tmp_path):
    out = tmp_path / 'out'
    for marker in ('manifest.json', 'manifest.unfinished.json', 'world.json', 'translation.json'):
        out.mkdir()
        (out / marker).write_text('{}')
        message = rf'out already contains another dataset \({marker}\): choose another folder$'
        with pytest.raises(UserError, match=message):
            prepare_loveda(zips, out)
        assert [path.name for path in out.iterdir()] == [marker]
        (out / marker).unlink()
        out.rmdir()
    prepare_loveda(zips, out)
    other = make_zip(tmp_path / 'a.zip', {'Train/Rural/images_png/0.png': png((9, 9, 3), 77)})
    before = files(out)
    message = r'contains 1 different file with the same name \(Train/Rural/images_png/0.png\): cho'
    with pytest.raises(UserError, match=message):
        prepare_loveda([other], out, partial=True)
    assert files(out) == before
