"""Refuse mistakes in a config that mmengine accepts silently, or reports with a traceback only."""

import ast
import math
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIMIZERS

from depthda.engine.checks.build_mistakes import unknown
from depthda.engine.overrides import (
    READ_AFTER_PARSING,
    describe_uses,
    runtime_nodes,
    segmentor_config,
)
from depthda.errors import UserError

_LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')
# Packages that mmengine's backends import when the run begins; one from each tuple is enough.
_PACKAGES = {
    f'{name}VisBackend': (name.lower(),)
    for name in ('Aim', 'ClearML', 'DVCLive', 'MLflow', 'Neptune', 'Wandb')
}
_PACKAGES['TensorboardVisBackend'] = ('tensorboard', 'tensorboardX')

_read: dict[str, tuple[dict, dict]] = {}  # by config file: versions of its files, and its values


def check_names(path: Path, read_by_children: frozenset[str] | None = None) -> None:
    """Refuse a name that a config file sets again although only its base uses it.

    Values are copied when a file is parsed: ``crop_size = (256, 256)`` in a child does not reach
    the base's pipelines, which were made with the base's own value. The bases are checked, too.
    They may set names that a file built on them reads as ``{{_base_.name}}``. They may also set
    names that nothing uses yet, such as ``target_images``, which are meant for such files.
    """
    if path.suffix != '.py' or not (bases := Config._get_base_files(str(path))):
        return
    text = path.read_text(encoding='utf-8')
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)]
    assigned = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    read = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
    read |= read_by_children or set()
    unread = assigned - read - READ_AFTER_PARSING
    names = {name for name in unread if not name.startswith('_')}
    base_files = [Config._get_cfg_path(base, str(path)) for base in bases]
    if names:
        base_values: dict[str, Any] = {}
        for base, _ in base_files:
            base_values |= _values(base)
        is_base = read_by_children is not None
        _check_uses(path, names, base_values, _values(path), is_base)
    used = (read_by_children or frozenset()) | frozenset(re.findall(r'_base_\.(\w+)', text))
    for base, library in base_files:
        if library is None:  # 'mmseg::…' cannot be edited by the user
            check_names(Path(base), used)


def _values(path: str | Path) -> dict[str, Any]:
    """Return the values of a config file, which is read again only if it or a base has changed.

    The configs of a table share most of their bases.
    """
    name = os.path.abspath(path)  # the working directory may change
    files, _ = _read.get(name, ({}, {}))
    if not files or files != {file: _version(file) for file in files}:
        files = {file: _version(file) for file in _with_bases(name)}
        _read[name] = files, Config.fromfile(name).to_dict()
    return _read[name][1]


def _with_bases(path: str) -> set[str]:
    bases = [Config._get_cfg_path(base, path)[0] for base in Config._get_base_files(path)]
    return {path}.union(*map(_with_bases, bases))


def _version(path: str) -> tuple[int, int] | None:
    """Return what changes when a file does; None if it does not exist any more."""
    if not os.path.exists(path):
        return None
    state = os.stat(path)
    return state.st_mtime_ns, state.st_size


def _check_uses(
    path: Path, names: set[str], base_values: dict, child_values: dict, is_base: bool = False
) -> None:
    values = dict(runtime_nodes(child_values))
    for name in sorted(base_values.keys() & child_values.keys() & names):
        uses = [key for key, value in runtime_nodes(base_values) if value == base_values[name]]
        # Not a mistake if the child also sets the keys that the base made with this name.
        set_too = any(values.get(key) == child_values[name] for key in uses)
        unused = is_base and not uses
        if base_values[name] != child_values[name] and not set_too and not unused:
            raise UserError(
                f"'{name}' in {path} has no effect, because the base config has already used its "
                f'own value{describe_uses(uses, "set")}.'
            )


def check_numbers(cfg: Config) -> None:
    """Refuse counts and a seed that are not whole numbers, or that are too small."""
    smallest = {('train_cfg', key): 1 for key in ('max_iters', 'max_epochs', 'val_interval')}
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        smallest |= {(loader, 'batch_size'): 1, (loader, 'num_workers'): 0}
    for (section, key), minimum in smallest.items():
        value = (cfg.get(section) or {}).get(key)
        if value is not None and (type(value) is not int or value < minimum):
            raise UserError(
                f'{section}.{key}={value!r} is not a valid number: set it to a whole number of '
                f'{minimum} or more.'
            )
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is not None and not (isinstance(seed, int) and 0 <= seed < 1 << 32):
        raise UserError(
            f'randomness.seed={seed!r} is not a valid seed: set it to a whole number from 0 to '
            f'{(1 << 32) - 1}.'
        )


