"""Read the configs that a run uses, with the overrides of its row."""

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS

from depthda.engine.checks import config_file
from depthda.engine.checks.renamed import current_path
from depthda.engine.overrides import apply_overrides, runtime_nodes
from depthda.errors import UserError
from depthda.experiments.tables.table import ChainStep

_PLACEHOLDERS = ('run', 'data', 'seed', 'pretrained')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def read_config(path: str) -> Config:
    """Return a copy of the config in a file; an unchanged file is read only once."""
    file = current_path(path)
    if not file.is_file():
        raise UserError(
            f'the config {path} of the table does not exist in {Path.cwd()}: run the command in '
            'the folder to which the paths of the table are relative.'
        )
    return copy.deepcopy(_read(str(file), file.stat().st_mtime_ns))


@functools.lru_cache(maxsize=512)
def _read(path: str, changed: int) -> Config:
    return config_file.read_config(path)


def resolved_config(step: ChainStep) -> Config:
    """Return the config of a step with its overrides; only ``{seed}`` is filled, with 0."""
    cfg = read_config(step.train or step.test)
    # The other placeholders stay as text; the config needs a number for the seed.
    unfilled = {name: '{' + name + '}' for name in _PLACEHOLDERS}
    apply_overrides(cfg, resolve(step.options, unfilled | {'seed': 0}))
    return cfg


def resolve(options: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides with their placeholders filled; ``{seed}`` alone becomes a number."""

    def fill(value: Any) -> Any:
        if value == '{seed}':
            return values['seed']
        if isinstance(value, str):
            for key in _PLACEHOLDERS:
                value = value.replace('{' + key + '}', str(values.get(key)))
        if isinstance(value, (list, tuple)):
            return type(value)(fill(item) for item in value)
        if isinstance(value, Mapping):
            return {key: fill(item) for key, item in value.items()}
        return value

    return fill(options)


def classes_of_test(cfg: Config) -> tuple[str, ...]:
    """Return the classes of the tested dataset; an empty tuple if the config does not name them."""
    dataset = cfg.test_dataloader.dataset
    with DefaultScope.overwrite_default_scope('mmseg'):
        known = getattr(DATASETS.get(dataset.type), 'METAINFO', {})
    return tuple((dataset.get('metainfo') or known).get('classes') or ())


def data_roots(cfg: Config) -> dict[str, str]:
    """Return each ``data_root`` by its dotted key, also of datasets in pairs and wrappers."""
    loaders = {name: cfg[name] for name in LOADERS if cfg.get(name)}
    nodes = runtime_nodes(loaders)
    return {key: value for key, value in nodes if key.endswith('.data_root') and value}
