"""Packed tiles give the samples that their files give, and are complete or refused."""

import errno
import json
import shutil

import cv2
import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import ConfigDict
from mmseg.registry import DATASETS, TRANSFORMS
from torch.utils.data import DataLoader

from depthda.datasets import packed
from depthda.datasets.packed import pack_tiles
from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.engine.launch import train
from depthda.errors import UserError
from depthda.main import main
from depthda.randomness import SampleKey

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='LoadDepth')]
PACK = dict(type='PackSegInputs', meta_keys=('img_path', 'depth_path', 'ori_shape', 'img_shape'))
CROP = dict(type='BalancedCrop', crop_size=(24, 32), cat_max_ratio=0.3)
FLIP = dict(type='RandomFlip', prob=[0.5, 0.3], direction=['horizontal', 'vertical'])
CUT = dict(
    type='RandomCutOut', prob=1.0, n_holes=2, cutout_shape=(5, 5), fill_in=0, seg_fill_in=255
)
PIPELINES = {
    'crop': [*LOAD, CROP, FLIP, dict(type='OpticalDistortion'), PACK],
    'crop of mmseg, changed in place': [
        *(*LOAD, dict(type='RandomCrop', crop_size=(24, 32), cat_max_ratio=0.3)),
        *(CUT, FLIP, PACK),
    ],
    'whole tile': [*LOAD, FLIP, PACK],
    'whole tile, changed in place': [*LOAD, CUT, PACK],
    'RGB only': [*LOAD[:2], CROP, CUT, FLIP, PACK],
    'grey in place of depth': [*LOAD[:2], dict(type='LoadControlDepth', by='grey'), CROP, PACK],
}


def build(root, pipeline='crop', **settings):
    folders = dict(img_path='images_png', seg_map_path='masks_png', depth_path='rdepth/test')
    config = dict(
        type='RGBDSegDataset',
        data_root=str(root / 'Train/Urban'),
        data_prefix=folders,
        pipeline=PIPELINES[pipeline],
        reduce_zero_label=True,
    )
    return DATASETS.build(ConfigDict(config | settings, _scope_='mmseg'))


def samples(dataset):
    return [dataset[SampleKey(index, seed)] for seed in range(3) for index in range(len(dataset))]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one['inputs'].dtype == other['inputs'].dtype
        assert torch.equal(one['inputs'], other['inputs'])
        labels, wanted = (item['data_samples'].gt_sem_seg.data for item in (one, other))
        assert labels.dtype == wanted.dtype and torch.equal(labels, wanted)
        assert one['data_samples'].metainfo == other['data_samples'].metainfo


@pytest.mark.parametrize('pipeline', PIPELINES)
@pytest.mark.parametrize('depth', ['16 bits', '8 bits', 'GeoTIFF'])
def test_samples_are_those_of_the_files(make_tree, tmp_path, pipeline, depth):
    root = make_tree()
    for path in (root / 'Train/Urban/rdepth/test').glob('*.png'):
        codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        codes[3:9, 5:30] = 0  # no depth
        if depth == '8 bits':
            codes = (codes // 256).astype(np.uint8)
        cv2.imwrite(str(path), codes)
        if depth == 'GeoTIFF':
            path.unlink()
            form = dict(driver='GTiff', width=64, height=48, count=1, dtype='float32', nodata=0)
            with rasterio.open(path.with_suffix('.tif'), 'w', **form) as raster:
                raster.write(codes.astype(np.float32) / 7, 1)
    dataset = build(root, pipeline)
    assert pack_tiles(build(root, pipeline), tmp_path / 'packed') == 4
    cached = build(root, pipeline, cache=str(tmp_path / 'packed'))
    expected = samples(dataset)
    assert_same(samples(cached), expected)
    assert_same(samples(cached), expected)  # no transform has changed the packed tiles
    if depth == '16 bits':
        loader = DataLoader(cached, batch_size=None, num_workers=1, sampler=[SampleKey(1, 0)])
        assert_same(list(loader), expected[1:2])


def test_depth_is_converted_after_a_crop_only(make_tree, monkeypatch):
    shapes = []
    convert = 'depthda.datasets.transforms.uncropped.from_codes'
    monkeypatch.setattr(convert, lambda codes: shapes.append(codes.shape) or codes / 65535)
    build(make_tree())[0]
    build(make_tree(), 'whole tile')[0]
    assert shapes == [(24, 32), (48, 64)]
    assert not LoadDepth().before_crop


def test_packing_continues_and_adds_tiles(make_tree, tmp_path):
    folder, steps = tmp_path / 'packed', []
    pack_tiles(build(make_tree(range(2))), folder, progress=lambda *step: steps.append(step))
    assert steps == [(1, 2), (2, 2)]
    # An interruption leaves bytes without a line, or a part of a line.
    for name in ('img.bin', 'depth.bin', 'index.jsonl'):
        with open(folder / name, 'a') as file:
            file.write('{"name": "2.p')
    root = make_tree(range(4))
    with pytest.raises(UserError, match=r'2\.png is not among the packed tiles in .*: run depthda'):
        build(root, cache=str(folder))
    assert pack_tiles(build(root), folder) == 2
    assert pack_tiles(build(root), folder) == 0
    assert (folder / 'depth.bin').stat().st_size == 4 * 48 * 64 * 2
    assert_same(samples(build(root, cache=str(folder))), samples(build(root)))


def test_a_full_disk_stops_packing_with_a_sentence_and_it_continues(
    make_tree, tmp_path, monkeypatch
):
    root, folder = make_tree(), tmp_path / 'packed'
    write, written = packed._write, []

    def until_full(*arguments):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, 'No space left on device')
        written.append(arguments[2])
        return write(*arguments)

    monkeypatch.setattr(packed, '_write', until_full)
    with pytest.raises(UserError, match='No space left on device.*make room, and run the command'):
        pack_tiles(build(root), folder)
    monkeypatch.setattr(packed, '_write', write)
    assert pack_tiles(build(root), folder) == 2
    assert_same(samples(build(root, cache=str(folder))), samples(build(root)))


