"""Test a model once with its depth map and once with each of several things in its place."""

import functools
import os
from collections.abc import Mapping, Sequence
from operator import getitem
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from depthda.engine.launch import test
from depthda.engine.prepare import load_config
from depthda.engine.score_predictions import score_predictions
from depthda.errors import UserError

AS_IS = 'as-is'


class Variant(NamedTuple):
    """What stands in place of the depth map."""

    by: str | None  # of LoadControlDepth; None keeps the map
    words: str


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
    """Run the same test with each of ``kinds``; each writes to ``<folder>/<kind>``."""
    options = cfg_options or {}
    cfg = load_config(config, options)
    pipeline = 'tta_pipeline' if tta else 'test_dataloader.dataset.pipeline'
    for kind in kinds:
        place = dict(work_dir=os.path.join(folder, kind), tta=tta, launcher=launcher)
        replaced = {**options, **_replace_depth(cfg, pipeline, VARIANTS[kind].by)}
        test(config, checkpoint, cfg_options=replaced, **place)


def score_variants(
    config: str | Path,
    predictions: Mapping[str, str],
    folder: Path,
    cfg_options: dict[str, Any] | None = None,
) -> None:
    """Score the maps that any program has predicted with each variant of depth."""
    for kind, maps in predictions.items():
        score_predictions(config, maps, str(folder / kind), cfg_options=cfg_options)


def reads_depth(cfg: Config) -> bool:
    """Return whether the model of a config takes the depth channel of its images."""
    return (cfg.model.get('data_preprocessor') or {}).get('depth') != 'drop'


def _replace_depth(cfg: Config, pipeline: str, by: str | None) -> dict[str, str]:
    """Return the overrides that replace depth."""
    steps = [step['type'] for step in functools.reduce(getitem, pipeline.split('.'), cfg)]
    if 'LoadDepth' not in steps:
        raise UserError(
            f'the audit replaces LoadDepth in {pipeline}, but that has none: add LoadDepth to it.'
        )
    step = f'{pipeline}.{steps.index("LoadDepth")}'
    return {} if by is None else {f'{step}.type': 'LoadControlDepth', f'+{step}.by': by}
