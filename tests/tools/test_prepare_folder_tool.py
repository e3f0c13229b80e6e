"""Custom datasets, by the command; the content of the tiles is tested with the library."""

from functools import partial

import numpy as np
import pytest
from PIL import Image
from tiny_scenes import Scenes, write

from depthda.datasets.liuzhou import LiuZhou


@pytest.fixture
def call(run_tool):
    return partial(run_tool, 'prepare_dataset')


def arguments(root, out, *more):
    folders = ['--images', root / 'rgb', '--labels', root / 'mask', '--depth', root / 'dsm']
    suffixes = ['--image-suffix', '_RGB.tif', '--depth-suffix', '_dsm.tif']
    rest = ['--classes', root / 'classes.txt', '--tile', 16, '--stride', 12, '--out', out]
    return ['folder', *folders, *suffixes, *rest, *more]


def test_liuzhou_is_read_by_its_class(tmp_path, call):
    rng = np.random.default_rng(0)
    for name in 'ab':
        write(tmp_path / f'i/{name}.tif', rng.integers(0, 255, (32, 32, 3), np.uint8))
        write(tmp_path / f'l/{name}.tif', rng.integers(0, 8, (32, 32)).astype(np.uint8))
    sources = ['--images', tmp_path / 'i', '--labels', tmp_path / 'l', '--first-label', 1]
    split = ['--split', 'train=0.5', 'test=0.5', '--tile', 16]
    code, text, err = call('liuzhou', *sources, *split, '--out', tmp_path / 'out')
    assert code == 0, err
    assert 'cropland' in text and 'water' in text
    steps = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    settings = dict(data_root=str(tmp_path / 'out'), depth=None, pipeline=steps, test_mode=True)
    dataset = LiuZhou(**settings, ann_file='train.txt')
    assert len(dataset) == 4
    assert set(np.unique(dataset[0]['gt_seg_map'])) <= {*range(7), 255}
    # The value 0, which is not a class, has become 255.
    whole = LiuZhou(**settings)
    held = np.stack([whole[n]['gt_seg_map'] for n in range(len(whole))])
    assert np.bincount(held.ravel(), minlength=256)[255] > 0 and (held != 7).all()


def test_each_season_is_a_domain(tmp_path, call):
    scenes = Scenes(tmp_path)
    sources = arguments(scenes.root, tmp_path / 'arctic/winter')[1:]
    code, text, _ = call('arctic', *sources, '--season', 'winter')
    assert code == 0 and text.splitlines()[0].endswith('of 3 images, domain winter')
    without = [word for word in sources if word not in ('--classes', tmp_path / 'classes.txt')]
    code, _, err = call('arctic', *without, '--season', 'winter')
    assert code == 2 and '--classes' in err


def test_a_mistake_is_one_sentence(tmp_path, call):
    scenes = Scenes(tmp_path)
    (tmp_path / 'mask/town_1.png').unlink()
    code, out, err = call(*arguments(scenes.root, tmp_path / 'out'))
    (text,) = [line for line in err.splitlines() if line.strip()]
    assert (code, out.strip()) == (2, '')
    assert text.startswith('error: 1 of 3 images in') and 'has no label in' in text


def test_another_dataset_in_the_folder_is_removed_only_with_replace(tmp_path, call):
    out = tmp_path / 'out'
    first, other = Scenes(tmp_path / 'a', [(16, 16)]), Scenes(tmp_path / 'b', [(16, 16)], seed=3)
    (other.root / 'rgb/town_0_RGB.tif').rename(other.root / 'rgb/city_RGB.tif')
    (other.root / 'mask/town_0.png').rename(other.root / 'mask/city.png')
    (other.root / 'dsm/town_0_dsm.tif').rename(other.root / 'dsm/city_dsm.tif')
    heights = ['--depth-range', 0, 400]
    assert call(*arguments(first.root, out, *heights))[0] == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob('*')}
    code, printed, err = call(*arguments(other.root, out, *heights))
    counts = 'images (1 file), labels (1 file), depth (1 file)'
    assert (code, printed) == (2, '')
    assert err.lstrip() == (
        f'error: {out} holds tiles of other images, or of images that have changed since: name '
        f'another folder with --out, or add --replace, which removes {counts}\n'
    )
    assert {path: path.stat().st_mtime_ns for path in out.rglob('*')} == before
    code, printed, err = call(*arguments(other.root, out, *heights, '--replace'))
    assert code == 0 and printed.splitlines()[:3] == [
        f'removed from {out}: {counts}',
        f'{out}: 1 tile of 16² of 1 image',
        f'written: {counts}',
    ]
    assert [path.name for path in (out / 'images').iterdir()] == ['city_0_0_16_16.png']
    code, printed, err = call(*arguments(other.root, tmp_path / 'new', '--bands', 1, 2, 3, 4))
    assert (code, printed) == (2, '') and not (tmp_path / 'new').exists()
    assert err.endswith('city_RGB.tif has no band 4, it has 3: correct --bands\n')


def picture(path, kind=None, **more):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path, format=kind, **more)


def test_misleading_pictures_are_refused_and_leave_nothing_behind(tmp_path, call):
    exif = Image.Exif()
    exif[0x0112] = 3
    images, out = tmp_path / 'images', tmp_path / 'out'
    arguments = ('folder', '--images', images, '--out', out, '--split', 'train=0.5', 'val=0.5')
    for spoil, sentence in (
        (
            lambda path: picture(path),
            f'1 copy of images would be in another split than the original ({images}/b.png in '
            f'train = {images}/a.png in val): keep one file of each image, or name all copies of '
            'an image in one list (--split NAME=FILE)',
        ),
        (
            lambda path: picture(path, 'BMP'),
            f'{images}/b.png is a BMP named .png: save it as PNG',
        ),
        (
            lambda path: picture(path, exif=exif),
            f'{images}/b.png is turned by its orientation tag (3), which some tools follow and '
            'others do not: save it upright (mogrify -auto-orient FILE) and check that image, '
            'label and depth lie the same way',
        ),
    ):
        picture(images / 'a.png')
        spoil(images / 'b.png')
        code, printed, err = call(*arguments)
        assert (code, printed) == (2, '')
        assert err.lstrip() == f'error: {sentence}\n'
        assert not out.exists()
    for name in ('a', 'c'):
        picture(images / f'{name}.png')
    (tmp_path / 'train.txt').write_text('a\nc\n')
    Image.new('L', (8, 8), 7).save(images / 'b.png')
    (tmp_path / 'val.txt').write_text('b\n')
    lists = [f'{name}={tmp_path / name}.txt' for name in ('train', 'val')]
    assert call(*arguments[:-2], *lists)[0] == 0