@TRANSFORMS.register_module()
class LoadNothing:
    """Its description contains its address."""

    def __call__(self, results):
        return results


def test_a_loader_without_a_description_of_its_own_is_recognised(make_tree, tmp_path, monkeypatch):
    monkeypatch.setitem(PIPELINES, 'own', [dict(type='LoadNothing'), *PIPELINES['RGB only']])
    root = make_tree()
    pack_tiles(build(root, 'own'), tmp_path / 'packed')
    cached = build(root, 'own', cache=str(tmp_path / 'packed'))
    assert_same(samples(cached), samples(build(root, 'own')))


def test_other_files_transforms_or_folders_are_refused(make_tree, tmp_path):
    root, folder = make_tree(), tmp_path / 'packed'
    with pytest.raises(UserError, match='no packed tiles in .*packed: make them with depthda'):
        build(root, cache=str(folder))
    with pytest.raises(UserError, match=f'{root} contains Train: choose a new folder'):
        pack_tiles(build(root), root)
    pack_tiles(build(root), folder)
    for other in (dict(reduce_zero_label=False), dict(pipeline='RGB only')):
        with pytest.raises(UserError, match='packed with other loading transforms'):
            build(root, cache=str(folder), **other)
        with pytest.raises(UserError, match='other loading transforms.*choose another folder'):
            pack_tiles(build(root, **other), folder)
    path = root / 'Train/Urban/masks_png/1.png'
    path.write_bytes(path.read_bytes() + b'more')
    with pytest.raises(UserError, match=r'1\.png, its labels or its depth have changed'):
        build(root, cache=str(folder), check='names')


def test_a_training_from_packed_tiles_has_the_same_losses(sample, short_run, tmp_path, capsys):
    config, folder = 'configs/sample/upernet_tiny_u2r.py', tmp_path / 'packed'
    root = f'train_dataloader.dataset.data_root={sample}'
    words = ['prepare-dataset', 'pack', config, '--out', str(folder), '--cfg-options', root]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert '8 tiles added, 8 in this dataset' in text  # the others are held out
    option = text.split('to use them: --cfg-options ')[1].split()[0]
    assert option == f'train_dataloader.dataset.cache={folder}'
    losses = []
    for name, cache in (('files', None), ('packed', str(folder))):
        settings = {'default_hooks.logger.interval': 1, option.split('=')[0]: cache}
        train(config, str(tmp_path / name), cfg_options=short_run | settings)
        (log,) = (tmp_path / name).glob('*/vis_data/scalars.json')
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        losses.append([line['loss'] for line in lines if 'loss' in line])
    assert losses[0] == losses[1] and len(losses[0]) == 4
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['configs/sample/daformer_upernet-tiny_u2r.py'], 'is a pair of datasets: pack each of'),
        (['sample/upernet_tiny_u2r', '--dataset', 'train'], 'has no dataset train: name another'),
        (['sample/upernet_tiny_u2r', '--workers', '0'], '--workers 0 must be 1 or more'),
    ],
)
def test_wrong_arguments_end_with_one_sentence(words, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(['prepare-dataset', 'pack', *words, '--out', str(tmp_path / 'x')])
    assert message in capsys.readouterr().err
