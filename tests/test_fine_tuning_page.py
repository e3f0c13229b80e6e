"""The config and commands of ``docs/fine-tuning.md`` work, with small encoders and two classes."""

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS
from test_your_data import domains  # noqa: F401  (a fixture)

from depthda.cli import OptionsAction
from depthda.engine.launch import load_config, test, train

test.__test__ = False  # keep pytest from collecting this imported function

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/fine-tuning.md').read_text()
REAL = ROOT / 'configs/depthda/depthda_convnext-b-s_1xb4-40k_prepared-512x512.py'
# A base with small encoders, heads and crops, which replaces the base of the page.
SMALL = f"""
_base_ = {str(REAL)!r}
small = dict(depths=[1, 1, 1, 1], drop_path_rate=0.1)
model = dict(
    backbone=dict(
        rgb=dict(arch=dict(hidden_sizes=[8, 16, 24, 32], **small)),
        depth=dict(arch=dict(hidden_sizes=[4, 8, 12, 16], **small)),
    ),
    neck=dict(rgb_channels=[8, 16, 24, 32], depth_channels=[4, 8, 12, 16]),
    decode_head=dict(in_channels=[12, 24, 36, 48], channels=8),
    auxiliary_head=dict(in_channels=36, channels=8),
    data_preprocessor=dict(size=(64, 64)),
    test_cfg=dict(crop_size=(64, 64), stride=(64, 64)),
)
"""
OPTIONS = {
    'train_dataloader.dataset.pipeline.3.crop_size': [64, 64],
    'train_dataloader.batch_size': 2,
    'train_cfg.max_iters': 1,
    'train_cfg.val_interval': 1,
} | {f'{name}_dataloader.num_workers': 0 for name in ('train', 'val', 'test')}


@pytest.fixture
def loveda_weights(domains, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data/custom').symlink_to(domains / 'data')
    base = tmp_path / 'configs/depthda' / REAL.name
    base.parent.mkdir(parents=True)
    base.write_text(SMALL)
    (block,) = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
    text, count = re.subn(r'(?m)^num_classes = 6', 'num_classes = 2', block)
    assert count == 1
    (tmp_path / 'configs/custom.py').write_text(text)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    model = load_config(base).model
    for part in (model.backbone.rgb, model.backbone.depth):
        part.weights = None
    for head in (model.decode_head, model.auxiliary_head):
        head.num_classes = 7
    Path('work_dirs/loveda').mkdir(parents=True)
    weights = MODELS.build(model).state_dict()
    torch.save({'state_dict': weights}, 'work_dirs/loveda/iter_40000.pth')
    return weights


def parse(command):
    parser = ArgumentParser()
    parser.add_argument('config')
    parser.add_argument('checkpoint', nargs='?')
    parser.add_argument('--work-dir')
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction, default={})
    return parser.parse_args(shlex.split(command)[2:])


def test_weights_for_seven_classes_are_fine_tuned_to_two(loveda_weights):
    trains, tests = [
        [parse(line) for line in PAGE.replace('\\\n', '').splitlines() if line.startswith(start)]
        for start in ('python tools/train.py', 'python tools/test.py')
    ]
    assert (len(trains), len(tests)) == (2, 1)
    first = trains[0]
    train(first.config, first.work_dir, cfg_options=OPTIONS | first.cfg_options)
    checkpoint = tests[0].checkpoint.replace('8000', '1')
    meta = torch.load(checkpoint, weights_only=True)['meta']['initialised_from']
    assert (meta['loaded'], meta['of']) == (len(loveda_weights) - 4, len(loveda_weights))
    assert meta['skipped']['of another shape'] == [
        'decode_head.conv_seg.weight 7×8×1×1 instead of 2×8×1×1',
        'decode_head.conv_seg.bias 7 instead of 2',
        'auxiliary_head.conv_seg.weight 7×8×1×1 instead of 2×8×1×1',
        'auxiliary_head.conv_seg.bias 7 instead of 2',
    ]
    results = test(tests[0].config, checkpoint, cfg_options=OPTIONS)
    assert {'IoU.field', 'IoU.wood'} <= set(results['scores'])

    # Use the overrides of the last command, with a frozen encoder: its weights are loaded as well.
    last = trains[1]
    frozen = {'+model.backbone.rgb.frozen': True}
    runner = train(last.config, last.work_dir, cfg_options=OPTIONS | last.cfg_options | frozen)
    assert max(runner.optim_wrapper.get_lr()['base_lr']) <= 1e-5
    encoder = runner.model.backbone.rgb.state_dict()
    assert not any(parameter.requires_grad for parameter in runner.model.backbone.rgb.parameters())
    assert all(
        torch.equal(value, loveda_weights[f'backbone.rgb.{key}']) for key, value in encoder.items()
    )


def test_the_output_on_the_page_is_that_of_the_full_model():
    cfg = load_config(REAL)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    count = len(model.state_dict())
    assert f'load_partial: {count - 4} of {count} tensors from' in PAGE
    assert 'decode_head.conv_seg.weight 7×512×1×1 instead of 6×512×1×1' in PAGE
    assert tuple(model.decode_head.conv_seg.weight.shape) == (6, 512, 1, 1)
