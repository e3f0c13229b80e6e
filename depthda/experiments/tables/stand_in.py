"""Stand-ins for rows in a smoke run: tiny models for two iterations on a tiny dataset."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from depthda.engine.overrides import runtime_nodes, segmentor_config
from depthda.experiments.tables.configs import resolved_config
from depthda.experiments.tables.samples import SMOKE_SAMPLE
from depthda.experiments.tables.table import ChainStep, Row

_TRANSLATE = 'tools/translate.py'
# Overrides for the stand-in of a row that is selected on the target and tested without labels.
_UNLABELLED = [dict(type='LoadImageFromFile'), dict(type='LoadDepth'), dict(type='PackSegInputs')]
_SELECTED = {
    'train_dataloader.dataset.holdout': None,
    'val_dataloader.dataset.holdout': None,
    '+test_dataloader.dataset.labels': False,
    'test_dataloader.dataset.pipeline': _UNLABELLED,
    'test_evaluator': [],
}


def smoke_row(row: Row) -> Row:
    """Return the tiny stand-in of a row, on a tiny synthetic dataset.

    By default this is the row itself, if it uses a synthetic dataset, or else the tiny model of
    its kind in ``configs/sample``. Fields in the row's ``smoke`` override this default; a
    ``config`` or ``steps`` there replaces all of it.
    """
    fields = dict(row.smoke or {})
    if not fields.keys() & {'config', 'steps'}:
        kept = ('steps', 'options') if row.steps else ('config', 'options', 'test_options')
        own = {key: getattr(row, key) for key in kept}
        fields = (_tiny(row) if row.sample is None else own) | fields
    if 'config' in fields:
        options = fields.get('options', {})
        fields['options'] = {**options, **short_run(fields['config'], options)}
    steps = fields.pop('steps', ())
    steps = [step if isinstance(step, ChainStep) else ChainStep(**step) for step in steps]
    stand_in = dict(config=None, options={}, test_options={}, against=None, checkpoint=None)
    stand_in |= fields | dict(steps=tuple(_short(step) for step in steps))
    return replace(row, **stand_in, sample={**(row.sample or {}), **SMOKE_SAMPLE})


def short_run(config: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the overrides that end a training after two iterations.

    ``options`` are the other overrides of the config.
    """
    cfg = resolved_config(ChainStep(train=config, options=options or {}))
    short: dict[str, Any] = {'train_cfg.max_iters': 2, 'default_hooks.checkpoint.interval': 2}
    schedulers = cfg.get('param_scheduler') or []
    for i, scheduler in enumerate(schedulers):
        short |= {f'param_scheduler.{i}.begin': 1} if i or scheduler.get('begin') else {}
        short[f'param_scheduler.{i}.end'] = 2 if i == len(schedulers) - 1 else 1
    if 'translate_dataset' in cfg:
        sides = {'source': (64, 64), 'target': (48, 48)}
        nodes = [key for key, _ in runtime_nodes({'train_dataloader': cfg.train_dataloader})]
        short |= {key: sides[key.split('.')[2]] for key in nodes if key.endswith('.crop_size')}
        return short | {'model.target_size': (96, 96)}
    short |= {'train_cfg.val_interval': 2} if cfg.get('val_dataloader') else {}
    return short | {'train_dataloader.batch_size': 2}


def _short(step: ChainStep) -> ChainStep:
    if step.train:
        return replace(step, options={**step.options, **short_run(step.train, step.options)})
    if not step.tool or step.tool[0] != _TRANSLATE:
        return step
    # The tool builds the trained model, so it needs the same overrides.
    words = [f'{key}={value}'.replace(' ', '') for key, value in short_run(step.tool[1]).items()]
    option = () if '--cfg-options' in step.tool else ('--cfg-options',)
    return replace(step, tool=(*step.tool, *option, *words))


def _tiny(row: Row) -> dict[str, Any]:
    """Return a tiny model of the row's kind, in its direction and protocol."""
    cfg = resolved_config(ChainStep(train=row.config, options=row.options))
    domain = _source(cfg.train_dataloader.dataset).get('domain')
    direction, target = ('r2u', 'Urban') if domain == 'Rural' else ('u2r', 'Rural')
    kind = f'{_kind(segmentor_config(cfg.model))}_tiny'
    if cfg.model.type == 'DomainAdaptation':
        # The configs of a method begin with its name.
        method = Path(row.config).stem.split('_')[0].removesuffix('-released-weights')
        kind = f'{method}_{kind.replace("_tiny", "-tiny")}'
    config = f'configs/sample/{kind}_{direction}'
    if cfg.test_evaluator:
        return dict(config=f'{config}.py')
    images = f'{{data}}/Test/{target}/images_png'
    if cfg.val_dataloader is not None:
        selected = {**_SELECTED, 'val_dataloader.dataset.domain': target}
        return dict(config=f'{config}.py', options=selected, against=images)
    if not isinstance(domain, list):
        return dict(config=f'{config}-server.py', against=images)
    both = {f'{part}_dataloader.dataset.domain': domain for part in ('train', 'test')}
    return dict(config=f'{config}-server.py', options=both, against='{data}')


def _source(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the config of the labelled dataset, taken out of pairs and wrappers."""
    inner = dataset.get('source') or dataset.get('dataset')
    return _source(inner) if inner else dataset


def _kind(model: Mapping[str, Any]) -> str:
    if model['type'] == 'DepthSeg':
        return 'depthseg'
    if model['data_preprocessor'].get('depth') == 'drop':
        return 'upernet'
    parts = {(model.get(name) or {}).get('type') for name in ('neck', 'decode_head')}
    guided = parts & {'MultiScaleContrastiveNeck', 'DepthRefinedHead'}
    return 'depth_guided' if guided else 'depthda'
