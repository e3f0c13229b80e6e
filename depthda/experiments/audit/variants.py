"""Test a model with its depth map, and with several replacements of the map."""

import copy
import shutil
from collections.abc import Mapping, Sequence
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
        settings = dict(work_dir=str(folder / kind), tta=tta, launcher=launcher)
        replaced = {**options, **_replace_depth(cfg, tta, VARIANTS[kind].by)}
        test(config, checkpoint, cfg_options=replaced, **settings)


def check_predictions(predictions: Mapping[str, str]) -> None:
    """Refuse folders of predicted maps that are missing, empty or named twice."""
    if AS_IS not in predictions:
        raise UserError('--predictions needs the maps of the ordinary test too: add as-is=DIR.')
    folders = {kind: Path(folder).resolve() for kind, folder in predictions.items()}
    for kind, folder in folders.items():
        if not folder.is_dir() or not any(folder.iterdir()):
            raise UserError(
                f'--predictions {kind}={predictions[kind]}: the folder is missing or empty: name a '
                'folder of predicted maps.'
            )
        same = [other for other in folders if folders[other] == folder]
        if len(same) > 1:
            raise UserError(
                f'--predictions: {same[0]} and {same[1]} are the same folder, {folder}: name a '
                'separate folder for each.'
            )


def check_test(cfg: Config, config: str | Path, tta: bool) -> None:
    """Refuse a config whose test has no labels, no depth, or depth that is already replaced."""
    if cfg.get('test_dataloader') is None or not cfg.get('test_evaluator'):
        raise UserError(
            f'{config} has no labelled test images: use a config whose test has labels, which an '
            'audit needs.'
        )
    if tta:
        use_tta(copy.deepcopy(cfg))  # raises an error if the config has no TTA
    _depth_step(cfg, tta)


def remove_earlier(folder: Path) -> None:
    """Remove the files of an earlier audit, so that no page mixes two models."""
    for kind in VARIANTS:
        shutil.rmtree(folder / kind, ignore_errors=True)
    for name in ('audit.html', 'audit.json'):
        (folder / name).unlink(missing_ok=True)


def reads_depth(cfg: Config) -> bool:
    """Return whether the test of a config loads depth and its model uses it."""
    kept = (cfg.model.get('data_preprocessor') or {}).get('depth') != 'drop'
    return kept and _depth_step(cfg, False)[1].get('folder') is not None


def _depth_step(cfg: Config, tta: bool) -> tuple[str, dict[str, Any]]:
    """Return the config key and the settings of the step in the test pipeline that loads depth."""
    key = 'tta_pipeline' if tta else 'test_dataloader.dataset.pipeline'
    try:
        pipeline = cfg.tta_pipeline if tta else cfg.test_dataloader.dataset.pipeline
    except AttributeError as error:
        raise UserError(
            f'this config has no {key}, in which the audit replaces a step: set one dataset with a '
            'pipeline in test_dataloader.'
        ) from error
    steps = [step['type'] for step in pipeline]
    if 'LoadControlDepth' in steps:
        raise UserError(
            f'{key} already replaces depth with LoadControlDepth: use a config with LoadDepth.'
        )
    if 'LoadDepth' not in steps:
        raise UserError(
            f'{key} has no step LoadDepth, which the audit replaces: add LoadDepth to the pipeline.'
        )
    index = steps.index('LoadDepth')
    return f'{key}.{index}', pipeline[index]


def _replace_depth(cfg: Config, tta: bool, by: str | None) -> dict[str, str]:
    key, _ = _depth_step(cfg, tta)
    return {} if by is None else {f'{key}.type': 'LoadControlDepth', f'+{key}.by': by}
