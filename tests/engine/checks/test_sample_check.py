import copy

import cv2
import numpy as np
import pytest
import tifffile
from mmengine.config import Config
from refusals import refusal

from depthda.depth.maps import write_depth
from depthda.engine.checks import sample_check
from depthda.engine.checks.sample_check import tile_warnings
from depthda.errors import UserError

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth'),
    dict(type='BalancedCrop', crop_size=(16, 24)),
]


@pytest.fixture
def config(tmp_path):
    """A training dataset of 40 tiles of 24×16 (width × height) with depth that rises."""
    for name in ('images', 'depth'):
        (tmp_path / name).mkdir()
    for number in range(40):
        picture = np.zeros((16, 24, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f'images/{number:02}.png'), picture)
        write_depth(tmp_path / f'depth/{number:02}.png', np.linspace(0, 1, 384).reshape(16, 24))
    data = dict(
        type='RGBDSegDataset',
        data_root=str(tmp_path),
        data_prefix=dict(img_path='images', depth_path='depth'),
        pipeline=PIPELINE,
    )
    return Config(dict(model={}, train_dataloader=dict(dataset=data)))


def test_sound_tiles_give_no_warning(config, tmp_path):
    assert tile_warnings(config) == []
    config.train_dataloader.dataset.data_root = str(tmp_path / 'nowhere')
    assert tile_warnings(config) == []  # reported when the dataset is built
    assert tile_warnings(Config(dict(train_dataloader=None))) == []


def test_depth_of_8_bits_in_maps_of_16(config, tmp_path):
    for number in range(40):
        codes = np.arange(1, 385, dtype=np.uint16).reshape(16, 24) % 255 + 1
        cv2.imwrite(str(tmp_path / f'depth/{number:02}.png'), codes * (1 if number < 20 else 257))
    (line,) = (line for line in tile_warnings(config) if 'use at most' in line)
    assert line == (
        '8 of 16 sampled training depth maps use at most 255 of the 65,535 values of 16 bits '
        '(00.png, 03.png, 05.png, …): save 8-bit values as an 8-bit PNG, or multiply them by '
        '257'
    )


def test_depth_maps_without_information(config, tmp_path):
    for number in range(40):
        depth = np.full((16, 24), 0.25 if number < 20 else 0.0)
        write_depth(tmp_path / f'depth/{number:02}.png', depth)
    assert tile_warnings(config) == [
        '8 of 16 sampled training depth maps have no pixel with depth (21.png, 23.png, 26.png, '
        '…): they tell the model nothing about depth, so make them again',
        '8 of 16 sampled training depth maps have the same depth in all pixels (00.png, '
        '03.png, 05.png, …): they tell the model nothing about depth, so make them again',
    ]
    # A map with a no-data pixel, and one value in all others, has one depth, too.
    for number in range(40):
        depth = np.full((16, 24), 0.25)
        depth[number % 16] = 0
        write_depth(tmp_path / f'depth/{number:02}.png', depth)
    (line,) = tile_warnings(config)
    assert line.startswith('16 of 16 sampled training depth maps have the same depth in all pixel')
    # A model that reads only optical bands reads no depth, nor does a pipeline without depth.
    config.model = dict(data_preprocessor=dict(depth='drop'))
    assert tile_warnings(config) == []
    config.model = {}
    config.train_dataloader.dataset.pipeline = [PIPELINE[0]]
    assert tile_warnings(config) == []


def test_labels_without_a_class(config, tmp_path):
    (tmp_path / 'labels').mkdir()

    def write(number_empty: int) -> None:
        """Write 40 labels; the first have only 0, which reduce_zero_label turns into ignored."""
        for number in range(40):
            label = np.full((16, 24), 0 if number < number_empty else 2, np.uint8)
            cv2.imwrite(str(tmp_path / f'labels/{number:02}.png'), label)

    data = config.train_dataloader.dataset
    data.data_prefix.seg_map_path = 'labels'
    data.reduce_zero_label = True
    data.metainfo = dict(classes=['road', 'water'])
    write(40)
    assert tile_warnings(config) == []  # a pipeline that loads no label
    data.pipeline.append(dict(type='LoadAnnotations'))
    assert refusal(tile_warnings, config) == (
        f'none of the 40 training label maps in {tmp_path}/labels has a pixel with a class '
        '(00.png, 03.png, 05.png, …): check the label maps and reduce_zero_label of the dataset'
    )
    # One label with a class, not among the samples, makes a warning of the error.
    cv2.imwrite(str(tmp_path / 'labels/01.png'), np.full((16, 24), 1, np.uint8))
    assert tile_warnings(config)[0].startswith('16 of 16 sampled training label maps have no pixel')
    write(30)
    assert tile_warnings(config) == [
        '12 of 16 sampled training label maps have no pixel with a class (00.png, 03.png, '
        '05.png, …): check the label maps and reduce_zero_label of the dataset'
    ]
    write(20)
    assert tile_warnings(config) == []
    # A value beyond the classes would stop the training once a crop contains it.
    data.metainfo = dict(classes=['road'])
    sentence = r'labels/\d+\.png contains the value 2, but the 1 classes are 1 to 1: correct the l'
    with pytest.raises(UserError, match=sentence):
        tile_warnings(config)


