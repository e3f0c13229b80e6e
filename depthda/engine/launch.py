"""What ``tools/train.py`` and ``tools/test.py`` do: from a config file to weights and figures."""

import os
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from depthda.engine.checkpoints import file_hash, latest_checkpoint, read_meta
from depthda.engine.overrides import apply_overrides
from depthda.engine.provenance import describe_dataset, device_name, git_commit, versions
from depthda.errors import UserError
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.evaluation.submission import pack
from depthda.evaluation.tile_counts import FILE as TILES
from depthda.evaluation.tile_counts import TileCounts, save_tiles
from depthda.files import write_json


def load_config(path: str | Path, options: dict[str, Any] | None = None) -> Config:
    """Read a config file and apply ``--cfg-options`` strictly."""
    path = Path(path)
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob('*.py'))[:5] if path.parent.is_dir() else []
        hint = f'; in {path.parent} there are {", ".join(near)}' if near else ''
        raise UserError(f'there is no config file {path}{hint}.')
    cfg = Config.fromfile(path)
    apply_overrides(cfg, options or {})
    return cfg


def train(
    config: str | Path,
    work_dir: str | None = None,
    resume: bool = False,
    amp: bool = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
) -> Runner:
    """Train a config; with ``resume``, go on from the last whole checkpoint in its folder."""
    cfg = load_config(config, cfg_options)
    _prepare(cfg, config, work_dir, launcher)
    if amp:
        _use_amp(cfg)
    if resume:
        cfg.resume = True
        if cfg.get('load_from') is None and (found := latest_checkpoint(cfg.work_dir)):
            cfg.load_from = str(found)
        if cfg.get('load_from') is None:
            print_log(f'nothing to resume in {cfg.work_dir}: starting at iteration 0', 'current')
            cfg.resume = False
    if cfg.get('load_from'):
        _check_checkpoint(cfg.load_from)
    runner = _build_runner(cfg)
    if cfg.resume:
        # Every weight comes from the checkpoint: the pretrained ones need not be found again.
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.is_init = True
    runner.train()
    return runner


def test(
    config: str | Path,
    checkpoint: str | Path,
    work_dir: str | None = None,
    out: str | None = None,
    show_dir: str | None = None,
    submission: str | None = None,
    against: str | None = None,
    tta: bool = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
) -> dict[str, Any]:
    """Test a checkpoint; returns what it writes to ``<work_dir>/metrics.json``.

    Args:
        config: The config file the checkpoint was trained with.
        checkpoint: A ``.pth`` file.
        work_dir: Where results go (default: ``work_dirs/<config name>``).
        out: Folder for the predicted index maps, if they are wanted.
        show_dir: Folder for the predictions in the classes' colours, if they are wanted.
        submission: Zip for the challenge server, packed and checked.
        against: Folder of test images that the zip is checked against, for a set that is not
            LoveDA.
        tta: Average over the transforms of the config's ``tta_pipeline``.
        cfg_options: Overrides by dotted key.
        launcher: As in mmengine: ``none``, ``pytorch``, ``slurm``, ``mpi``.
    """
    cfg = load_config(config, cfg_options)
    _prepare(cfg, config, work_dir, launcher)
    _check_checkpoint(checkpoint)
    cfg.load_from = str(checkpoint)
    if submission and not out:
        out = os.path.join(cfg.work_dir, 'predictions')
    if tta:
        _use_tta(cfg)
    _add_writer(cfg, out, show_dir)

    started = time.time()
    runner = _build_runner(cfg)
    scores = runner.test()
    results = {
        'config': str(config),
        'checkpoint': {'file': str(checkpoint), 'sha256': file_hash(checkpoint)},
        'selection': read_meta(checkpoint).get('selection'),
        'trained_on': read_meta(checkpoint).get('trained_on'),
        'tested_on': describe_dataset(runner.test_dataloader.dataset),
        'tta': tta,
        'seed': read_meta(checkpoint).get('seed'),
        'scores': scores,
        'report': _report(runner),
        'versions': versions(),
        'commit': git_commit(),
        'device': device_name(),
        'seconds': round(time.time() - started, 1),
    }
    if is_main_process():
        write_json(os.path.join(cfg.work_dir, 'metrics.json'), results)
        if (tiles := _tiles(runner)) is not None:
            save_tiles(os.path.join(cfg.work_dir, TILES), tiles)
        print_log(f'scores: {os.path.join(cfg.work_dir, "metrics.json")}', 'current')
        if submission:
            domain = getattr(runner.test_dataloader.dataset, 'domain', None)
            pack(out, submission, domain=None if against else _one(domain), against=against)
            print_log(f'checked submission: {submission}', 'current')
    return results


def _prepare(cfg: Config, config: str | Path, work_dir: str | None, launcher: str) -> None:
    cfg.launcher = launcher
    cfg.work_dir = work_dir or cfg.get('work_dir') or f'work_dirs/{Path(config).stem}'
    if not torch.cuda.is_available():
        _use_cpu(cfg)


def _use_cpu(cfg: Config) -> None:
    """Let several processes train on processors, which mmengine's launcher does not foresee."""
    # Pinned memory serves transfers to a GPU; without one torch only warns about it.
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name):
            cfg[name].pin_memory = False
    if cfg.launcher == 'pytorch' and not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)


def _use_amp(cfg: Config) -> None:
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind == 'OptimWrapper':
        cfg.optim_wrapper.type = 'AutocastOptimWrapper'
    elif kind not in ('AutocastOptimWrapper', 'AmpOptimWrapper'):
        raise UserError(
            f"--amp knows how to change optim_wrapper type 'OptimWrapper', not '{kind}'; name the "
            'mixed-precision wrapper in the config instead.'
        )


def _use_tta(cfg: Config) -> None:
    if 'tta_pipeline' not in cfg or 'tta_model' not in cfg:
        raise UserError("--tta needs 'tta_model' and 'tta_pipeline', and the config has no such.")
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.tta_model.module = cfg.model
    cfg.model = cfg.tta_model


def _add_writer(cfg: Config, out: str | None, show_dir: str | None) -> None:
    evaluators = cfg.test_evaluator
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    if out or show_dir:
        evaluators.append(dict(type='PredictionWriter', out_dir=out, color_dir=show_dir))
    if not evaluators:
        raise UserError(
            'the test images of this config have no labels to score: give --submission FILE.zip, '
            '--out DIR or --show-dir DIR.'
        )
    cfg.test_evaluator = evaluators


def _check_checkpoint(path: str | Path) -> None:
    if '://' not in str(path) and not Path(path).is_file():
        near = sorted(p.name for p in Path(path).parent.glob('*.pth'))[-5:]
        hint = f'; in {Path(path).parent} there are {", ".join(near)}' if near else ''
        raise UserError(f'there is no checkpoint {path}{hint}.')


def _build_runner(cfg: Config) -> Runner:
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def _report(runner: Runner) -> dict[str, Any] | None:
    metric = _metric(runner)
    return None if metric is None else metric.report


def _tiles(runner: Runner) -> TileCounts | None:
    metric = _metric(runner)
    return None if metric is None else metric.tiles


def _metric(runner: Runner) -> SegmentationMetric | None:
    metrics = runner.test_loop.evaluator.metrics
    return next((m for m in metrics if isinstance(m, SegmentationMetric)), None)


def _one(domain: Any) -> str | None:
    """The single target domain of a test set, for the official list of names."""
    if isinstance(domain, (list, tuple)):
        return domain[0] if len(domain) == 1 else None
    return domain