def check_sizes(cfg: Config) -> None:
    """Refuse invalid sizes of crops and windows, and windows that do not cover an image."""
    for key, value in runtime_nodes(cfg):
        if key.endswith('.crop_size') and value is not None:
            # A transform also accepts one number, for a square.
            _check_size(key, value, value if isinstance(value, (list, tuple)) else (value, value))
    model = cfg.get('model') or {}
    name = 'model.segmentor.test_cfg' if 'segmentor' in model else 'model.test_cfg'
    window = segmentor_config(model).get('test_cfg') or {}
    mode = window.get('mode', 'whole')
    if mode not in ('whole', 'slide'):
        raise UserError(f"{name}.mode={mode!r} is unknown: use 'whole' or 'slide'.")
    if mode == 'whole':
        return
    for key in ('crop_size', 'stride'):
        if key not in window:
            raise UserError(f"{name} has mode='slide' but no {key}: add {key}=(h, w).")
        _check_size(f'{name}.{key}', window[key], window[key])
    crop, stride = tuple(window['crop_size']), tuple(window['stride'])
    if stride[0] > crop[0] or stride[1] > crop[1]:
        raise UserError(
            f'{name}: windows of {crop} pixels with a stride of {stride} leave gaps in an image: '
            'set a stride that is not larger than crop_size.'
        )


def _check_size(key: str, value: Any, sides: Any) -> None:
    is_pair = isinstance(sides, (list, tuple)) and len(sides) == 2
    if not (is_pair and all(type(side) is int and side >= 1 for side in sides)):
        raise UserError(
            f'{key}={value!r} is not a valid size: set it to (height, width), both whole numbers '
            'of 1 or more.'
        )


def check_training(cfg: Config) -> None:
    """Refuse a config that training cannot use, or whose validation or test is incomplete."""
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper'):
        if cfg.get(key) is None:
            raise UserError(f'the config has no {key}, so there is nothing to train: add it.')
    level = cfg.get('log_level', 'INFO')
    if level not in _LEVELS:
        raise UserError(f'log_level={level!r} is unknown: use one of {", ".join(_LEVELS)}.')
    for name in ('val', 'test'):
        keys = [f'{name}_{part}' for part in ('dataloader', 'cfg', 'evaluator')]
        missing = [key for key in keys if cfg.get(key) is None]
        if 0 < len(missing) < 3:
            raise UserError(
                f'the config has {" and ".join(key for key in keys if key not in missing)}, but no '
                f'{" and no ".join(missing)}: set all three, or set all three to None.'
            )


def check_optimizers(cfg: Config) -> None:
    """Refuse an unknown optimiser, and a learning rate or gradient limit that is not above 0."""
    wrapper = cfg.get('optim_wrapper') or {}
    # Checked here, because mmengine's errors would not name the key: it builds a constructor from
    # a new dict, and reads the signature of an optimiser before it checks that there is one.
    constructor = wrapper.get('constructor')
    if isinstance(constructor, str) and OPTIM_WRAPPER_CONSTRUCTORS.get(constructor) is None:
        problem = unknown(constructor, OPTIM_WRAPPER_CONSTRUCTORS)
        raise UserError(f'optim_wrapper.constructor: {problem}')
    nodes = runtime_nodes({'optim_wrapper': wrapper})
    if not any(key.endswith('optimizer') for key, _ in nodes):
        raise UserError(
            "optim_wrapper has no optimizer: add one, such as optimizer=dict(type='AdamW', "
            'lr=6e-5).'
        )
    for key, value in nodes:
        if key.endswith('clip_grad.max_norm') and not value > 0:
            raise UserError(
                f'{key}={value!r} is not above 0, so no step would follow its gradient: set it to '
                'a number above 0, or leave out clip_grad.'
            )
        if not (key.endswith('optimizer') and isinstance(value, dict)):
            continue
        kind, rate = value.get('type'), value.get('lr')
        if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:
            raise UserError(f'{key}.type: {unknown(kind, OPTIMIZERS)}')
        is_number = type(rate) in (int, float)
        if rate is not None and not (is_number and 0 < rate < math.inf):
            raise UserError(
                f'{key}.lr={rate!r} is not a valid learning rate: set it to a number above 0.'
            )


def check_backends(cfg: Config) -> None:
    """Refuse a visualisation backend whose package is not installed."""
    backends = (cfg.get('visualizer') or {}).get('vis_backends') or []
    for number, backend in enumerate(backends):
        packages = _PACKAGES.get(backend.get('type'), ())
        if packages and not any(find_spec(package) for package in packages):
            raise UserError(
                f'visualizer.vis_backends.{number}: {backend["type"]} needs the package '
                f'{packages[0]}, which is not installed: pip install {packages[0]}, or remove it '
                'from vis_backends.'
            )


def check_hooks(cfg: Config) -> None:
    """Refuse custom hooks that are not a list of dicts with a type."""
    hooks = cfg.get('custom_hooks') or []
    if not isinstance(hooks, (list, tuple)):
        raise UserError("custom_hooks is not a list: write custom_hooks=[dict(type='NAME', …)].")
    for number, hook in enumerate(hooks):
        if not isinstance(hook, Hook) and not (isinstance(hook, dict) and hook.get('type')):
            raise UserError(
                f'custom_hooks.{number} has no type: name the class of the hook, as in '
                f"dict(type='NAME', …), or remove it."
            )