def test_rasters_that_are_stretched_one_by_one(config, tmp_path):
    for path in sorted((tmp_path / 'depth').iterdir()):
        tifffile.imwrite(path.with_suffix('.tif'), np.arange(384.0).reshape(16, 24))
        path.unlink()
    (line,) = tile_warnings(config)
    assert line == (
        f'the depth maps in {tmp_path}/depth are GeoTIFFs, and each is stretched from its own '
        'minimum to its own maximum, so the same height has different values in different '
        'tiles: make maps with depthda normalize-dsm, or set value_range=(LOW, HIGH) of '
        'LoadDepth'
    )
    config.train_dataloader.dataset.pipeline[1].value_range = (0, 400)
    assert tile_warnings(config) == []


def test_tiles_below_the_crop(config):
    crop = config.train_dataloader.dataset.pipeline[2]
    crop.crop_size = (16, 25)
    assert tile_warnings(config) == [
        '16 of 16 sampled training tiles are smaller than the crop of 25×16 (00.png: 24×16, '
        '03.png: 24×16, 05.png: 24×16, …), so they are padded, or stop the training if '
        'nothing pads them: set a smaller crop_size in the pipeline, and the same size in '
        'model.data_preprocessor and model.test_cfg'
    ]
    crop.crop_size = 17
    assert 'the crop of 17×17' in tile_warnings(config)[0]
    # Tiles that are resized first have another size when they are cropped.
    config.train_dataloader.dataset.pipeline.insert(1, dict(type='RandomResize', scale=(64, 64)))
    assert tile_warnings(config) == []


def test_a_pair_of_domains_is_opened_and_few_files_are_read(config, monkeypatch):
    inner = config.train_dataloader.dataset
    pair = dict(type='DomainPairDataset', source=inner, target=copy.deepcopy(inner))
    config.train_dataloader = dict(dataset=pair)
    config.train_dataloader.dataset.target.pipeline[2].crop_size = (99, 99)
    read, depth = [], np.array([[0.1, 0.2]])
    monkeypatch.setattr(sample_check, 'read_depth', lambda path: read.append(path) or depth)
    (line,) = tile_warnings(config)
    assert 'the crop of 99×99' in line and len(read) == 32


def test_values_far_from_the_statistics_of_the_model(config, tmp_path):
    path = tmp_path / 'images' / '00.png'
    picture = np.random.default_rng(0).normal((60, 120, 180), 40, (16, 24, 3)).clip(0, 255)
    cv2.imwrite(str(path), picture.astype(np.uint8))
    usual = dict(mean=[180.0, 120, 60], std=[40.0, 40, 40], bgr_to_rgb=True)
    config.model = dict(data_preprocessor=usual)
    assert tile_warnings(config) == []  # the bands are reversed as the model does it
    end = (
        'after normalisation, where about 0 and 1 are expected: set mean and std of '
        'model.data_preprocessor to those of the loaded values'
    )
    config.model.data_preprocessor = usual | dict(depth_mean=120.0)
    (line,) = tile_warnings(config)
    assert line == f'depth of {path} has a mean of -529 and a standard deviation of 1.28 {end}'
    config.model.data_preprocessor.depth = 'drop'
    assert tile_warnings(config) == []
    config.model.data_preprocessor = usual | dict(mean=[0.485, 0.456, 0.406], std=[0.229] * 3)
    lines = tile_warnings(config)
    assert [line.split(' of ')[0] for line in lines] == ['band 0', 'band 1', 'band 2']
    # Bands between 0 and 1 for statistics of 0 to 255.
    cv2.imwrite(str(path), (picture > 120).astype(np.uint8))
    config.model.data_preprocessor = usual
    assert len(tile_warnings(config)) == 3
