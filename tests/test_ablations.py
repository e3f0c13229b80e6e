"""An ablation changes exactly the keys that its first lines declare."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from depthda.engine.optimizers.stage_decay import StageDecayOptimWrapperConstructor
from depthda.engine.overrides import READ_AFTER_PARSING
from depthda.engine.prepare import load_config

ROOT = Path(__file__).parents[1] / 'configs'
MAIN = 'depth_guided/depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
ABLATIONS = sorted(ROOT.glob('*/ablations/*.py'))


def flat(node: Any, path: str = '') -> dict[str, Any]:
    """Return the values that a run reads by dotted key, with lists as single values."""
    if isinstance(node, dict):
        values = {}
        for key, value in node.items():
            if path or key in READ_AFTER_PARSING:
                values |= flat(value, f'{path}.{key}' if path else key)
        return values
    return {path: node}


def differences(one: Config, other: Config) -> set[str]:
    first, second = flat(one.to_dict()), flat(other.to_dict())
    missing = object()
    return {
        key
        for key in first.keys() | second.keys()
        if first.get(key, missing) != second.get(key, missing)
    }


def marked(path: Path, mark: str) -> list[str]:
    """Return the lines of a config that begin with a mark, without the mark."""
    lines = path.read_text().splitlines()
    return [line.removeprefix(mark) for line in lines if line.startswith(mark)]


def undeclared(keys: set[str], declared: list[str]) -> set[str]:
    return {k for k in keys if not any(k == d or k.startswith(f'{d}.') for d in declared)}


@pytest.mark.parametrize('path', ABLATIONS, ids=[path.stem for path in ABLATIONS])
def test_an_ablation_changes_the_keys_it_declares(path):
    # An ablation is compared with the config that it names, or else with the main config.
    parent = (*marked(path, '# of: '), MAIN)[0]
    changed = differences(load_config(ROOT / parent), load_config(path))
    declared = [key for line in marked(path, '# ablates: ') for key in line.split(', ')]
    assert declared and not undeclared(changed, declared)
    for key in declared:
        assert undeclared(changed, [key]) != changed, f'{key} is declared but not changed'


@pytest.mark.parametrize('path', ABLATIONS, ids=[path.stem for path in ABLATIONS])
def test_an_ablation_builds_and_every_weight_has_a_learning_rate(path):
    cfg = load_config(path)
    # mmseg's MiT reads a value from a tensor while it is built, which fails on the meta device.
    with torch.device('cpu' if 'mit-' in path.name else 'meta'):
        model = MODELS.build(cfg.model)
    if 'decode_head' not in cfg.model:  # a translation
        return
    assert model.decode_head.num_classes == 7
    optimizer = dict(optimizer=cfg.optim_wrapper.optimizer)
    groups: list[dict] = []
    StageDecayOptimWrapperConstructor(optimizer, cfg.optim_wrapper.paramwise_cfg).add_params(
        groups, model
    )
    trained = sum(weight.requires_grad for weight in model.parameters())
    assert sum(len(group['params']) for group in groups) == trained
    rates = {group['lr_scale'] for group in groups}
    if path.parts[-3] == 'depthseg':  # its encoder is frozen
        assert rates == {1}
        return
    assert sorted(rates) == pytest.approx([0.9**n for n in (13, 12, 11, 10, 9, 0)])
