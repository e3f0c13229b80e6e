"""Images that a loader would reduce to three bands or 8 bits are refused by the dataset."""

import cv2
import numpy as np
import pytest
import rasterio
from mmengine.config import Config

from depthda.cli import user_errors
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError

THREE_BANDS = [dict(type='LoadImageFromFile'), dict(type='LoadDepth')]
ALL_BANDS = [dict(type='LoadMultibandImage'), dict(type='LoadDepth', optical_bands=3)]


def build(tmp_path, image, pipeline, **settings):
    path = tmp_path / 'images/a.png'
    path.parent.mkdir()
    if image.shape[2] > 4:
        path = path.with_suffix('.tif')
        profile = dict(width=8, height=8, count=image.shape[2], dtype=image.dtype)
        with rasterio.open(path, 'w', driver='GTiff', **profile) as raster:
            raster.write(image.transpose(2, 0, 1))
    else:
        assert cv2.imwrite(str(path), image)
    return RGBDSegDataset(
        data_prefix=dict(img_path=str(path.parent)), pipeline=pipeline, metainfo={}, **settings
    )


@pytest.mark.parametrize(
    ('bands', 'dtype', 'pipeline', 'sentence'),
    [
        (
            4, np.uint8, THREE_BANDS,
            '1 image with 4 bands, which LoadImageFromFile would convert to three (a.png): prepare '
            'the dataset with depthda prepare-dataset folder --bands 1 2 3, or read all bands '
            'with LoadMultibandImage and LoadDepth(optical_bands=4) (docs/your-data.md)',
        ),
        (
            3, np.uint16, THREE_BANDS,
            '1 image of type uint16, which LoadImageFromFile would reduce to 8 bits (a.png): '
            'prepare the dataset with depthda prepare-dataset folder --stretch LOW HIGH, or read '
            'the images with LoadMultibandImage (docs/your-data.md)',
        ),
        (
            4, np.uint8, ALL_BANDS,
            '1 image with 4 bands, but the config expects 3 (a.png): set optical_bands=4 in each '
            'LoadDepth of the config and in the model (docs/your-data.md), or prepare the images '
            'again with different --bands',
        ),
        (
            6, np.uint16, ALL_BANDS,
            '1 image with 6 bands, but the config expects 3 (a.tif): set optical_bands=6 in each '
            'LoadDepth of the config and in the model (docs/your-data.md), or prepare the images '
            'again with different --bands',
        ),
    ],
)  # fmt: skip
def test_unsuitable_images_are_refused(tmp_path, capsys, bands, dtype, pipeline, sentence):
    with pytest.raises(SystemExit) as stop, user_errors():
        build(tmp_path, np.full((8, 8, bands), 7, dtype), pipeline)
    assert stop.value.code == 2
    assert capsys.readouterr().err == f'error: {tmp_path}/images contains {sentence}\n'


def test_images_that_are_read_unchanged_pass(tmp_path):
    cases = [
        (3, np.uint8, THREE_BANDS),
        (3, np.uint16, ALL_BANDS),
        (4, np.uint16, [ALL_BANDS[0], dict(type='LoadDepth', optical_bands=4)]),
        (4, np.uint8, [dict(type='LoadImageFromFile', color_type='unchanged')]),
        (4, np.uint8, []),
    ]
    for number, (bands, dtype, pipeline) in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        built = build(tmp_path / str(number), np.full((8, 8, bands), 7, dtype), pipeline)
        assert len(built) == 1
    (tmp_path / 'names').mkdir()
    image = np.full((8, 8, 4), 7, np.uint8)
    assert len(build(tmp_path / 'names', image, Config(dict(p=THREE_BANDS)).p, check='names')) == 1


def test_labels_of_16_bits_are_refused(make_tree, write_png):
    from depthda.datasets.pairing import Source, pair_by_stem
    from depthda.errors import UserError

    folder = make_tree() / 'Train/Urban'
    write_png(folder / 'masks_png/2.png', np.full((48, 64), 300, np.uint16))
    sources = Source('image', f'{folder}/images_png'), Source('label', f'{folder}/masks_png')
    sentence = (
        r'contains 1 label with more than 8 bits, which would be reduced to 8 \(2.png\): save'
    )
    with pytest.raises(UserError, match=sentence):
        pair_by_stem(*sources)


@pytest.mark.parametrize('kind', ['images', 'labels'])
def test_the_error_names_a_damaged_file(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 9, (64, 64, 3), np.uint8)
    for folder, array in (('images', noise), ('labels', noise[..., 0])):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'a.png'), array)
    dataset = RGBDSegDataset(
        data_root=str(tmp_path),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
        metainfo={},
    )
    assert dataset[0]['gt_seg_map'].shape == (64, 64)
    path = tmp_path / kind / 'a.png'
    content = bytearray(path.read_bytes())
    content[100:300] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        dataset[0]
    expected = f'{path} is damaged and cannot be decoded: create or download it again'
    assert str(caught.value) == expected
    # Other errors are not turned into a UserError.
    path.unlink()
    with pytest.raises(FileNotFoundError):
        dataset[0]
