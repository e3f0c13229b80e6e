"""Test a model with its depth map, and again with each of several replacements of the map."""

import copy
import functools
import os
import shutil
from collections.abc import Mapping, Sequence
from operator import getitem
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from depthda.engine.launch import test
from depthda.engine.prepare import load_config, use_tta
from depthda.errors import UserError

AS_IS = 'as-is'


class Variant(NamedTuple):
    """What replaces the depth map."""

    by: str | None  # the argument ``by`` of LoadControlDepth; None keeps the map
    words: str  # the replacement in words


VARIANTS = {
    AS_IS: Variant(None, 'the map as it is'),
    'degraded': Variant('degraded', 'the map blurred and mixed with smooth noise'),
    'grey': Variant('grey', 'a grey copy of the image'),
    'shuffle': Variant('other-tile', 'the map of another tile'),
    'flat': Variant('constant', 'equal depth everywhere'),
    'zero': Variant('none', 'no depth anywhere'),
}


def test_variants(
    config: str | Path,
    checkpoint: str | Path,
    kinds: Sequence[str],
    folder: Path,
    tta: bool = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
) -> None:
    """Run the same test with each variant in ``kinds``; results go to ``<folder>/<kind>``."""
    options = cfg_options or {}
    cfg = load_config(config, options)
    for kind in kinds:
        place = dict(work_dir=os.path.join(folder, kind), tta=tta, launcher=launcher)
        replaced = {**options, **_replace_depth(cfg, tta, VARIANTS[kind].by)}
        test(config, checkpoint, cfg_options=replaced, **place)


def check_predictions(predictions: Mapping[str, str]) -> None:
    """Refuse folders of predicted maps that are missing, empty or given twice."""
    if AS_IS not in predictions:
        raise UserError('--predictions: give the maps of the usual test too, as-is=DIR.')
    places = {kind: Path(folder).resolve() for kind, folder in predictions.items()}
    for kind, place in places.items():
        if not place.is_dir() or not any(place.iterdir()):
            raise UserError(f'--predictions {kind}={predictions[kind]}: no maps are there.')
        if twin := next(
            (other for other in places if other != kind and places[other] == place), None
        ):
            raise UserError(f'--predictions: {kind} and {twin} are one folder, {place}.')


def check_test(cfg: Config, config: str | Path, tta: bool) -> None:
    """Refuse a config whose test has no labels, no depth, or depth that is replaced already."""
    if cfg.get('test_dataloader') is None or not cfg.get('test_evaluator'):
        raise UserError(f'{config} has no labelled test images, which an audit needs.')
    if tta:
        use_tta(copy.deepcopy(cfg))  # raises an error if the config has no TTA
    _place(cfg, tta)


def remove_earlier(folder: Path) -> None:
    """Remove what an earlier audit has written, so that no page mixes two models."""
    for kind in VARIANTS:
        shutil.rmtree(folder / kind, ignore_errors=True)
    for name in ('audit.html', 'audit.json'):
        (folder / name).unlink(missing_ok=True)


def reads_depth(cfg: Config) -> bool:
    """Return whether the test of a config loads depth and its model takes it."""
    taken = (cfg.model.get('data_preprocessor') or {}).get('depth') != 'drop'
    key, step = _place(cfg, False)
    return taken and functools.reduce(getitem, key.split('.'), cfg)[step].get('folder') is not None


def _place(cfg: Config, tta: bool) -> tuple[str, int]:
    """Return the key of the tested pipeline, and the index of the step that loads depth."""
    key = 'tta_pipeline' if tta else 'test_dataloader.dataset.pipeline'
    try:
        steps = [step['type'] for step in functools.reduce(getitem, key.split('.'), cfg)]
    except KeyError as error:
        raise UserError(
            f'the audit replaces a step of {key}, which this config does not have: name one '
            'dataset, with a pipeline, in test_dataloader.'
        ) from error
    if 'LoadControlDepth' in steps:
        raise UserError(f'{key} has LoadControlDepth: this test replaces depth already.')
    if 'LoadDepth' not in steps:
        raise UserError(
            f'the audit replaces LoadDepth in {key}, but that has none: add LoadDepth to it.'
        )
    return key, steps.index('LoadDepth')


def _replace_depth(cfg: Config, tta: bool, by: str | None) -> dict[str, str]:
    key, step = _place(cfg, tta)
    place = f'{key}.{step}'
    return {} if by is None else {f'{place}.type': 'LoadControlDepth', f'+{place}.by': by}
