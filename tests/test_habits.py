"""The usual interface of mmseg works: Config, Runner, init_model, inference_model."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.apis import inference_model, init_model

from depthda.errors import UserError

CONFIG = Path(__file__).parents[1] / 'configs' / 'sample' / 'depthda_tiny_u2r.py'
RGB_ONLY = CONFIG.with_name('upernet_tiny_u2r.py')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory, short_run):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(short_run)
    cfg.work_dir = str(tmp_path_factory.mktemp('habits'))
    cfg.train_cfg.max_iters = 2
    Runner.from_cfg(cfg).train()
    return f'{cfg.work_dir}/iter_2.pth'


@pytest.fixture(scope='module')
def model(checkpoint):
    return init_model(str(CONFIG), checkpoint, device='cpu')


def test_inference_on_a_path_reads_the_depth_map_of_the_image(model, sample):
    folder = sample / 'Test' / 'Rural'
    path = next((folder / 'images_png').iterdir())
    from_path = inference_model(model, str(path))
    assert from_path.pred_sem_seg.data.shape == (1, 128, 128)

    # An array with the same depth as fourth channel has the same result, and other depth another.
    image = cv2.imread(str(path)).astype(np.float32)
    depth = cv2.imread(str(folder / 'rdepth/synthetic' / path.name), cv2.IMREAD_UNCHANGED) / 65535
    stacked = np.dstack([image, depth.astype(np.float32)])
    from_array = inference_model(model, stacked)
    assert torch.equal(from_array.seg_logits.data, from_path.seg_logits.data)
    stacked[..., 3] = 1 - stacked[..., 3]
    other = inference_model(model, stacked)
    assert not torch.equal(other.seg_logits.data, from_path.seg_logits.data)


def test_an_array_without_depth_is_refused(model):
    with pytest.raises(UserError, match='depth'):
        inference_model(model, np.zeros((64, 64, 3), np.uint8))


def test_the_checkpoint_contains_classes_and_colours(model):
    assert model.dataset_meta['classes'][1] == 'building'
    assert len(model.dataset_meta['palette']) == 7


def test_an_rgb_only_model_needs_no_depth(tmp_path, sample):
    model = init_model(str(RGB_ONLY), device='cpu')
    path = next((sample / 'Test' / 'Rural' / 'images_png').iterdir())
    # A copy without a depth map.
    image = cv2.imread(str(path))
    cv2.imwrite(str(tmp_path / 'scene.png'), image)
    from_path = inference_model(model, str(tmp_path / 'scene.png'))
    from_array = inference_model(model, image)
    assert torch.equal(from_array.seg_logits.data, from_path.seg_logits.data)
    # An array may have depth as its last channel, which the model does not use.
    stacked = np.dstack([image, np.full(image.shape[:2], 0.5)]).astype(np.float32)
    with_depth = inference_model(model, stacked)
    assert torch.equal(with_depth.seg_logits.data, from_path.seg_logits.data)


def test_the_checkpoint_of_another_model_is_refused(checkpoint):
    with pytest.raises(
        UserError, match='does not fit the model.*not known to the model .backbone.depth'
    ):
        init_model(str(RGB_ONLY), checkpoint, device='cpu')
