"""From a table to runs: a row, a world and a seed, and whether its result is there already."""

import copy
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from depthda.config_files import find_config
from depthda.engine.checks import config_file
from depthda.engine.overrides import apply_overrides, read_nodes
from depthda.errors import UserError, many
from depthda.experiments.tables.samples import SMOKE_SAMPLE, sample_folder
from depthda.experiments.tables.table import Row, Step, Table, unknown
from depthda.io.files import read_json

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# What decides a result. Logging, and where a run is done, do not.
DECIDING = (
    *LOADERS,
    'model',
    'data_preprocessor',
    'train_cfg',
    'val_cfg',
    'test_cfg',
    'val_evaluator',
    'test_evaluator',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'custom_hooks',
    'randomness',
    'load_from',
    'translate_dataset',
    'runner_type',
)


@dataclass(frozen=True, eq=False)
class Run:
    """One training (or chain) and its test: a row, a world, a seed.

    The folder's name ends with a hash of everything that decides the result, so a finished run is
    recognised by content, and a changed one gets a folder of its own beside the old one.
    """

    table: str
    row: Row
    world: int | None
    seed: int
    steps: tuple[Step, ...]
    hash: str
    folder: Path
    data: Path | None  # the synthetic set, made before the run
    missing: str | None  # data that is not there

    @property
    def title(self) -> str:
        world = '' if self.world is None else f', world {self.world}'
        return f'{self.row.name}{world}, seed {self.seed}'

    @property
    def result(self) -> dict[str, Any] | None:
        """What the run came to, with the server's figures if they have been recorded."""
        found = read_json(self.folder / 'result.json')
        if found and (score := read_json(self.folder / 'score.json')):
            found |= {'state': 'done', 'scores': score['scores'], 'recorded': score['recorded']}
        return found

    def describe(self) -> dict[str, Any]:
        """What the worker reads: ``run.json``."""
        return {
            'table': self.table,
            'row': self.row.name,
            'world': self.world,
            'seed': self.seed,
            'hash': self.hash,
            'protocol': self.row.protocol,
            'sample': self.row.sample,
            'data': None if self.data is None else str(self.data),
            'steps': [asdict(step) for step in self.steps],
        }


def plan_runs(
    table: Table,
    out: str | Path,
    seeds: Sequence[int] | None = None,
    worlds: Sequence[int] | None = None,
    only: Sequence[str] | None = None,
    smoke: bool = False,
) -> list[Run]:
    """Every run of the table, row by row; rows that cannot be run have none."""
    rows = [row for row in table.rows if not (row.absent or row.same_as)]
    if only:
        chosen = [table.row(name) for name in only]
        if absent := next((row for row in chosen if row.absent), None):
            raise UserError(f'row {absent.name!r} cannot be run: {absent.absent}.')
        names = {table.figures_of(row).name for row in chosen}
        rows = [row for row in rows if row.name in names]
    runs = []
    finished = {path.parent.name: path.parent for path in Path(out).glob('*/*/*/result.json')}
    for row in rows:
        for world in (worlds or table.worlds) if row.sample is not None else (None,):
            for seed in seeds if seeds is not None else table.seeds:
                runs.append(_plan(table, row, world, seed, Path(out), smoke, finished))
    return runs


def _plan(
    table: Table,
    row: Row,
    world: int | None,
    seed: int,
    out: Path,
    smoke: bool,
    finished: Mapping[str, Path],
) -> Run:
    if row.sample is not None and world is None:
        raise UserError(f'row {row.name!r} is on a synthetic set: give the table its worlds.')
    if smoke:
        row = smoke_row(row)
        world = 0 if world is None else world
    steps = tuple(_with_row(row, step) for step in _steps(row))
    configs = [_identity(step) for step in steps]
    content = json.dumps([world, seed, row.sample, configs], sort_keys=True, default=repr)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    place = f'seed-{seed}' if world is None else f'world-{world}_seed-{seed}'
    folder = out / table.name / row.name / f'{place}-{digest}'
    if not (folder / 'result.json').is_file():
        # The same run, finished for another table, is this one.
        folder = finished.get(folder.name, folder)
    data = None
    if row.sample is not None:
        data = sample_folder(out, world, row.sample)
    missing = None if smoke else _missing(steps)
    return Run(table.name, row, world, seed, steps, digest, folder, data, missing)


def smoke_row(row: Row) -> Row:
    """The tiny stand-in that a row names for itself, on a tiny synthetic set."""
    if not row.smoke or 'config' not in row.smoke and 'steps' not in row.smoke:
        raise UserError(f"row {row.name!r} has no 'smoke' override with a config.")
    given = dict(row.smoke)
    if 'config' in given:
        given['options'] = given.get('options', {}) | short_run(given['config'])
    steps = tuple(Step(**step) for step in given.pop('steps', ()))
    stand_in = dict(config=None, options={}, test_options={}, against=None, checkpoint=None)
    sample = {**(row.sample or {}), **SMOKE_SAMPLE}
    return replace(row, **{**stand_in, **given, 'steps': steps, 'sample': sample})


