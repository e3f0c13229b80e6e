"""Estimated depth maps that were made from other images, with other weights or in another mode."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from refusals import refusal

from depthda.datasets.checks.inspection import inspect_sample
from depthda.depth.maps import write_depth
from depthda.depth.monocular.folder import MapFolder
from depthda.engine.checks.data_check import check_depth_images, data_warnings, datasets_of
from depthda.engine.launch import check_training
from depthda.engine.launch import test as run_test
from depthda.errors import UserError
from depthda.io.png import add_note

CONFIG = Path(__file__).parents[3] / 'configs/sample/depthda_tiny_u2r.py'
STEPS = [dict(type='LoadImageFromFile'), dict(type='LoadDepth'), dict(type='PackSegInputs')]


def estimator_settings(weights='ab' * 32, mode='whole', height=518):
    preprocessing = dict(height=height, width=height, multiple=14)
    return dict(weights=weights, preprocessing=preprocessing, mode=mode, tile=None, overlap=None)


def estimate(folder: Path, model='small', images=3, **changed) -> None:
    """Write images, and depth maps that record the image they are of, as ``depthda depth`` does."""
    (folder / 'images').mkdir(parents=True)
    provenance = dict(model=model, versions=[])
    maps = MapFolder(folder / 'rdepth/da', estimator_settings(**changed), provenance)
    maps.open()
    for number in range(images):
        image = folder / f'images/{number:02}.png'
        cv2.imwrite(str(image), np.full((8, 8, 3), number, np.uint8))
        maps.save(image.stem, np.arange(64.0).reshape(8, 8), image)
    maps.finish()


def config(root: Path, **folders: str) -> Config:
    common = dict(type='RGBDSegDataset', depth='rdepth/da', labels=False, pipeline=STEPS)
    common['metainfo'] = dict(classes=())
    return Config(
        {
            f'{name}_dataloader': dict(dataset=dict(common, data_root=str(root / folder)))
            for name, folder in folders.items()
        }
    )


@pytest.mark.parametrize(
    'changed, difference',
    [
        (
            dict(model='large', weights='cd' * 32),
            'weights small (SHA-256 abababab…) and large (SHA-256 cdcdcdcd…)',
        ),
        (dict(mode='tiled'), 'mode whole and tiled'),
        (dict(height=70), 'height 518 and 70; width 518 and 70'),
        ({}, None),
    ],
)
def test_maps_estimated_with_different_settings_are_reported(tmp_path, changed, difference):
    estimate(tmp_path / 'north')
    estimate(tmp_path / 'south', **changed)
    # Maps without a record, such as those of a surface model, are not compared.
    shutil.copytree(tmp_path / 'north', tmp_path / 'west')
    (tmp_path / 'west/rdepth/da/depth_maps.json').unlink()
    cfg = config(tmp_path, train='north', val='west', test='south')
    cfg.val_dataloader.dataset = [cfg.val_dataloader.dataset, cfg.train_dataloader.dataset]
    lines = [line for line in data_warnings(cfg) if 'also training images' not in line]
    expected = (
        f'the depth maps in {tmp_path}/north/rdepth/da (train) and {tmp_path}/south/rdepth/da '
        f'(test) were made with different settings ({difference}): make both with the same options '
        'of depthda depth'
    )
    assert lines == ([expected] if difference else [])


def test_heights_scaled_from_different_ranges_are_reported(tmp_path):
    cfg = config(tmp_path, train='north', test='south')
    for folder, high in (('north', 40), ('south', 60.5)):
        maps = tmp_path / folder / 'rdepth/da'
        (tmp_path / folder / 'images').mkdir(parents=True)
        cv2.imwrite(str(tmp_path / folder / 'images/0.png'), np.full((8, 8, 3), high, np.uint8))
        maps.mkdir(parents=True)
        write_depth(maps / '0.png', np.full((8, 8), 0.5))
        content = dict(settings={}, range=dict(low=0, high=high))
        (maps / 'manifest.json').write_text(json.dumps(content))
    (line,) = data_warnings(cfg)
    assert line.endswith(
        '(test) were made with different settings (range 0…40 and 0…60.5): make both with the same '
        'options of depthda normalize-dsm'
    )


def test_maps_of_images_that_were_replaced_are_refused(tmp_path):
    estimate(tmp_path / 'north')
    estimate(tmp_path / 'south', images=70)
    cfg = config(tmp_path, train='north', test='south')
    check_depth_images(cfg)
    check_depth_images(config(tmp_path, train='absent'))
    image = tmp_path / 'south/images/69.png'
    cv2.imwrite(str(image), np.full((8, 8, 3), 200, np.uint8))
    check_depth_images(cfg, ['train', 'val'])
    expected = (
        f'{tmp_path}/south/rdepth/da/69.png was estimated from another version of {image}: remove '
        f'{tmp_path}/south/rdepth/da and estimate the depth maps again with depthda depth'
    )
    assert refusal(check_depth_images, cfg) == expected
    # Images of one tile in other bands share its depth map, so one match is enough.
    (tmp_path / 'south/images_irrg').mkdir()
    cv2.imwrite(str(tmp_path / 'south/images_irrg/69.png'), np.full((8, 8, 3), 69, np.uint8))
    check_depth_images(cfg)
    shutil.rmtree(tmp_path / 'south/images_irrg')
    # check_depth_images reads some of the 70 files; the check of a dataset reads them all.
    (dataset,) = datasets_of(cfg, 'test')
    assert inspect_sample(dataset, 69).fault == expected


def test_training_and_testing_refuse_maps_of_other_images(sample, short_run, tmp_path):
    data = shutil.copytree(sample, tmp_path / 'data')
    options = {key: str(data) if 'root' in key else value for key, value in short_run.items()}
    for path in (data / 'Test/Rural/rdepth/synthetic').iterdir():
        note = json.dumps(dict(settings='', image='another image'))
        path.write_bytes(add_note(path.read_bytes(), note))
    torch.save({'state_dict': {}, 'meta': {}}, tmp_path / 'x.pth')
    with pytest.raises(UserError, match='was estimated from another version of'):
        check_training(CONFIG, str(tmp_path / 'run'), cfg_options=options)
    with pytest.raises(UserError, match='was estimated from another version of'):
        run_test(CONFIG, tmp_path / 'x.pth', str(tmp_path / 'run'), cfg_options=options)
