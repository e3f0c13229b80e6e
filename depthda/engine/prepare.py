"""Turn a config file into the config of one run, adapted to the command line and the machine."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from depthda.engine.checks.config_check import check_hooks, check_names, check_numbers, check_sizes
from depthda.engine.checks.config_file import read_config
from depthda.engine.checks.output_check import check_outputs
from depthda.engine.checks.renamed import current_path, renamed_bases
from depthda.engine.checks.value_check import check_top_level
from depthda.engine.overrides import apply_overrides, as_list, segmentor_config
from depthda.errors import UserError
from depthda.processes import check_launcher, init_processes

_PARTS = 'PartsOptimWrapperConstructor'
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def load_config(path: str | Path, options: dict[str, Any] | None = None) -> Config:
    """Read a config file and apply ``--cfg-options`` strictly."""
    path = current_path(path)
    if path.is_dir():
        raise UserError(
            f'{path} is a folder: name a config file (.py), such as one of those that depthda '
            'configs lists.'
        )
    if not path.is_file():
        names = sorted(p.name for p in path.parent.glob('*.py')) if path.parent.is_dir() else []
        near = get_close_matches(path.name, names, n=5, cutoff=0)
        hint = f': the most similar names in {path.parent} are {", ".join(near)}' if near else ''
        raise UserError(f'there is no config file {path}{hint}.')
    if path.suffix not in ('.py', '.json', '.yaml', '.yml'):
        raise UserError(
            f'{path} is not a config file: name the config (.py) first, then the checkpoint.'
        )
    cfg = read_config(path)
    with renamed_bases():
        check_names(path)
    apply_overrides(cfg, options or {})
    check_top_level(cfg)
    check_numbers(cfg)
    check_sizes(cfg)
    check_hooks(cfg)
    return cfg


def load_test_config(path: str | Path, options: dict[str, Any] | None = None) -> Config:
    """Read the config of a test. If its model adapts to target images, keep only the segmentor."""
    cfg = load_config(path, options)
    cfg.model = segmentor_config(cfg.model)
    return cfg


def prepare(cfg: Config, config: str | Path, work_dir: str | None, launcher: str) -> None:
    """Set in ``cfg`` where the run writes, and adapt it to this machine."""
    check_launcher(launcher)
    cfg.launcher = launcher
    cfg.work_dir = work_dir or cfg.get('work_dir') or f'work_dirs/{Path(config).stem}'
    check_outputs(cfg, work_dir=cfg.work_dir)
    _refuse_overwriting(Path(config), Path(cfg.work_dir))
    loaders = [cfg[name] for name in _LOADERS if cfg.get(name)]
    for loader in loaders:
        if not loader.get('num_workers'):  # torch refuses persistent_workers without workers
            loader.persistent_workers = False
    separate = cfg.get('optim_wrapper', {}).get('constructor') == _PARTS
    if launcher != 'none' and separate and cfg.model.type != 'DomainAdaptation':
        # Each part has its own update, so its gradients are exchanged separately.
        cfg.setdefault('model_wrapper_cfg', dict(type='MMSeparateDistributedDataParallel'))
    elif launcher != 'none' and separate and cfg.model.get('warm_up'):
        # Critics have no loss in the warm-up, so their parameters are unused there.
        cfg.setdefault('find_unused_parameters', True)
    if torch.cuda.is_available():
        return
    # Pinned memory speeds up copies to a GPU; without a GPU, torch warns about it.
    for loader in loaders:
        loader.pin_memory = False
    if launcher == 'pytorch':
        # mmengine cannot start training in several processes on CPUs.
        init_processes(launcher)
        cfg.setdefault('model_wrapper_cfg', dict(type='MMDistributedDataParallel'))
        cfg.model_wrapper_cfg.device_ids = None
        if cfg.get('find_unused_parameters'):
            cfg.model_wrapper_cfg.find_unused_parameters = True


def _refuse_overwriting(config: Path, work_dir: Path) -> None:
    """Refuse to overwrite the user's config with the complete one that a run writes."""
    dumped = work_dir / config.name
    if not (dumped.is_file() and dumped.samefile(current_path(config))):
        return
    # A config that a run wrote has no comment and no base, and may be run again in its folder.
    if re.search(r'^\s*#|^_base_\b', dumped.read_text(encoding='utf-8'), re.MULTILINE):
        raise UserError(
            f'--work-dir {work_dir} contains {config}, and the run would overwrite that file with '
            'its complete config: use another --work-dir.'
        )


def use_amp(cfg: Config) -> None:
    """Train in mixed precision."""
    wrapper = cfg.optim_wrapper
    # Parts without a type get the type of optim_wrapper.
    parts = [part for part in wrapper.values() if isinstance(part, dict) and 'optimizer' in part]
    for part in (wrapper, *(part for part in parts if 'type' in part)):
        kind = part.get('type', 'OptimWrapper')
        if kind == 'OptimWrapper':
            part.type = 'AutocastOptimWrapper'
        elif kind not in ('AutocastOptimWrapper', 'AmpOptimWrapper'):
            raise UserError(
                f"--amp can replace an optim_wrapper of type 'OptimWrapper', but not '{kind}': set "
                'a mixed-precision wrapper in the config instead.'
            )


def set_matmul_precision(cfg: Config) -> None:
    """On a GPU, multiply matrices of a test as precisely as ``env_cfg`` says."""
    precision = cfg.get('env_cfg', {}).get('matmul_precision', 'highest')
    if precision not in ('highest', 'high', 'medium'):
        raise UserError(
            f"env_cfg.matmul_precision={precision!r} is not a precision: choose 'highest', 'high' "
            "(TF32) or 'medium' (bfloat16)."
        )
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision(precision)


def use_tta(cfg: Config) -> None:
    """Test with the average of the predictions for the transforms in ``tta_pipeline``."""
    for key, base in (('tta_model', 'default_runtime.py'), ('tta_pipeline', 'datasets/')):
        if cfg.get(key) is None:
            raise UserError(
                f'--tta needs {key}, which the config does not set: add it as in '
                f'configs/_base_/{base}.'
            )
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.tta_model.module = cfg.model
    cfg.model = cfg.tta_model


def add_outputs(
    cfg: Config, tta: bool, out: str | None, show_dir: str | None, save_depth: str | None
) -> None:
    """Let a test write maps to these folders; refuse a test with neither maps nor scores."""
    if save_depth and cfg.model.get('depth_decoder') is None:
        raise UserError(
            f'--save-depth: the {cfg.model.type} of this config does not predict depth: use a '
            'DepthSeg with a depth_decoder, or leave out --save-depth.'
        )
    if save_depth and tta:
        raise UserError('--tta averages scores, but not depth: leave out --tta or --save-depth.')
    if save_depth:
        cfg.model.keep_depth = True
    if tta:
        use_tta(cfg)
    evaluators = as_list(cfg.test_evaluator)
    if out or show_dir or save_depth:
        folders = dict(out_dir=out, color_dir=show_dir, depth_dir=save_depth)
        evaluators.append(dict(type='PredictionWriter', **folders))
    if not evaluators:
        raise UserError(
            'the test images of this config have no labels, so there are no scores: add '
            '--submission FILE.zip, --out DIR, --show-dir DIR or --save-depth DIR.'
        )
    cfg.test_evaluator = evaluators