def short_run(config: str) -> dict[str, Any]:
    """Overrides that end the training of a config after two iterations."""
    options: dict[str, Any] = {
        'train_cfg.max_iters': 2,
        'train_cfg.val_interval': 2,
        'default_hooks.checkpoint.interval': 2,
        'train_dataloader.batch_size': 2,
    }
    schedulers = read_config(config).get('param_scheduler') or []
    for place in range(len(schedulers)):
        options |= {f'param_scheduler.{place}.begin': 1} if place else {}
        options[f'param_scheduler.{place}.end'] = 2 if place == len(schedulers) - 1 else 1
    return options


def _steps(row: Row) -> tuple[Step, ...]:
    if row.steps:
        return row.steps
    test = Step(
        test=row.config,
        options=row.test_options,
        checkpoint=row.checkpoint,
        against=row.against,
        tta=row.tta,
    )
    return Step(train=row.config), test


def _with_row(row: Row, step: Step) -> Step:
    """The step with the row's overrides, the sample's folder and the seed among its own."""
    if step.tool:
        return step
    options = {**row.options, **step.options}
    if row.sample is not None:
        cfg = read_config(step.train or step.test)
        options = dict.fromkeys(_data_roots(cfg), '{data}') | options
    if step.train:
        options['randomness.seed'] = '{seed}'
    return replace(step, options=options)


def resolve(options: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides with the placeholders filled; ``{seed}`` alone becomes a number."""

    def fill(value: Any) -> Any:
        if value == '{seed}':
            return values['seed']
        if isinstance(value, str):
            for key in ('run', 'data', 'seed'):
                value = value.replace('{' + key + '}', str(values.get(key)))
            return value
        if isinstance(value, (list, tuple)):
            return type(value)(fill(item) for item in value)
        if isinstance(value, Mapping):
            return {key: fill(item) for key, item in value.items()}
        return value

    return {key: fill(value) for key, value in options.items()}


def resolved_config(step: Step) -> Config:
    """The config of a step with its overrides, placeholders left as they are."""
    cfg = read_config(step.train or step.test)
    # A placeholder is text where a number will stand.
    apply_overrides(cfg, resolve(step.options, {'seed': 0, 'run': '{run}', 'data': '{data}'}))
    return cfg


def _identity(step: Step) -> Any:
    if step.tool:
        return list(step.tool)
    cfg = resolved_config(step).to_dict()
    content = {key: cfg[key] for key in DECIDING if key in cfg}
    if cfg.get('load_partial'):
        content['load_partial'] = True
    # When checkpoints are kept, and which of them is best.
    content['checkpoint'] = cfg.get('default_hooks', {}).get('checkpoint')
    rest = [step.name, step.of, step.checkpoint, step.against]
    rest += ['tta'] if step.tta else []
    return ['test' if step.test else 'train', content, *rest]


def read_config(path: str) -> Config:
    """A config file; read once, given as a copy."""
    found = find_config(path)
    if not found.is_file():
        raise UserError(f'the table names the config {path}, which does not exist.')
    return copy.deepcopy(_read(str(found), found.stat().st_mtime_ns))


@functools.lru_cache(maxsize=512)
def _read(path: str, changed: int) -> Config:
    return config_file.read_config(path)


def _missing(steps: Sequence[Step]) -> str | None:
    for step in steps:
        if step.tool:
            continue
        cfg = resolved_config(step)
        for root in _data_roots(cfg).values():
            if '{' not in root and not Path(root).is_dir():
                return root
    return None


def _data_roots(cfg: Config) -> dict[str, str]:
    """Folders of the data sets by dotted key, those inside of pairs and wrappers too."""
    loaders = {name: cfg[name] for name in LOADERS if cfg.get(name)}
    nodes = read_nodes(loaders)
    return {key: value for key, value in nodes if key.endswith('.data_root') and value}


def find_run(runs: Sequence[Run], row: str, seed: int, world: int | None = None) -> Run:
    """The one run of a row and seed."""
    if row not in {run.row.name for run in runs}:
        raise unknown('row', row, sorted({run.row.name for run in runs}))
    found = [r for r in runs if (r.row.name, r.seed) == (row, seed) and world in (None, r.world)]
    if len(found) != 1:
        runs = many(len(found), 'run')
        raise UserError(f'row {row!r} has {runs} of seed {seed}: name the world too.')
    return found[0]
