"""Plan the runs of a table: one for each row, world and seed, with its folder and result."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from depthda.engine.checks.renamed import first_name, former_names
from depthda.errors import UserError
from depthda.experiments.tables import configs
from depthda.experiments.tables.samples import sample_folder
from depthda.experiments.tables.stand_in import smoke_row
from depthda.experiments.tables.table import ChainStep, Pretraining, Row, Table
from depthda.experiments.tables.table_check import unknown_name_error
from depthda.experiments.tested_run import name_pair
from depthda.io.files import read_json
from depthda.io.tuples import stored
from depthda.models.renamed import first_form

# The keys of a config that affect the result. Logging and the work dir do not.
DECIDING = (
    *configs.LOADERS,
    *('model', 'data_preprocessor', 'custom_hooks', 'randomness', 'load_from', 'runner_type'),
    *('train_cfg', 'val_cfg', 'test_cfg', 'val_evaluator', 'test_evaluator'),
    *('optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'translate_dataset'),
)


@dataclass(frozen=True, eq=False)
class Run:
    """The training (or chain) and test of one row, world and seed.

    The name of the folder ends with a hash of everything that affects the result. A finished run
    is therefore found again, and a run with other settings gets a new folder next to the old one.
    """

    table: str
    row: Row
    world: int | None
    seed: int
    steps: tuple[ChainStep, ...]
    hash: str
    folder: Path
    data: Path | None  # the synthetic dataset, which is made before the run
    missing: str | None  # a data folder that the run needs and that does not exist
    pretraining: 'Run | None' = None  # the run that trains the initial weights

    @property
    def title(self) -> str:
        return f'{self.row.name}, {name_pair(self.world, self.seed)}'

    @property
    def result(self) -> dict[str, Any] | None:
        """The result of the run, with the server's scores if they have been recorded."""
        result = read_json(self.folder / 'result.json')
        if result and (score := read_json(self.folder / 'score.json')):
            result |= {'state': 'done', 'scores': score['scores'], 'recorded': score['recorded']}
        return result

    @property
    def error(self) -> str | None:
        """The error of a run that failed and has not been repeated."""
        failed = read_json(self.folder / 'failed.json')
        return failed['error'] if failed and not self.result else None

    def describe(self) -> dict[str, Any]:
        """Return the content of ``run.json``, which the worker reads."""
        row, data = self.row, self.data and str(self.data)
        described = dict(table=self.table, row=row.name, world=self.world, seed=self.seed)
        described |= dict(hash=self.hash, protocol=row.protocol, sample=row.sample, data=data)
        pretrained = self.pretraining and str(self.pretraining.folder)
        steps = [stored(asdict(step)) for step in self.steps]
        return described | dict(pretrained=pretrained, steps=steps)


def plan_runs(
    table: Table,
    out: str | Path,
    seeds: Sequence[int] | None = None,
    worlds: Sequence[int] | None = None,
    only: Sequence[str] | None = None,
    smoke: bool = False,
) -> list[Run]:
    """Return the runs of a table, row by row, or only those of some rows, worlds and seeds."""
    chosen = [table.row(name) for name in only] if only else table.rows
    if only and (absent := next((row for row in chosen if row.absent), None)):
        raise UserError(f'row {absent.name!r} cannot be run: {absent.absent}.')
    names = {table.figures_of(row).name for row in chosen}
    rows = [row for row in table.rows if row.name in names and not row.absent]
    finished = {path.parent.name: path.parent for path in Path(out).glob('*/*/*/result.json')}
    planner = _Planner(Path(out), smoke, finished)
    return [
        planner.plan(table, row, world, seed)
        for row in rows
        for world in ((worlds or table.worlds) if row.sample is not None else (None,))
        for seed in (table.seeds if seeds is None else seeds)
    ]


