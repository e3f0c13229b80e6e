"""Check where a run writes, and describe it for ``depthda train CONFIG --check``."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from torch import Tensor

from depthda.engine.checks.data_check import LOADERS, datasets_of
from depthda.engine.overrides import runtime_nodes
from depthda.errors import UserError

_FILES = ('img_path', 'seg_map_path', 'depth_path')


def check_outputs(cfg: Config, **folders: str | None) -> None:
    """Refuse a results folder that cannot be written, or that is a data folder or inside one.

    Each keyword is the name of an option: ``work_dir`` for ``--work-dir``. If a dataset is missing
    on this machine, only its ``data_root`` is compared.
    """
    outputs = {f'--{name.replace("_", "-")}': path for name, path in folders.items() if path}
    for option, path in outputs.items():
        check_folder(option, path)
    # A report reads class indices from the folder `predictions` of the work dir.
    indices, colours = Path(cfg.get('work_dir') or '.', 'predictions'), folders.get('show_dir')
    if colours and Path(colours).resolve() == indices.resolve():
        raise UserError(
            f'--show-dir {colours} is the folder of class indices, not of colour images: use '
            'another folder, or write class indices there with --out.'
        )
    for data, key in _data_folders(cfg) if outputs else ():
        for option, path in outputs.items():
            folder = Path(path).resolve()
            # A dataset at or above the working directory does not forbid results below it.
            inside = data in folder.parents and data not in (Path.cwd(), *Path.cwd().parents)
            if folder == data or inside:
                raise UserError(
                    f'{option} {path} is inside the data of {key} ({data}), where results could '
                    'overwrite input files or mix with them: use a folder outside the data.'
                )


def check_folder(option: str, path: str) -> None:
    """Refuse a path that is a file, and a folder in which nothing can be written."""
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise UserError(f'{option} {path} is a file: name a folder.')
    candidates = (folder, *folder.absolute().parents)
    parent = next(candidate for candidate in candidates if candidate.exists())
    if not parent.is_dir():
        raise UserError(
            f'{option} {path} cannot be created, because {parent} is a file: name another folder.'
        )
    try:
        # Permissions are not enough: the disk may be full, or mounted read-only.
        with TemporaryFile(dir=parent) as file:
            file.write(b' ')
    except OSError as error:
        raise UserError(
            f'{option} {path} cannot be used, because nothing can be written to {parent} '
            f'({error.strerror}): name another folder.'
        ) from error


def _data_folders(cfg: Config) -> Iterator[tuple[Path, str]]:
    """Yield the root of each dataset and each folder of its files, with the key in the config."""
    for name in LOADERS:
        loader = f'{name}_dataloader'
        for key, value in runtime_nodes({loader: cfg.get(loader)}):
            if key.endswith('.data_root') and value:
                yield Path(value).resolve(), key
        for dataset in datasets_of(cfg, name):
            # A dataset that is missing or faulty is reported when it is built.
            with suppress(UserError):
                samples = dataset.load_data_list()
                paths = [sample.get(kind) for sample in samples for kind in _FILES]
                for folder in dict.fromkeys(os.path.dirname(path) for path in paths if path):
                    yield Path(folder).resolve(), f'{loader}.dataset'


def describe_outputs(runner: Runner, cfg: Config, work_dir: str) -> list[str]:
    """Return lines about the files that a run would write: checkpoints, log, curves and metrics."""
    folder = Path(work_dir)
    state = 'already exists' if folder.exists() else 'will be created'
    lines = [f'results: {folder} ({state})']
    hook = next((hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None)
    if hook is not None:
        lines += _checkpoints(runner, cfg, hook, folder)
    lines.append(f'log: {folder}/<date>_<time>/<date>_<time>.log, with the config next to it')
    backends = [kind.__name__ for kind in map(type, runner.visualizer._vis_backends.values())]
    lines.append(f'curves: {folder}/<date>_<time>/vis_data ({", ".join(backends) or "none"})')
    if cfg.get('test_dataloader') is not None:
        lines.append(f'metrics: {folder}/metrics.json and tiles.npz, written by depthda test')
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
            f'best checkpoint: best_{hook.save_best[0].replace("/", "_")}_{unit}_N.pth, selected '
            f'by {", ".join(hook.save_best)} (validated on '
            f'{len(runner.val_loop.dataloader.dataset)} images every {loop.val_interval} {unit}s)'
        )
    else:
        yield 'best checkpoint: none, so the last one is the result'
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    # While a checkpoint is written, the one that it replaces still exists.
    needed = size * (min(number, kept or number) + 1 + len(hook.save_best or ()))
    enough = '' if needed <= free else ', which is NOT ENOUGH'
    yield f'disk: {needed / 1e6:.0f} MB for checkpoints, {free / 1e6:.0f} MB free{enough}'


def _size(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values())
    return sum(_size(item) for item in value) if isinstance(value, (list, tuple)) else 0
