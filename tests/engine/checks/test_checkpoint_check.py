"""A checkpoint is compared with the config that it is resumed or tested with."""

from pathlib import Path

import pytest
import torch
from refusals import refusal

from depthda.engine.checks.checkpoint_check import (
    check_tested_classes,
    resume_warning,
    test_warnings,
)
from depthda.engine.launch import test, train
from depthda.engine.prepare import load_config

test.__test__ = test_warnings.__test__ = False  # keep pytest from collecting these

CONFIGS = Path(__file__).parents[3] / 'configs' / 'sample'
CONFIG = CONFIGS / 'depthda_tiny_u2r.py'


@pytest.fixture
def trained(trained):
    """The checkpoint after two steps of a training, and its options."""
    folder, options = trained
    return str(folder / 'iter_2.pth'), options


def test_the_same_config_changes_nothing(trained):
    checkpoint, options = trained
    elsewhere = {
        'train_dataloader.num_workers': 0,
        'default_hooks.logger.interval': 7,
        'train_cfg.max_iters': 9,
        'model.test_cfg.stride': (32, 32),
        'model.decode_head.dropout_ratio': 0.1,
    }
    cfg = load_config(CONFIG, options | elsewhere)
    assert list(test_warnings(cfg, checkpoint)) == []
    check_tested_classes(cfg, checkpoint)
    del elsewhere['model.decode_head.dropout_ratio']
    assert resume_warning(load_config(CONFIG, options | elsewhere), checkpoint) is None


def test_a_resumed_run_reports_changed_settings(trained, tmp_path, capsys):
    checkpoint, options = trained
    options = options | {
        'train_cfg.max_iters': 4,
        'model.data_preprocessor.mean': [1.0, 2.0, 3.0],
        'model.decode_head.loss_decode.loss_weight': 0.5,
        'train_dataloader.dataset.domain': 'Rural',
    }
    last = tmp_path / 'iter_2.pth'
    last.write_bytes(Path(checkpoint).read_bytes())
    train(CONFIG, str(tmp_path), resume=True, cfg_options=options)
    sentence = (
        f'{last} was trained with another config, but the training continues with this one '
        '(model.data_preprocessor.mean: [123.675, 116.28, 103.53] → [1.0, 2.0, 3.0]; '
        'model.decode_head.loss_decode.loss_weight: 1.0 → 0.5; '
        "train_dataloader.dataset.domain: 'Urban' → 'Rural'): resume with the old values, or "
        'train in another --work-dir'
    )
    assert sentence in ' '.join(capsys.readouterr().out.split())


def test_only_the_first_differences_are_listed(trained):
    cfg = load_config(CONFIG, trained[1])
    cfg.train_dataloader.dataset.pipeline = [dict(type='X' * 80)]
    for number in range(6):
        cfg.model[f'new{number}'] = number
    text = resume_warning(cfg, trained[0])
    assert 'model.new0: not set → 0; ' in text and '; and 2 more): resume with' in text


def test_another_model_than_the_trained_one_is_reported(trained, tmp_path, capsys):
    checkpoint, options = trained
    changes = {'data_preprocessor.bgr_to_rgb': False, 'decode_head.align_corners': True}
    options = options | {f'model.{key}': value for key, value in changes.items()}
    test(CONFIG, checkpoint, str(tmp_path), cfg_options=options)
    sentence = (
        f'{checkpoint} was trained with a model that differs from the one in this config '
        '(model.data_preprocessor.bgr_to_rgb: True → False; model.decode_head.align_corners: '
        'False → True), which changes its predictions: test with the old values'
    )
    assert sentence in ' '.join(capsys.readouterr().out.split())


def test_other_depth_maps_than_in_training_are_reported(trained):
    checkpoint, options = trained
    cfg = load_config(CONFIG, options)
    old, cfg.test_dataloader.dataset.depth = (cfg.train_dataloader.dataset.depth, 'rdepth/other')
    assert list(test_warnings(cfg, checkpoint)) == [
        f'{checkpoint} was trained with the depth maps {old}, but this test reads rdepth/other: '
        'set test_dataloader.dataset.depth to the depth maps of the training'
    ]


def test_a_domain_that_was_trained_on_is_reported(trained):
    checkpoint, options = trained
    data = {key: value for key, value in options.items() if key.endswith('data_root')}
    cfg = load_config(CONFIGS / 'depthda_tiny_r2u.py', data)
    assert list(test_warnings(cfg, checkpoint)) == [
        f'{checkpoint} was trained on Urban, but this config trains on Rural and tests on '
        'Urban: the scores are not those of a model that has never seen the tested domain'
    ]


@pytest.mark.parametrize(
    'first, kind', [('agricultural', 'in another order'), ('x', 'other names')]
)
def test_other_classes_are_refused(trained, tmp_path, first, kind):
    content = torch.load(trained[0], weights_only=True)
    classes = list(content['meta']['dataset_meta']['classes'])
    other = [first, *classes[1:-1], classes[0] if first == classes[-1] else classes[-1]]
    content['meta']['dataset_meta']['classes'] = other
    file, work_dir = tmp_path / 'other.pth', str(tmp_path / 'a')
    torch.save(content, file)
    assert refusal(test, CONFIG, file, work_dir, cfg_options=trained[1]) == (
        f'{file} was trained on the classes {", ".join(other)}, but the test dataset has '
        f'{", ".join(classes)} ({kind}), so predictions would count as the wrong class: set '
        'test_dataloader.dataset.metainfo to the classes of the training.'
    )
    assert not (tmp_path / 'a').exists()


def test_weights_that_are_not_finite_are_refused(trained, tmp_path):
    checkpoint, options = trained
    content = torch.load(checkpoint, weights_only=True)
    content['state_dict']['decode_head.conv_seg.bias'][1] = torch.nan
    file, work_dir = tmp_path / 'nan.pth', str(tmp_path / 'a')
    torch.save(content, file)
    assert refusal(test, CONFIG, file, work_dir, cfg_options=options) == (
        f'{file} contains NaN or infinity in decode_head.conv_seg.bias, so its predictions would '
        'be useless: use an earlier checkpoint.'
    )
    assert not (tmp_path / 'a').exists()


def test_a_stored_config_is_never_run(trained, tmp_path):
    meta = dict(cfg=f"model = open({str(tmp_path / 'run')!r}, 'w')\nx = = 1", iter=1)
    for text in (meta['cfg'], meta['cfg'].splitlines()[0]):
        torch.save(dict(meta=meta | dict(cfg=text)), tmp_path / 'a.pth')
        assert list(test_warnings(load_config(CONFIG, trained[1]), str(tmp_path / 'a.pth'))) == []
    assert not (tmp_path / 'run').exists()
