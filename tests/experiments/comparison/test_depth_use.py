"""The test of depth use, on models whose use of depth is known."""

import json

import pytest
import torch

from depthda.engine.launch import train
from depthda.errors import UserError
from depthda.experiments.comparison.depth_use import test_depth_use as run_depth_use

CONFIG = 'configs/sample/depthda_tiny_u2r.py'


@pytest.fixture(scope='module')
def trained(tmp_path_factory, short_run):
    folder = tmp_path_factory.mktemp('depth-use')
    train(CONFIG, work_dir=str(folder), cfg_options=short_run)
    return folder


def test_a_model_that_uses_depth_changes_with_it(trained, short_run, capsys):
    kinds = ['as-is', 'zero', 'flat', 'shuffle']
    scores = run_depth_use(
        CONFIG, trained / 'iter_4.pth', kinds, work_dir=str(trained), cfg_options=short_run
    )
    assert list(scores) == kinds
    assert len({round(found['OA'], 6) for found in scores.values()}) == 4
    assert json.loads((trained / 'depth-use.json').read_text()) == scores
    out = capsys.readouterr().out
    difference = scores['zero']['mIoU'] - scores['as-is']['mIoU']
    assert f'{scores["as-is"]["mIoU"]:.2f}' in out and f'{difference:+.2f}' in out
    metrics = json.loads((trained / 'depth-flat' / 'metrics.json').read_text())
    assert metrics['scores'] == scores['flat']
    assert 'this model' not in out


def test_a_model_that_ignores_depth_does_not_change(trained, short_run, capsys):
    """The same weights, with every path from the depth encoder to the head cut."""
    checkpoint = torch.load(trained / 'iter_4.pth', weights_only=True)
    for name, weight in checkpoint['state_dict'].items():
        if name.startswith('backbone.depth') and name.endswith(('weight', 'bias')):
            weight.zero_()
    torch.save(checkpoint, trained / 'blind.pth')
    scores = run_depth_use(
        CONFIG,
        trained / 'blind.pth',
        ['as-is', 'shuffle'],
        work_dir=str(trained / 'blind'),
        cfg_options=short_run,
    )
    assert scores['as-is'] == scores['shuffle']
    assert 'all scores are the same: this model does not use depth\n' in (capsys.readouterr().out)


def test_a_model_without_depth_does_not_change_in_the_last_digit(tmp_path, short_run, capsys):
    config = 'configs/sample/upernet_tiny_u2r.py'
    train(config, work_dir=str(tmp_path), cfg_options=short_run)
    kinds = ['as-is', 'zero', 'flat', 'shuffle']
    scores = run_depth_use(
        config, tmp_path / 'iter_4.pth', kinds, work_dir=str(tmp_path), cfg_options=short_run
    )
    assert all(found == scores['as-is'] for found in scores.values())
    assert "this model reads no depth: its data_preprocessor has depth='drop'\n" in (
        capsys.readouterr().out
    )


def test_a_pipeline_without_depth_is_refused(trained, short_run):
    options = short_run | {'test_dataloader.dataset.pipeline': [dict(type='LoadImageFromFile')]}
    with pytest.raises(UserError, match='LoadDepth'):
        run_depth_use(CONFIG, trained / 'iter_4.pth', ['zero'], cfg_options=options)
