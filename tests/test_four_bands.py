"""Images of four optical bands are prepared, trained on and tested with the shipped configs."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from mmengine.config import Config
from tiny_rasters import write_raster

from depthda.datasets.checks.report import band_statistics, check_datasets
from depthda.datasets.class_list import numbered
from depthda.datasets.prepared import PreparedDataset
from depthda.datasets.synthetic import make_world, write_sample
from depthda.engine.launch import test as run_test
from depthda.engine.launch import train
from depthda.engine.prepare import load_config
from depthda.errors import UserError
from depthda.pictures.browse import deal, open_source
from depthda.preparation.folder import FolderSettings, prepare_folder
from depthda.preparation.scene import Cut
from depthda.preparation.splits import Splits

CONFIGS = Path(__file__).parents[1] / 'configs'
SAMPLE = CONFIGS / 'sample/depthda_tiny_4band_u2r.py'


@pytest.fixture(scope='module')
def sample_4band(tmp_path_factory):
    root = tmp_path_factory.mktemp('bands') / 'sample'
    world = make_world('v1', ('urban', 'rural'), seed=0, size=128)
    write_sample(root, world, {'Train': 12, 'Val': 2, 'Test': 3}, bands='near-infrared')
    return root


def read(path):
    with rasterio.open(path) as raster:
        assert raster.count == 4 and rasterio.enums.ColorInterp.alpha not in raster.colorinterp
        return raster.read()


def test_the_four_band_sample_has_near_infrared_in_addition(sample_4band, sample):
    four = sorted(sample_4band.rglob('images_png/*.tif'))
    assert len(four) == 34 and not list(sample_4band.rglob('images_png/*.png'))
    with rasterio.open(sample / 'Train/Urban/images_png/20.png') as raster:
        three = raster.read()
    bands = read(sample_4band / 'Train/Urban/images_png/20.tif')
    assert np.array_equal(bands[:3], three)
    with rasterio.open(sample_4band / 'Train/Urban/masks_png/20.png') as raster:
        mask = raster.read(1)
    green, other = bands[3][mask >= 6].mean(), bands[3][(mask > 0) & (mask < 6)].mean()
    assert green > other + 50
    assert json.loads((sample_4band / 'world.json').read_text())['near_infrared'] is True
    assert 'near_infrared' not in json.loads((sample / 'world.json').read_text())


def runs(config, work_dir, options):
    train(config, str(work_dir), cfg_options=options)
    found = run_test(config, next(work_dir.glob('iter_2.pth')), str(work_dir), cfg_options=options)
    assert 0 <= found['scores']['mIoU'] <= 100
    return found


SHORT = {
    'train_dataloader.batch_size': 2,
    'train_cfg.max_iters': 2,
    'train_cfg.val_interval': 2,
    'default_hooks.checkpoint.interval': 2,
    'param_scheduler.0.end': 1,
    'param_scheduler.1.begin': 1,
    'param_scheduler.1.end': 2,
}


def test_the_sample_config_trains_and_tests(sample_4band, tmp_path):
    options = SHORT | {
        f'{name}_dataloader.dataset.data_root': str(sample_4band)
        for name in ('train', 'val', 'test')
    }
    runs(SAMPLE, tmp_path, options)
    cfg = load_config(SAMPLE, options)
    seen = next(deal(open_source(cfg, 'sample', 'train'), 1, 1, seed=0))
    assert seen.image.shape == seen.fourth.shape == (128, 128, 3)
    line = band_statistics(check_datasets(cfg, ['train'])[0])
    values = np.stack(
        [read(path) for path in sorted(sample_4band.glob('Train/Urban/images_png/*'))[:8]]
    )  # the last block of four numbers, 20 to 23, is held out
    mean = ', '.join(f'{value:.2f}' for value in values.mean((0, 2, 3), dtype=np.float64))
    assert line.startswith(f'optical bands, red first: mean=[{mean}], std=[')


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """Prepare tiles of four 16-bit bands, with all bands and values kept."""
    root = tmp_path_factory.mktemp('prepared')
    rng = np.random.default_rng(0)
    for folder, bands, top, kind in (('rgb', 4, 4000, 'uint16'), ('mask', 1, 3, 'uint8')):
        for name in ('a', 'b'):
            pixels = rng.integers(0, top, (128, 128, bands)).astype(kind)
            write_raster(root / folder / f'{name}.tif', pixels)
    settings = FolderSettings(
        root / 'rgb',
        root / 'mask',
        cut=Cut(64, 64, (1, 2, 3, 4), None, True, numbered(['x', 'y', 'z'])),
        splits=Splits(dict(train=0.5, val=0.5), by='block'),
        domain='north',
    )
    prepare_folder(root / 'set', settings)
    return root


def test_tiles_of_four_bands_are_geotiffs_with_the_original_values(prepared):
    tiles = sorted((prepared / 'set/images').iterdir())
    assert len(tiles) == 8 and {path.suffix for path in tiles} == {'.tif'}
    with rasterio.open(prepared / 'rgb/a.tif') as raster:
        whole = raster.read()
    assert np.array_equal(read(prepared / 'set/images/a_64_0_128_64.tif'), whole[:, :64, 64:])


def test_a_prepared_config_trains_and_tests(prepared, tmp_path):
    config = tmp_path / 'config.py'
    bases = ['models/upernet_tiny.py', 'datasets/prepared-4band-512x512.py']
    bases += ['schedules/adamw-sample.py', 'default_runtime.py']
    config.write_text(f"""
_base_ = {[str(CONFIGS / '_base_' / base) for base in bases]}
model = dict(
    data_preprocessor=dict(mean=[2000.0] * 4, std=[1000.0] * 4, size=(64, 64)),
    backbone=dict(in_channels=4),
    decode_head=dict(num_classes=3),
    test_cfg=dict(crop_size=(64, 64), stride=(64, 64)),
)
""")
    root = str(prepared / 'set')
    loader = {'dataset.data_root': root, 'dataset.depth': None, 'num_workers': 0}
    loader['persistent_workers'] = False
    loaders = [f'{name}_dataloader.' for name in ('train', 'val', 'test')]
    options = {name + key: value for name in loaders for key, value in loader.items()}
    found = runs(config, tmp_path / 'run', SHORT | options)
    assert found['tested_on']['images'] == 8
    three = Config.fromfile(CONFIGS / '_base_/datasets/prepared-512x512.py')
    with pytest.raises(UserError, match='8 images with 4 bands, which LoadImageFromFile would'):
        PreparedDataset(root, depth=None, pipeline=three.test_pipeline)
