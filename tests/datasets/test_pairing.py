from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depthda.datasets.pairing import Source, pair_by_stem
from depthda.errors import UserError


@pytest.fixture
def folders(make_tree):
    root = make_tree(range(5)) / 'Train' / 'Urban'
    return (
        Source('image', str(root / 'images_png')),
        Source('label', str(root / 'masks_png')),
        Source('depth map', str(root / 'rdepth/test')),
    )


def error_of(folders, **kwargs):
    with pytest.raises(UserError) as error:
        pair_by_stem(*folders, **kwargs)
    return str(error.value)


def test_files_are_paired_by_stem_whatever_their_suffix(folders, tmp_path):
    depth = tmp_path / 'Train/Urban/rdepth/test'
    (depth / '3.png').rename(depth / '3.PNG')
    samples = pair_by_stem(*folders)
    names = [[path.rsplit('/', 1)[1] for path in sample.values()] for sample in samples]
    assert names[0] == ['0.png'] * 3 and names[3] == ['3.png', '3.png', '3.PNG'] and len(names) == 5


def test_the_stem_is_the_name_without_the_given_suffix(write_png, tmp_path):
    for kind, suffix in (('image', '_RGB.png'), ('label', '_label.png')):
        bands = (4, 4, 3) if kind == 'image' else (4, 4)
        write_png(tmp_path / kind / f'top_2_10{suffix}', np.ones(bands, np.uint8))
    samples = pair_by_stem(
        Source('image', str(tmp_path / 'image'), '_RGB.png'),
        Source('label', str(tmp_path / 'label'), '_label.png'),
    )
    assert [list(sample) for sample in samples] == [['image', 'label']]


def test_in_one_folder_the_longest_suffix_decides_the_kind_of_a_file(write_png, tmp_path):
    for name in ('t0.png', 't1.png', 't0_mask.png', 't1_MASK.png', 't0_d.png', 't1_d.png'):
        write_png(tmp_path / name, np.ones((4, 4), np.uint8))
    for suffix in (None, '.png'):
        label, depth = (Source('label', f'{tmp_path}/', '_mask.png'), '_d.png')
        samples = pair_by_stem(
            Source('image', str(tmp_path), suffix), label, Source('depth map', str(tmp_path), depth)
        )
        assert [{kind: Path(path).name for kind, path in pair.items()} for pair in samples] == [
            {'image': 't0.png', 'label': 't0_mask.png', 'depth map': 't0_d.png'},
            {'image': 't1.png', 'label': 't1_MASK.png', 'depth map': 't1_d.png'},
        ]
    message = error_of([Source('image', str(tmp_path)), Source('label', str(tmp_path))])
    assert message == (
        f'{tmp_path} is the folder of every image and of every label: give each kind its own '
        'folder or suffix'
    )


def test_both_encodings_of_an_umlaut_are_paired(write_png, tmp_path):
    composed, decomposed = 'M\u00fcnchen', 'Mu\u0308nchen'
    for path in (f'image/{composed}.png', f'label/{decomposed}.png'):
        write_png(tmp_path / path, np.ones((4, 4), np.uint8))
    sources = [Source(kind, str(tmp_path / kind)) for kind in ('image', 'label')]
    for only in (None, [composed], [decomposed]):
        (sample,) = pair_by_stem(*sources, only=only)
        assert sample['label'].endswith(f'{decomposed}.png')


def test_files_of_an_unsupported_format_are_named(folders, tmp_path):
    masks = tmp_path / 'Train/Urban/masks_png'
    for path in masks.iterdir():
        path.rename(path.with_suffix('.bmp'))
    assert (
        f'have no label in {masks} (0.png, 1.png, 2.png, …); it holds 0.bmp, and PNG, JPEG and '
        'TIFF are read: add an index mask' in error_of(folders)
    )


def test_links_to_a_parent_folder_or_to_nothing(folders, tmp_path):
    images = tmp_path / 'Train/Urban/images_png'
    (images / 'again').symlink_to(images)
    assert len(pair_by_stem(*folders)) == 5
    (tmp_path / 'loop').symlink_to('loop')
    assert error_of([Source('image', f'{tmp_path}/loop')]) == (
        f'the image folder {tmp_path}/loop is a link that leads nowhere or to itself'
    )


def test_hidden_files_and_other_formats_are_ignored(folders, tmp_path):
    (tmp_path / 'Train/Urban/images_png/._1.png').write_bytes(b'macOS')
    (tmp_path / 'Train/Urban/rdepth/test/1.png.aux.xml').write_text('<GDAL/>')
    assert len(pair_by_stem(*folders)) == 5