@dataclass(frozen=True)
class _Planner:
    """Plan runs in folders below ``out``; with ``smoke``, runs of the stand-ins of the rows."""

    out: Path
    smoke: bool
    finished: Mapping[str, Path]  # folders of finished runs, by folder name

    def plan(self, table: Table, row: Row, world: int | None, seed: int) -> Run:
        if row.sample is not None and world is None:
            raise UserError(
                f'row {row.name!r} uses a synthetic dataset, but the table has no worlds: set '
                'worlds.'
            )
        if row.pretrained and world == row.pretrained.world:
            raise UserError(
                f'row {row.name!r} is tested on world {world}, which its pretraining has seen: use '
                'another world.'
            )
        if self.smoke:
            row = smoke_row(row)
            world = 0 if world is None else world
        steps = tuple(_with_row(row, step) for step in _steps(row))
        _check_best(row, steps)
        if not self.smoke:  # a stand-in is tested on LoveDA's classes
            _check_classes(table, row, steps)
            _check_baseline(table, row, steps)
        return self._run(table.name, row, world, seed, steps)

    def _pretraining(self, settings: Pretraining) -> Run:
        config, sample = settings.config, settings.sample
        row = Row(Path(config).stem, 'pretraining', config, sample=sample, protocol='pretraining')
        row = smoke_row(row) if self.smoke else row
        step = _with_row(row, ChainStep(train=row.config))
        return self._run('pretraining', row, settings.world, 0, (step,))

    def _run(self, table: str, row: Row, world: int | None, seed: int, steps: tuple) -> Run:
        pretraining = row.pretrained and self._pretraining(row.pretrained)
        identity = [world, seed, row.sample, [_identity(step) for step in steps]]
        identity += [pretraining.hash] if pretraining else []
        content = json.dumps(identity, sort_keys=True, default=repr)
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        prefix = f'seed-{seed}' if world is None else f'world-{world}_seed-{seed}'
        folder = self.out / table / row.name / f'{prefix}-{digest}'
        if not (folder / 'result.json').is_file():
            # Perhaps the run was finished for another table, or stopped when the table or the row
            # still had its former name.
            former = self.out.joinpath(*former_names(table, row.name), folder.name)
            stopped = former if former.is_dir() and not folder.is_dir() else folder
            folder = self.finished.get(folder.name, stopped)
        data = None if row.sample is None else sample_folder(self.out, world, row.sample)
        cfgs = [configs.resolved_config(step) for step in steps if not (step.tool or self.smoke)]
        roots = [root for cfg in cfgs for root in configs.data_roots(cfg).values()]
        absent = (root for root in roots if '{' not in root and not Path(root).is_dir())
        missing = next(absent, None)
        return Run(table, row, world, seed, steps, digest, folder, data, missing, pretraining)


def _check_best(row: Row, steps: Sequence[ChainStep]) -> None:
    """Refuse to test a best checkpoint if the training does not save one."""
    best = {step.of for step in steps if step.test and step.checkpoint == 'best'}
    for step in (step for step in steps if step.train and step.name in best):
        cfg = configs.resolved_config(step)
        hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
        if not hook.get('save_best') or cfg.get('val_dataloader') is None:
            raise UserError(
                f"row {row.name!r} tests the 'best' checkpoint, but its training saves none: set "
                "default_hooks.checkpoint.save_best and val_dataloader, or checkpoint='last'."
            )


def _check_baseline(table: Table, row: Row, steps: Sequence[ChainStep]) -> None:
    """Refuse to compare a row with one that is tested on another domain."""
    base = table.figures_of(table.row(row.baseline)) if row.baseline else None
    if base is None or base.absent or not steps[-1].test:
        return
    tested = [_tested_domain(step) for step in (steps[-1], _with_row(base, _steps(base)[-1]))]
    if all(isinstance(domain, str) for domain in tested) and tested[0] != tested[1]:
        raise UserError(
            f'row {row.name!r} is tested on {tested[0]}, but its baseline {base.name!r} on '
            f'{tested[1]}: name a baseline of the same direction.'
        )


def _tested_domain(step: ChainStep) -> Any:
    loader = configs.resolved_config(step).get('test_dataloader') if step.test else None
    return ((loader or {}).get('dataset') or {}).get('domain')


def _check_classes(table: Table, row: Row, steps: Sequence[ChainStep]) -> None:
    """Refuse a column for a class that the tested dataset does not have."""
    names = configs.classes_of_test(configs.resolved_config(steps[-1])) if steps[-1].test else ()
    for column in table.columns if names else ():
        score, dot, name = column.key.rpartition('/')[2].partition('.')
        keys = [f'{score}.{name}' for name in names]
        if dot and f'{score}.{name}' not in keys:
            mistake = unknown_name_error('score', f'{score}.{name}', keys)
            raise UserError(f'column {column.title!r} of row {row.name!r}: {mistake}')


def _steps(row: Row) -> tuple[ChainStep, ...]:
    if row.steps:
        return row.steps
    fields = dict(checkpoint=row.checkpoint, against=row.against, tta=row.tta)
    test = ChainStep(test=row.config, options=row.test_options, **fields)
    return ChainStep(train=row.config), test


def _with_row(row: Row, step: ChainStep) -> ChainStep:
    """Return the step with the overrides of the row, the folder of its dataset, and the seed."""
    if step.tool:
        return step
    options = {**row.options, **step.options}
    if row.sample is not None:
        cfg = configs.read_config(step.train or step.test)
        options = dict.fromkeys(configs.data_roots(cfg), '{data}') | options
    if step.train:
        options['randomness.seed'] = '{seed}'
    return replace(step, options=options)


def _identity(step: ChainStep) -> Any:
    if step.tool:
        return [first_name(word) for word in step.tool]
    cfg = configs.resolved_config(step).to_dict()
    content = first_form({key: cfg[key] for key in DECIDING if key in cfg})
    if cfg.get('load_partial'):
        content['load_partial'] = True
    # The checkpoint hook decides which checkpoints are kept, and which one is the best.
    content['checkpoint'] = cfg.get('default_hooks', {}).get('checkpoint')
    fields = [step.name, step.of, step.checkpoint, step.against]
    fields += ['tta'] if step.tta else []
    return ['test' if step.test else 'train', content, *fields]
