"""Describe what a run would write, and where: the end of ``depthda train CONFIG --check``."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from torch import Tensor


def describe_outputs(runner: Runner, cfg: Config, work_dir: str) -> list[str]:
    """Return lines on work dir, checkpoints, log and metrics of a run that has not begun."""
    folder = Path(work_dir)
    state = 'exists already' if folder.exists() else 'will be made'
    lines = [f'results: {folder} ({state})']
    hook = next((hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None)
    if hook is not None:
        lines += _checkpoints(runner, cfg, hook, folder)
    lines.append(f'log: {folder}/<date>_<time>/<date>_<time>.log, the config next to it')
    backends = [kind.__name__ for kind in map(type, runner.visualizer._vis_backends.values())]
    lines.append(f'curves: {folder}/<date>_<time>/vis_data ({", ".join(backends) or "none"})')
    if cfg.get('test_dataloader') is not None:
        lines.append(f'metrics: {folder}/metrics.json and tiles.npz, by depthda test')
    return lines


def _checkpoints(runner: Runner, cfg: Config, hook: CheckpointHook, folder: Path) -> Iterator[str]:
    loop = runner.train_loop
    by_epoch = 'max_epochs' in cfg.train_cfg
    unit, last = ('epoch', loop.max_epochs) if by_epoch else ('iter', loop.max_iters)
    kept = hook.max_keep_ckpts if hook.max_keep_ckpts > 0 else None
    number = last // hook.interval if hook.interval > 0 else 0
    number += hook.save_last and (hook.interval <= 0 or last % hook.interval != 0)
    size = _size(runner.model.state_dict()) + _size(runner.optim_wrapper.state_dict())
    yield (
        f'checkpoints: {unit}_N.pth, {number} in {last} {unit}s'
        f'{f" (every {hook.interval})" if hook.interval > 0 else ""}, '
        f'{f"the last {kept} are kept" if kept else "all are kept"}, {size / 1e6:.1f} MB each'
    )
    if hook.save_best and runner.val_loop is not None:
        yield (
            f'best checkpoint: best_{hook.save_best[0].replace("/", "_")}_{unit}_N.pth, by '
            f'{", ".join(hook.save_best)} of a validation on '
            f'{len(runner.val_loop.dataloader.dataset)} images every {loop.val_interval} {unit}s'
        )
    else:
        yield 'best checkpoint: none, the last one counts'
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    # While a checkpoint is written, the one that it replaces still exists.
    needed = size * (min(number, kept or number) + 1 + len(hook.save_best or ()))
    enough = '' if needed <= free else ', which is NOT ENOUGH'
    yield f'disk: {needed / 1e6:.0f} MB for checkpoints, {free / 1e6:.0f} MB are free{enough}'


def _size(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values())
    return sum(_size(item) for item in value) if isinstance(value, (list, tuple)) else 0