@pytest.mark.parametrize(('kind', 'folder'), [('depth map', 'rdepth/test'), ('label', 'masks_png')])
def test_missing_files_are_counted_and_named(folders, tmp_path, kind, folder):
    for number in (1, 3):
        (tmp_path / 'Train/Urban' / folder / f'{number}.png').unlink()
    message = error_of(folders, check='names')
    assert message.startswith('2 of 5 images in ')
    assert f'have no {kind} in {tmp_path}/Train/Urban/{folder} (1.png, 3.png): add' in message


def test_extra_files_are_counted_and_named(folders, tmp_path):
    (tmp_path / 'Train/Urban/images_png/2.png').unlink()
    (tmp_path / 'Train/Urban/masks_png/2.png').unlink()
    message = error_of(folders)
    assert 'rdepth/test holds 1 depth map without an image in ' in message


def test_the_message_about_misnamed_files_lists_both_kinds(folders, tmp_path):
    folder = tmp_path / 'Train/Urban/rdepth/test'
    for path in list(folder.iterdir()):
        path.rename(folder / f'{path.stem}_depth.png')
    message = error_of(folders)
    assert '5 of 5 images' in message and '(0.png, 1.png, 2.png, …)' in message
    assert 'and it holds 5 depth maps without an image (0_depth.png, 1_depth.png' in message


def test_unreadable_files_are_named(folders, tmp_path):
    (tmp_path / 'Train/Urban/rdepth/test/4.png').write_bytes(b'')
    assert 'holds 1 depth map that cannot be read' in error_of(folders) and '(4.png)' in error_of(
        folders
    )
    assert len(pair_by_stem(*folders, check='names')) == 5
    Image.new('L', (8, 8)).save(tmp_path / 'Train/Urban/images_png/2.png', format='BMP')
    assert error_of(folders) == (
        f'{folders[0].folder} holds 1 image that cannot be read (empty, broken off or of another '
        'format) (2.png is a BMP named .png: save it as PNG): write or download them again'
    )


@pytest.mark.parametrize(('kind', 'folder'), [('depth map', 'rdepth/test'), ('label', 'masks_png')])
def test_the_message_about_a_wrong_size_gives_both_sizes(
    write_png, folders, tmp_path, kind, folder
):
    write_png(tmp_path / 'Train/Urban' / folder / '2.png', np.ones((32, 30), np.uint8))
    message = error_of(folders)
    assert (
        f'holds 1 {kind} of another size than the image ' in message
        and '(2.png: 30×32, image 64×48)' in message
    )


def test_colour_labels_and_colour_depth_are_refused(write_png, folders, tmp_path):
    colours = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    write_png(tmp_path / 'Train/Urban/rdepth/test/0.png', colours)
    assert '0.png is a colour picture' in error_of(folders)
    write_png(tmp_path / 'Train/Urban/masks_png/1.png', colours)
    assert 'holds 1 label with several bands (1.png)' in error_of(folders)


def test_two_files_of_the_same_stem_are_refused(folders, tmp_path):
    folder = tmp_path / 'Train/Urban/rdepth/test'
    (folder / '1.tif').write_bytes((folder / '1.png').read_bytes())
    assert 'have the same stem' in error_of(folders)


def test_a_wrong_folder_is_named(folders, tmp_path):
    image, label, depth = folders
    assert error_of([Source('image', '/no/where')]) == 'the image folder /no/where does not exist'
    assert 'the depth map folder /no/where does not exist: add' in error_of(
        [image, label, Source('depth map', '/no/where')]
    )
    (tmp_path / 'none').mkdir()
    assert f'{tmp_path}/none holds no image' in error_of([Source('image', f'{tmp_path}/none')])


def test_a_list_selects_its_stems(folders, tmp_path):
    (tmp_path / 'Train/Urban/rdepth/test/0.png').unlink()
    samples = pair_by_stem(*folders, only=['3', '1'])
    assert [s['image'].rsplit('/')[-1] for s in samples] == ['1.png', '3.png']
    assert 'the list names 1 image that ' in error_of(folders, only=['77'])
    assert error_of(folders, only=['1.png', '3.png']).endswith('3.png): write them without .png')


def test_an_unknown_check_is_refused(folders):
    assert "use 'full' or 'names'" in error_of(folders, check='some')
