import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refusals import refusal

from depthda.datasets.pairing import Source, pair_by_stem


@pytest.fixture
def folders(make_tree):
    root = make_tree(range(5)) / 'Train' / 'Urban'
    names = {'image': 'images_png', 'label': 'masks_png', 'depth map': 'rdepth/test'}
    return tuple(Source(kind, str(root / folder)) for kind, folder in names.items())


def fault(folders, **kwargs):
    return refusal(pair_by_stem, *folders, **kwargs)


@pytest.fixture
def urban(tmp_path):
    return tmp_path / 'Train' / 'Urban'


def test_files_are_paired_by_stem_whatever_their_suffix(folders, urban):
    depth = urban / 'rdepth/test'
    (depth / '3.png').rename(depth / '3.PNG')
    # Hidden and foreign files are ignored.
    (urban / 'images_png/._1.png').write_bytes(b'macOS')
    (depth / '1.png.aux.xml').write_text('<GDAL/>')
    samples = pair_by_stem(*folders)
    names = [[path.rsplit('/', 1)[1] for path in sample.values()] for sample in samples]
    assert names[0] == ['0.png'] * 3 and names[3] == ['3.png', '3.png', '3.PNG'] and len(names) == 5


def test_the_stem_is_the_name_without_the_suffix_and_the_longest_suffix_decides(
    write_png, tmp_path
):
    suffixes = dict(image='_RGB.png', label='_label.png')
    for kind, suffix in suffixes.items():
        write_png(tmp_path / kind / f'top_2_10{suffix}', np.ones((4, 4), np.uint8))
    sources = [Source(kind, str(tmp_path / kind), suffix) for kind, suffix in suffixes.items()]
    assert [list(sample) for sample in pair_by_stem(*sources)] == [['image', 'label']]
    tmp_path = tmp_path / 'all'
    for name in ('t0.png', 't1.png', 't0_mask.png', 't1_MASK.png', 't0_d.png', 't1_d.png'):
        write_png(tmp_path / name, np.ones((4, 4), np.uint8))
    for end in (None, '.png'):
        label, depth = (Source('label', f'{tmp_path}/', '_mask.png'), '_d.png')
        samples = pair_by_stem(
            Source('image', str(tmp_path), end), label, Source('depth map', str(tmp_path), depth)
        )
        assert [{kind: Path(path).name for kind, path in pair.items()} for pair in samples] == [
            {'image': 't0.png', 'label': 't0_mask.png', 'depth map': 't0_d.png'},
            {'image': 't1.png', 'label': 't1_MASK.png', 'depth map': 't1_d.png'},
        ]
    same = fault([Source('image', str(tmp_path)), Source('label', str(tmp_path))])
    assert same == (
        f'{tmp_path} is used for both images and labels: use a separate folder or suffix for each'
    )


def test_both_encodings_of_an_umlaut_are_paired(write_png, tmp_path):
    one, two = 'M\u00fcnchen', 'Mu\u0308nchen'
    for path in (f'image/{one}.png', f'label/{two}.png'):
        write_png(tmp_path / path, np.ones((4, 4), np.uint8))
    sources = [Source(kind, str(tmp_path / kind)) for kind in ('image', 'label')]
    for only in (None, [one], [two]):
        (sample,) = pair_by_stem(*sources, only=only)
        assert sample['label'].endswith(f'{two}.png')


def test_unsupported_formats_and_broken_or_circular_links(folders, urban, tmp_path):
    (urban / 'images_png/again').symlink_to(urban / 'images_png')
    assert len(pair_by_stem(*folders)) == 5
    (tmp_path / 'loop').symlink_to('loop')
    message = f'the image folder {tmp_path}/loop is a broken link'
    assert fault([Source('image', f'{tmp_path}/loop')]) == message
    masks = urban / 'masks_png'
    for path in masks.iterdir():
        path.rename(path.with_suffix('.bmp'))
    assert (
        f'have no label in {masks} (0.png, 1.png, 2.png, …); that folder contains 0.bmp, but only '
        'PNG, JPEG and TIFF are read: add an index mask' in fault(folders)
    )


KINDS = [('depth map', 'rdepth/test'), ('label', 'masks_png')]


@pytest.mark.parametrize(('kind', 'folder'), KINDS)
def test_missing_and_resized_files_are_counted_and_named(write_png, folders, urban, kind, folder):
    write_png(urban / folder / '2.png', np.ones((32, 30), np.uint8))
    message = fault(folders)
    assert f'contains 1 {kind} of another size than the image ' in message
    assert '(2.png: 30×32, image 64×48)' in message
    for number in (1, 3):
        (urban / folder / f'{number}.png').unlink()
    message = fault(folders, check='names')
    assert message.startswith('2 of 5 images in ')
    assert f'have no {kind} in {urban}/{folder} (1.png, 3.png): add' in message


def test_extra_and_misnamed_files_are_counted_and_named(folders, urban):
    for folder in ('images_png', 'masks_png'):
        (urban / folder / '2.png').unlink()
    assert 'rdepth/test contains 1 depth map without an image in ' in fault(folders)
    for path in list((urban / 'rdepth/test').iterdir()):
        path.rename(path.with_stem(f'{path.stem}_depth'))
    message = fault(folders)
    assert '4 of 4 images' in message and '(0.png, 1.png, 3.png, …)' in message
    assert 'that folder also contains 5 depth maps without an image (0_depth.png, 1_' in message


def test_unreadable_files_are_refused(folders, urban):
    (urban / 'rdepth/test/4.png').write_bytes(b'')
    message = fault(folders)
    assert 'contains 1 depth map that cannot be read' in message and '(4.png)' in message
    assert len(pair_by_stem(*folders, check='names')) == 5
    Image.new('L', (8, 8)).save(urban / 'images_png/2.png', format='BMP')
    assert fault(folders) == (
        f'{folders[0].folder} contains 1 image that cannot be read (empty, truncated or in another '
        'format) (2.png is a BMP named .png: save it as PNG): create or download them again'
    )


def test_colour_labels_colour_depth_and_two_files_of_one_stem_are_refused(
    write_png, folders, urban
):
    colours = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    write_png(urban / 'rdepth/test/0.png', colours)
    assert '0.png is a colour image' in fault(folders)
    write_png(urban / 'masks_png/1.png', colours)
    assert 'contains 1 label with several bands (1.png)' in fault(folders)
    shutil.copy(urban / 'rdepth/test/1.png', urban / 'rdepth/test/1.tif')
    assert 'have the same stem' in fault(folders)


def test_a_wrong_folder_is_refused(folders, tmp_path):
    image, label, depth = folders
    assert fault([Source('image', '/no/where')]) == 'the image folder /no/where does not exist'
    absent = Source('depth map', '/no/where')
    message = fault([image, label, absent])
    assert 'the depth map folder /no/where does not exist: add' in message
    (tmp_path / 'none').mkdir()
    assert f'{tmp_path}/none contains no images' in fault([Source('image', f'{tmp_path}/none')])


def test_a_list_selects_its_stems(folders, urban):
    (urban / 'rdepth/test/0.png').unlink()
    samples = pair_by_stem(*folders, only=['3', '1'])
    assert [s['image'].rsplit('/')[-1] for s in samples] == ['1.png', '3.png']
    assert 'the list contains 1 name without an image in ' in fault(folders, only=['77'])
    assert fault(folders, only=['1.png', '3.png']).endswith('3.png): write the names without .png')
    assert "use 'full' or 'names'" in fault(folders, check='some')
