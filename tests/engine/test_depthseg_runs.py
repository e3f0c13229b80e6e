"""DepthSeg through the commands: its checkpoints name the frozen encoder and do not hold it."""

from pathlib import Path

import cv2
import pytest
import torch
from tiny_depth_anything import save_tiny
from transformers import Dinov2Backbone, Dinov2Config

from depthda.depth.maps import read_depth
from depthda.engine.launch import test, train
from depthda.errors import UserError

test.__test__ = False  # keep pytest from collecting this imported function

CONFIG = Path(__file__).parents[2] / 'configs/sample/depthseg_tiny_u2r.py'


def save_encoder(folder: Path, seed: int) -> str:
    """Save a tiny DINOv2 with the architecture of the config, in the format of published ones."""
    torch.manual_seed(seed)
    settings = dict(hidden_size=64, num_hidden_layers=4, num_attention_heads=2)
    config = Dinov2Config(**settings, patch_size=8, image_size=128)
    Dinov2Backbone(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope='module')
def trained(tmp_path_factory, short_run):
    """Train four steps on a saved encoder; return the folder and the options."""
    folder = tmp_path_factory.mktemp('depthseg')
    options = short_run | {
        'model.backbone.weights': save_encoder(folder / 'encoder', seed=0),
        'default_hooks.logger.interval': 1,
    }
    train(CONFIG, str(folder / 'run'), cfg_options=options)
    return folder / 'run', options


def read(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)['state_dict']


def test_a_checkpoint_names_the_encoder_and_a_test_finds_it(trained, tmp_path):
    folder, options = trained
    state = read(folder / 'iter_4.pth')
    assert [key for key in state if key.startswith('backbone.')] == ['backbone.fingerprint']
    assert any(key.startswith('depth_decoder.') for key in state)
    scores = test(CONFIG, folder / 'iter_4.pth', str(tmp_path), cfg_options=options)['scores']
    # A checkpoint that contains the encoder gives the same scores.
    complete = options | {'+model.backbone.in_checkpoint': True}
    train(CONFIG, str(tmp_path / 'whole'), cfg_options=complete)
    checkpoint = tmp_path / 'whole/iter_4.pth'
    complete_state = read(checkpoint)
    shared = complete_state.keys() & state
    assert all(torch.equal(complete_state[key], state[key]) for key in shared)
    assert 'backbone.fingerprint' not in complete_state and len(complete_state) > len(state)
    again = test(CONFIG, checkpoint, str(tmp_path / 'whole'), cfg_options=complete)
    assert again['scores'] == scores


def test_a_resumed_run_equals_an_uninterrupted_one(trained, tmp_path):
    folder, options = trained
    train(CONFIG, str(tmp_path), cfg_options=options | {'train_cfg.max_iters': 2})
    train(CONFIG, str(tmp_path), resume=True, cfg_options=options)
    first, second = read(folder / 'iter_4.pth'), read(tmp_path / 'iter_4.pth')
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_another_encoder_is_refused(trained, tmp_path):
    folder, options = trained
    other = options | {'model.backbone.weights': save_encoder(tmp_path / 'other', seed=1)}
    with pytest.raises(UserError, match='trained with a frozen encoder whose weights differ'):
        test(CONFIG, folder / 'iter_4.pth', str(tmp_path), cfg_options=other)
    gone = options | {'model.backbone.weights': str(tmp_path / 'gone')}
    with pytest.raises(UserError, match='gone.* does not exist'):
        test(CONFIG, folder / 'iter_4.pth', str(tmp_path), cfg_options=gone)


def test_depth_is_saved_next_to_the_label_map(trained, tmp_path):
    folder, options = trained
    keep = dict(out=str(tmp_path / 'masks'), save_depth=str(tmp_path / 'depth'))
    plain = test(CONFIG, folder / 'iter_4.pth', str(tmp_path), cfg_options=options)
    kept = test(CONFIG, folder / 'iter_4.pth', str(tmp_path), cfg_options=options, **keep)
    assert kept['scores'] == plain['scores']
    names = {path.name for path in (tmp_path / 'masks').iterdir()}
    assert len(names) == 3
    for kind in ('maps', 'pictures'):
        assert {path.name for path in (tmp_path / 'depth' / kind).iterdir()} == names
    for name in names:
        depth = read_depth(tmp_path / 'depth/maps' / name)
        picture = cv2.imread(str(tmp_path / 'depth/pictures' / name))
        assert depth.shape == (128, 128) and depth.min() > 0 and depth.std() > 0
        # The highest pixel is the brightest.
        assert picture.sum(2)[depth.argmax() // 128, depth.argmax() % 128] == picture.sum(2).max()


def test_save_depth_is_refused_with_tta_and_without_predicted_depth(trained, tmp_path):
    folder, options = trained
    keep = dict(save_depth=str(tmp_path / 'depth'), cfg_options=options)
    with pytest.raises(UserError, match='--tta averages scores, but not depth'):
        test(CONFIG, folder / 'iter_4.pth', str(tmp_path), tta=True, **keep)
    without = {key: value for key, value in options.items() if 'weights' not in key}
    with pytest.raises(UserError, match='EncoderDecoder of this config does not predict depth'):
        config, keep['cfg_options'] = CONFIG.with_name('depthda_tiny_u2r.py'), without
        test(config, folder / 'iter_4.pth', str(tmp_path), **keep)


def test_a_teacher_estimates_depth_if_the_images_have_no_depth_maps(trained, tmp_path):
    _, options = trained
    save_tiny(tmp_path / 'teacher')
    without = options | {'train_dataloader.dataset.depth': None, 'train_cfg.max_iters': 2}
    with pytest.raises(UserError, match='none: set depth=... of the dataset, or teacher='):
        train(CONFIG, str(tmp_path / 'none'), cfg_options=without)
    with_teacher = without | {
        '+model.teacher.type': 'DepthAnythingTeacher',
        '+model.teacher.weights': str(tmp_path / 'teacher'),
    }
    train(CONFIG, str(tmp_path / 'run'), cfg_options=with_teacher)
    state = read(tmp_path / 'run/iter_2.pth')
    assert not [key for key in state if 'teacher' in key]
